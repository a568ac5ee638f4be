from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.cards import LORAS, SMALL, presets
from webui.core.errors import InvalidRequest
from webui.core.larger import larger, why_not_larger
from webui.core.settle import settle
from webui.core.types import Defaults, GenerationRequest, Inpainting

TINY = replace(SMALL, defaults=Defaults(128, 128, 12, 4.0, "DDIM", 64, 512))


@given(st.integers(8, 64), st.integers(8, 64))
def test_a_larger_picture_has_twice_the_sides_as_far_as_the_model_goes(wide: int, high: int) -> None:
    size = wide * 8, high * 8
    asked = GenerationRequest("a cat", shape="Wide", count=4, seed=7)
    assert bool(why_not_larger(size, TINY.defaults)) == (max(size) * 1.2 > 512)
    if max(size) * 1.2 > 512:
        with pytest.raises(InvalidRequest):
            larger(asked, "p", size, TINY.defaults)
        return
    recipe, count = settle(larger(asked, "p", size, TINY.defaults), TINY, LORAS, presets(), random.Random(0), size)
    assert count == 1 and recipe.seed == 7 and recipe.task == "image_to_image" and recipe.init_image == "p"
    assert max(recipe.width, recipe.height) == min(2 * max(size), 512)
    if max(size) <= 256 and min(size) >= 64:
        assert (recipe.width, recipe.height) == (2 * size[0], 2 * size[1])


def test_of_a_repainted_picture_only_the_picture_counts() -> None:
    asked = GenerationRequest("a cat", init_image="photo", mask_image="mask", inpaint=Inpainting(extend_left=64))
    once_more = larger(asked, "p", (128, 128), TINY.defaults)
    assert (once_more.init_image, once_more.mask_image, once_more.inpaint) == ("p", None, None)


def test_no_more_pixels_than_a_photo_is_redrawn_with() -> None:
    defaults = replace(TINY.defaults, photo_side=256)
    asked = GenerationRequest("a cat")

    def size(*before: int) -> tuple[int | None, int | None]:
        once_more = larger(asked, "p", (before[0], before[1]), defaults)
        return once_more.width, once_more.height

    assert size(128, 128) == (256, 256)
    assert size(160, 96) == (320, 192)
    assert size(128, 192) == (209, 314)
    with pytest.raises(InvalidRequest):
        size(256, 256)
