"""Row 33: more work than Easel takes at once is refused, with the nearest size that is allowed on a button."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.cards import BIG, settled
from webui.core.errors import TooMuchAsked
from webui.core.settle import LIMITS
from webui.core.types import Defaults

VAST = replace(BIG, defaults=Defaults(1024, 1024, 30, 7.0, "Euler", 512, 8192))


def test_row33_exactly_the_ceiling_is_allowed_and_one_step_more_is_not() -> None:
    assert LIMITS.work == 1024 * 1024 * 60 * 16
    assert settled(BIG, count=16, steps=60).steps == 60
    with pytest.raises(TooMuchAsked) as caught:
        settled(BIG, count=16, steps=61)
    fault = caught.value.fault
    assert (fault.code, fault.status, fault.fix, fault.fix_label) == (
        "too_much_asked",
        422,
        "size:1008x1008",
        "Draw at 1008 × 1008",
    )


@pytest.mark.parametrize(
    "asked", [(2048, 2048, 150, 16), (2048, 1024, 100, 16), (8192, 8192, 30, 1), (8192, 2048, 60, 16)]
)
def test_row33_what_the_button_says_is_the_nearest_that_works(asked) -> None:
    width, height, steps, count = asked
    with pytest.raises(TooMuchAsked) as caught:
        settled(VAST, width=width, height=height, steps=steps, count=count)
    if not caught.value.fix:
        assert LIMITS.work / (width * height * steps * count) < (512 / min(width, height)) ** 2 * 1.1
        return
    smaller = tuple(map(int, caught.value.fix.removeprefix("size:").split("x")))
    recipe = settled(VAST, width=smaller[0], height=smaller[1], steps=steps, count=count)
    assert (recipe.width, recipe.height) == smaller
    assert smaller[0] * smaller[1] * steps * count > 0.9 * LIMITS.work, "not smaller than needed"
    assert abs(smaller[0] / smaller[1] / (width / height) - 1) < 0.03


def test_row33_where_no_size_helps_it_says_so() -> None:
    narrow = replace(VAST, defaults=replace(VAST.defaults, min_side=1024))
    with pytest.raises(TooMuchAsked) as caught:
        settled(narrow, width=8192, height=8192, steps=150, count=16)
    assert caught.value.fix == ""
    assert "fewer" in caught.value.hint
