"""A finished picture once more, with more pixels and finer detail."""

from __future__ import annotations

import math
from dataclasses import replace

from webui.core.errors import InvalidRequest
from webui.core.geometry import Size
from webui.core.types import Defaults, GenerationRequest

TIMES, WORTH_IT = 2.0, 1.2
FULL_SIZE = "This picture is already as large as its model draws.", "Choose a model that draws larger pictures."
STRENGTH = 0.35  # enough to draw detail that was not there, too little to draw something else


def larger(asked: GenerationRequest, picture: str, size: Size, defaults: Defaults) -> GenerationRequest:
    """What was asked for a picture of that id and size, asked again from itself at twice the sides.

    Less than twice where the model, of which these are the `defaults`, does not draw as large, or redraws photos with
    fewer pixels.

    Raises:
        InvalidRequest: when that would be hardly larger.
    """
    times = _times(size, defaults)
    if times < WORTH_IT:
        raise InvalidRequest(*FULL_SIZE)
    width, height = (round(side * times) for side in size)
    return replace(
        asked, init_image=picture, mask_image=None, inpaint=None, resize="keep", strength=STRENGTH,
        shape=None, width=width, height=height, count=1,
    )  # fmt: skip


def why_not_larger(size: Size, defaults: Defaults) -> str:
    """Why `larger` would refuse a picture of that size, in a sentence for the page; "" when it would not."""
    return FULL_SIZE[0] if _times(size, defaults) < WORTH_IT else ""


def _times(size: Size, defaults: Defaults) -> float:
    """By how much the sides can grow."""
    times = min(TIMES, defaults.max_side / max(size))
    return min(times, defaults.photo_side / math.sqrt(size[0] * size[1])) if defaults.photo_side else times
