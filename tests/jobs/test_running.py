"""How long a picture takes is told from pictures before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.jobs.test_store import RECIPE
from webui.core.types import GeneratedImage
from webui.jobs.running import measured

SECONDS = {"loading": 9.0, "encoding": 0.5, "denoising": 6.0, "decoding": 1.5}


@pytest.mark.parametrize("size", [(RECIPE.width, RECIPE.height), (4032, 3024)])
def test_a_picture_like_the_last_takes_as_long(size: tuple[int, int]) -> None:
    """Also where a spot of a large photo was repainted, which is drawn at the model's own size."""
    recipe = replace(RECIPE, init_image="u1", mask_image="u2", strength=0.5)
    pace = measured(GeneratedImage(recipe, *size, b"", SECONDS), None)
    assert pace.picture_seconds(recipe) == pytest.approx(8.0)
    assert pace.picture_seconds(replace(recipe, width=2 * recipe.width)) == pytest.approx(16.0)


def test_the_newest_picture_counts_a_third() -> None:
    slow = measured(GeneratedImage(RECIPE, 8, 8, b"", SECONDS), None)
    fast = measured(GeneratedImage(RECIPE, 8, 8, b"", {"denoising": 3.0}), slow)
    assert fast.picture_seconds(RECIPE) == pytest.approx(8.0 - 5.0 / 3)
