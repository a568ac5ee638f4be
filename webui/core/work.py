"""What a picture asks of the device, from which its seconds are foretold."""

from __future__ import annotations

from dataclasses import dataclass

from webui.core.geometry import Size, passes, place
from webui.core.types import Defaults, Recipe


@dataclass(frozen=True, slots=True)
class DrawnWork:
    """Over all drawings of a picture: the pixels, and the pixels times the steps, twice with guidance."""

    pixels: int
    pixel_steps: int


def work_of(recipe: Recipe, photo: Size | None = None, defaults: Defaults | None = None) -> DrawnWork:
    """The work of one picture. `photo` is the size of the recipe's photo, `defaults` are those of its model; without
    them the picture counts as drawn at once.

    What was not there before, beyond a photo or in bands beside it, takes all steps whatever the strength.
    """
    size = recipe.width, recipe.height
    area = recipe.width * recipe.height
    taken = min(max(int(recipe.steps * recipe.strength), 1), recipe.steps)
    beyond = 0
    if photo and defaults and recipe.task == "inpaint":
        sizes = [one.region.size for one in passes(photo, recipe.inpaint.extend, defaults, area)]
        beyond = sum(width * height for width, height in sizes)
    elif photo and recipe.task == "image_to_image" and not place(photo, size, recipe.resize).covers:
        taken = recipe.steps
    first = area if recipe.mask_image or not beyond else 0
    calls = 2 if recipe.guidance_scale > 1 else 1
    return DrawnWork(first + beyond, calls * (first * taken + beyond * recipe.steps))
