"""Ready-made tasks: what ships can all be asked for, and a damaged one is refused."""

from __future__ import annotations

import json
import random

import pytest

from tests.core.cards import LORAS, SMALL, presets
from webui.core.settle import settle
from webui.core.tasks import extension_to, read_tasks
from webui.core.types import GenerationRequest

PHOTO = (1200, 900)


def test_the_tasks_that_were_promised_ship() -> None:
    names = " ".join(presets().tasks).casefold()
    assert all(word in names for word in ("remove", "background", "sky", "restyle", "sketch", "wallpaper"))


@pytest.mark.parametrize("name", presets().tasks)
@pytest.mark.parametrize("typed", ["", "a red fox"])
def test_every_task_settles(name: str, typed: str) -> None:
    task = presets().tasks[name]
    mask = "mask" if task.needs in ("mask", "mask_of_rest") else None
    request = task.request(typed, "photo", mask, PHOTO, GenerationRequest(seed=3, steps=5))
    recipe, _ = settle(request, SMALL, LORAS, presets(), random.Random(0), PHOTO)
    assert recipe.task == task.tab, task
    assert recipe.prompt and (recipe.seed, recipe.steps) == (3, 5)
    assert typed in recipe.prompt and "{" not in recipe.prompt
    assert task.sentence.endswith(".")


def test_a_wallpaper_is_sixteen_to_nine() -> None:
    recipe_extend = presets().tasks["Extend to a wallpaper"].request("", "photo", photo=PHOTO).inpaint
    assert recipe_extend is not None and recipe_extend.extend == (200, 0, 200, 0)


@pytest.mark.parametrize("photo", [(1200, 900), (900, 1200), (16, 9), (1, 1), (1921, 1080)])
def test_an_extension_has_the_ratio_and_cuts_nothing(photo: tuple[int, int]) -> None:
    left, top, right, bottom = extension_to(photo, 16, 9)
    width, height = photo[0] + left + right, photo[1] + top + bottom
    assert min(left, top, right, bottom) >= 0
    assert abs(width * 9 - height * 16) < 16
    assert abs(left - right) <= 1 and abs(top - bottom) <= 1


@pytest.mark.parametrize(
    "change",
    [
        {"tab": "gallery"},
        {"name": ""},
        {"needs": "luck"},
        {"settings": {"model": "x"}},
        {"settings": {"inpaint": {"x": 1}}},
    ],
)
def test_a_damaged_task_is_refused(change: dict[str, object]) -> None:
    whole = {"name": "A", "sentence": "B.", "tab": "inpaint"}
    assert read_tasks(json.dumps([whole]))
    with pytest.raises(ValueError):
        read_tasks(json.dumps([whole | change]))
