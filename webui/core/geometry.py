"""Where a photo, its mask and what is drawn lie in each other: pure arithmetic on whole pixels.

A box is (left, top, right, bottom), right and bottom outside. The canvas is the photo with what it is extended by.
A region is a box of the canvas and the size at which a model draws it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from webui.core.types import Defaults, Resize

Box = tuple[int, int, int, int]
Size = tuple[int, int]

GRID = 8
LEAST_CONTEXT = 32
WIDEST = 2.0
"""A region is at most so many times as wide as high, or the other way round, where the canvas has room."""
BAND = 0.75
"""An extension is drawn in bands of at most so many times the photo's other side, beside as much of what is known."""
SHARP_ENOUGH = 0.75
"""All sides are extended at once, which holds together best, unless bands would be drawn this much finer."""


@dataclass(frozen=True, slots=True)
class Placement:
    """`source` of the photo becomes `target` of a picture of `size`; what lies outside the target is to be drawn."""

    source: Box
    target: Box
    size: Size

    @property
    def covers(self) -> bool:
        return self.target == (0, 0, *self.size)


@dataclass(frozen=True, slots=True)
class Region:
    """The `box` of the canvas that is drawn at once, and the size it is drawn at (multiples of 8)."""

    box: Box
    size: Size


@dataclass(frozen=True, slots=True)
class Pass:
    """One drawing of an extension: `fresh` is new, all else of the region has been there before."""

    region: Region
    fresh: tuple[Box, ...]


