"""Ready-made tasks: what ships can all be asked for, and a damaged one is refused."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from tests.core.cards import LORAS, SMALL, presets
from webui.core.settle import settle
from webui.core.tasks import read_tasks
from webui.core.types import GenerationRequest, Inpainting

PHOTO = (1200, 900)


def test_the_tasks_that_were_promised_ship() -> None:
    names = " ".join(presets().tasks).casefold()
    assert all(word in names for word in ("remove", "background", "sky", "restyle", "sketch", "wallpaper"))


@pytest.mark.parametrize("name", presets().tasks)
@pytest.mark.parametrize("typed", ["", "a red fox"])
def test_every_task_settles(name: str, typed: str) -> None:
    task = presets().tasks[name]
    mask = "mask" if task.needs in ("mask", "mask_of_rest") else None
    request = task.request(GenerationRequest(typed, seed=3, steps=5, init_image="photo", mask_image=mask))
    if "extend_to" in task.settings:
        request = replace(request, inpaint=Inpainting(extend_left=200, extend_right=200))
    recipe, _ = settle(request, SMALL, LORAS, presets(), random.Random(0), PHOTO)
    assert recipe.task == task.tab, task
    assert recipe.prompt and (recipe.seed, recipe.steps) == (3, 5)
    assert typed in recipe.prompt and "{" not in recipe.prompt
    assert task.sentence.endswith(".")


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