def drawing_size(ratio: float, defaults: Defaults, area: int = 0) -> Size:
    """The size, in multiples of 8, nearest to a ratio of width to height and to an area (0: the model's own).

    Both sides stay within the model's limits: a very long photo is drawn in the longest shape that the model can.
    """
    low, high = -(-defaults.min_side // GRID) * GRID, defaults.max_side // GRID * GRID
    area = area or defaults.width * defaults.height
    width = math.sqrt(area * ratio)
    start = int(min(max(width, low), high)) // GRID * GRID
    widths = [w for w in range(start - 2 * GRID, start + 3 * GRID, GRID) if low <= w <= high]
    sizes = [(w, min(max(round(w / ratio / GRID) * GRID, low), high)) for w in widths]
    return min(sizes, key=lambda wh: 4 * abs(math.log(wh[0] / wh[1] / ratio)) + abs(math.log(wh[0] * wh[1] / area)))


def fit_inside(photo: Size, box: Size, defaults: Defaults) -> Size:
    """The largest size in the photo's ratio within a box, in multiples of 8 and within the model's limits.

    A box that already has the photo's ratio is taken as it is, so that settling twice changes nothing.
    """
    ratio = photo[0] / photo[1]
    if round(box[1] * ratio / GRID) * GRID == box[0] or round(box[0] / ratio / GRID) * GRID == box[1]:
        return box
    scale = min(box[0] / photo[0], box[1] / photo[1])
    low, high = -(-defaults.min_side // GRID) * GRID, defaults.max_side // GRID * GRID
    width, height = (min(max(round(side * scale / GRID) * GRID, low), high) for side in photo)
    return width, height


def place(photo: Size, size: Size, resize: Resize) -> Placement:
    """How a photo becomes a picture of `size`: "fill" keeps all of it and leaves bands free, others cut."""
    width, height = size
    if resize == "fill":
        scale = min(width / photo[0], height / photo[1])
        inner = tuple(max(1, min(side, round(p * scale))) for side, p in zip(size, photo, strict=True))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        return Placement((0, 0, *photo), (left, top, left + inner[0], top + inner[1]), size)
    scale = min(photo[0] / width, photo[1] / height)
    cut = max(1, min(photo[0], round(width * scale))), max(1, min(photo[1], round(height * scale)))
    left, top = (photo[0] - cut[0]) // 2, (photo[1] - cut[1]) // 2
    return Placement((left, top, left + cut[0], top + cut[1]), (0, 0, width, height), size)


def region_around(mask: Box, canvas: Size, padding: int, defaults: Defaults, area: int = 0) -> Region:
    """What is drawn to repaint a masked box: surroundings too, about square, magnified to an area (0: the model's).

    `padding` pixels of surroundings on every side; 0 takes half of the mask's longer side, and magnifies at most twice.
    The region may be smaller than the model's area only where the canvas is; then it is magnified all the same.
    """
    area = area or defaults.width * defaults.height
    longest = max(mask[2] - mask[0], mask[3] - mask[1])
    chosen = padding or max(LEAST_CONTEXT, longest // 2)
    width, height = mask[2] - mask[0] + 2 * chosen, mask[3] - mask[1] + 2 * chosen
    if not padding:
        least = math.isqrt(area) // 2
        width, height = max(width, least), max(height, least)
    width, height = max(width, math.ceil(height / WIDEST)), max(height, math.ceil(width / WIDEST))
    width, height = min(width, canvas[0]), min(height, canvas[1])
    box = _around(mask, (width, height), canvas)
    return _fine_region(box, canvas, defaults, area)


def whole(canvas: Size, size: Size) -> Region:
    return Region((0, 0, *canvas), size)


def canvas_of(photo: Size, extend: Box) -> tuple[Size, Box]:
    """The canvas, and where the photo lies in it. `extend` is pixels beyond left, top, right and bottom."""
    left, top, right, bottom = extend
    return (photo[0] + left + right, photo[1] + top + bottom), (left, top, left + photo[0], top + photo[1])


def passes(photo: Size, extend: Box, defaults: Defaults, area: int = 0) -> tuple[Pass, ...]:
    """The drawings that extend a photo, in order; () when it is not extended."""
    if not any(extend):
        return ()
    area = area or defaults.width * defaults.height
    canvas, known = canvas_of(photo, extend)
    banded = tuple(_bands(canvas, known, defaults, area))
    at_once = drawing_size(canvas[0] / canvas[1], defaults, area)
    finest = min(band.region.size[0] / (band.region.box[2] - band.region.box[0]) for band in banded)
    squarish = 1 / WIDEST <= canvas[0] / canvas[1] <= WIDEST
    half_known = photo[0] * photo[1] * 2 >= canvas[0] * canvas[1]
    if squarish and half_known and at_once[0] / canvas[0] >= min(1.0, finest) * SHARP_ENOUGH:
        return (Pass(whole(canvas, at_once), _frame(canvas, known)),)
    return banded


def _bands(canvas: Size, known: Box, defaults: Defaults, area: int) -> Iterator[Pass]:
    """Band after band, the shorter way first; each touches what is known along its whole length."""
    horizontal_first = known[2] - known[0] >= known[3] - known[1]
    for axis in (0, 1) if horizontal_first else (1, 0):
        across = known[3 - axis] - known[1 - axis]
        for start in (True, False):
            while (left := known[axis] if start else canvas[axis] - known[axis + 2]) > 0:
                deepest = max(GRID, int(min(across * BAND, (known[axis + 2] - known[axis]) * 1.5)))
                depth = -(-left // -(-left // deepest))
                region, fresh, known = _band(known, axis, start, depth, across)
                yield Pass(Region(region, drawing_size(_ratio(region), defaults, area)), (fresh,))


def _band(known: Box, axis: int, start: bool, depth: int, across: int) -> tuple[Box, Box, Box]:
    """The region, the fresh box, and what is known afterwards."""
    context = min(known[axis + 2] - known[axis], max(int(across * BAND), across - depth, GRID))
    region, fresh, after = list(known), list(known), list(known)
    near, far = (axis, axis + 2) if start else (axis + 2, axis)
    sign = -1 if start else 1
    region[near] = fresh[near] = after[near] = known[near] + sign * depth
    region[far] = known[near] - sign * context
    fresh[far] = known[near]
    return _box(region), _box(fresh), _box(after)


def _frame(canvas: Size, known: Box) -> tuple[Box, ...]:
    """The canvas around what is known, as up to four boxes."""
    width, height = canvas
    sides = (
        (0, 0, known[0], height),
        (known[2], 0, width, height),
        (known[0], 0, known[2], known[1]),
        (known[0], known[3], known[2], height),
    )
    return tuple(side for side in sides if side[0] < side[2] and side[1] < side[3])


def _fine_region(box: Box, canvas: Size, defaults: Defaults, area: int) -> Region:
    """The box with the ratio of the size it is drawn at: grown by a few pixels where there is room."""
    width, height = box[2] - box[0], box[3] - box[1]
    size = drawing_size(width / height, defaults, area)
    ratio = size[0] / size[1]
    grown = max(width, round(height * ratio)), max(height, round(width / ratio))
    return Region(_around(box, (min(grown[0], canvas[0]), min(grown[1], canvas[1])), canvas), size)


def _around(inner: Box, size: Size, canvas: Size) -> Box:
    """A box of `size` around another's centre, pushed into the canvas."""
    starts = [
        min(max((inner[axis] + inner[axis + 2] - size[axis]) // 2, 0), canvas[axis] - size[axis]) for axis in (0, 1)
    ]
    return starts[0], starts[1], starts[0] + size[0], starts[1] + size[1]


def _ratio(box: Box) -> float:
    return (box[2] - box[0]) / (box[3] - box[1])


def _box(sides: list[int]) -> Box:
    return sides[0], sides[1], sides[2], sides[3]
