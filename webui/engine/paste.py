"""A drawn region goes back into its photo at the photo's own resolution, and nowhere but under its alpha."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter
from scipy.ndimage import distance_transform_edt

from webui.core.geometry import Region, Size
from webui.core.masks import Array, grow_inwards

CELL = 8
FINE_CELL = 4
SOFTER = (4.0, 12.0, 36.0)
"""Radii of blur, in pixels at the size that is drawn, of what a photo's sides go on as."""
FOREIGN = 24.0
"""Levels (of 255) from which on what was drawn beside a photo does not belong to what the photo shows there."""
MOST_SHIFT = 40.0
"""Levels (of 255) that a seam's colour may be shifted by; more than this is not a seam."""


def scaled(picture: Array, size: Size) -> Array:
    """A uint8 picture at another size: averaged when it gets smaller, smooth when larger, untouched when the same."""
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def known_at(known: Array, size: Size) -> Array:
    """Where a picture of another size shows nothing but what is known; bool (height, width) both."""
    weight = np.asarray(Image.fromarray(known.astype(np.float32)).resize(size, Image.Resampling.BOX))
    inside: Array = weight >= 1.0 - 1e-4
    return inside


def scaled_around(picture: Array, known: Array, size: Size) -> tuple[Array, Array]:
    """A picture at another size in which what is not known plays no part; and where it is known there (bool).

    The rest is grown smoothly from what is known. `known` is bool (height, width).
    """
    inside = known_at(known, size)
    if inside.all():
        return scaled(picture, size), inside
    near = scaled(_spread(picture, known), size)
    grown = grow_inwards(near, ~inside)
    return np.clip(np.rint(grown), 0, 255).astype(np.uint8), inside


def scaled_beyond(picture: Array, known: Array, size: Size) -> tuple[Array, Array]:
    """Like `scaled_around`, for what lies beyond a picture's sides: these go on outwards, softer the farther they are.

    A horizon stays a horizon, where growing inwards would mix sky and ground.
    """
    inside = known_at(known, size)
    near = scaled(_spread(picture, known), size)
    if inside.all() or not inside.any():
        return near, inside
    part = _part_of(~inside)
    there = inside[part]
    away, nearest = distance_transform_edt(~there, return_indices=True)
    sharp = Image.fromarray(near[part][tuple(nearest)])
    out, reached = np.asarray(sharp, np.float32), 1.0  # the first pixel is as the last of the photo
    for radius in SOFTER:
        share = np.clip((away - reached) / (2.0 * radius), 0.0, 1.0).astype(np.float32)[..., None]
        out, reached = out + share * (_blurred(sharp, radius) - out), reached + radius
    grown = near.copy()
    grown[part] = np.where(there[..., None], near[part], np.rint(out).astype(np.uint8))
    return grown, inside


def _blurred(picture: Image.Image, radius: float) -> Array:
    """float32; a wide blur is made of a small copy, where it looks the same and takes a sixteenth of the time."""
    small = 4 if radius >= 12 and min(picture.size) >= 16 else 1
    reduced = picture.reduce(small) if small > 1 else picture
    soft = reduced.filter(ImageFilter.GaussianBlur(radius / small))
    return np.asarray(soft.resize(picture.size, Image.Resampling.BILINEAR), np.float32)


def _part_of(hole: Array) -> tuple[slice, slice]:
    """Whole cells around everything that is not known, with a cell of what is known beside it."""
    ys, xs = np.nonzero(hole.any(axis=1))[0], np.nonzero(hole.any(axis=0))[0]
    spans = ((span[0] // CELL - 1, span[-1] // CELL + 2) for span in (ys, xs))
    top, left = (slice(max(first, 0) * CELL, last * CELL) for first, last in spans)
    return top, left


def _spread(picture: Array, known: Array) -> Array:
    """Unknown pixels get the mean of the known ones, so that a scaler's overshoot at the border stays small."""
    mean = picture[known].mean(axis=0) if known.any() else np.full(3, 127.0)
    return np.where(known[..., None], picture, np.rint(mean).astype(np.uint8))


def matched(drawn: Array, before: Array, known: Array) -> Array:
    """`drawn` with its colours shifted where it is not known, so that it meets what is around it without a seam.

    Where both are the same picture, a model's autoencoder makes them differ a little; that difference is grown into the
    hole (a membrane as in Poisson editing, Pérez et al. 2003). All have one size; `known` is bool.
    """
    shift = _difference(drawn, before, known, CELL)
    if shift is None:
        return drawn
    shift = np.where(known[..., None], 0.0, np.clip(shift, -MOST_SHIFT, MOST_SHIFT))
    return np.clip(np.rint(drawn + shift), 0, 255).astype(np.uint8)


def continued(drawn: Array, before: Array, known: Array) -> Array:
    """`drawn` changed so that it goes on from the photo's sides, whatever was drawn beyond them.

    `before` is the photo with its sides going on outwards. What is drawn next to these takes their colours; the shift
    fades, until farther off than half the shorter side all is as drawn. Where it is large, something else was drawn
    than the photo goes on with, and within two cells the one passes into the other. `known` (bool): where the photo is.
    """
    if known.all() or not known.any():
        return drawn
    part = _part_of(~known)
    away = distance_transform_edt(~known[part]).astype(np.float32)
    shift = _difference(drawn[part], before[part], away < CELL, FINE_CELL)
    if shift is None:
        return drawn
    fitting = drawn[part] + shift * _fading(away, 0.5 * min(known.shape))
    foreign = np.clip(np.abs(shift).max(axis=-1, keepdims=True) / FOREIGN, 0.0, 1.0)
    fitting += (before[part] - fitting) * (foreign * _fading(away, 2.0 * CELL))
    whole = drawn.copy()
    whole[part] = np.clip(np.rint(fitting), 0, 255)
    return whole


def _fading(away: Array, reach: float) -> Array:
    """1 at no distance, 0 from `reach` on, level at both ends; (height, width, 1)."""
    rest = np.clip(1.0 - away / reach, 0.0, 1.0)
    fade: Array = (rest * rest * (3.0 - 2.0 * rest))[..., None]
    return fade


def _difference(drawn: Array, before: Array, known: Array, cell: int) -> Array | None:
    """What `before` has more than `drawn`, in means over cells of so many pixels, grown to where it is not known.

    None where there is nothing to compare, or nothing to grow into.
    """
    if known.all() or not known.any():
        return None
    difference = before.astype(np.float32) - drawn.astype(np.float32)
    cells, weight = _cells(difference * known[..., None], cell), _cells(known[..., None].astype(np.float32), cell)
    empty = weight[..., 0] < 0.5
    if empty.all():
        return None
    grown = grow_inwards(cells / np.maximum(weight, 1e-6), empty)
    height, width = known.shape
    planes = [Image.fromarray(np.ascontiguousarray(grown[..., c])) for c in range(3)]
    smooth = [np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC)) for plane in planes]
    return np.stack(smooth, axis=-1)


def _cells(values: Array, cell: int) -> Array:
    """Means over square cells; the sides are multiples of theirs."""
    height, width, channels = values.shape
    means: Array = values.reshape(height // cell, cell, width // cell, cell, channels).mean(axis=(1, 3))
    return means


def paste(canvas: Array, drawn: Array, region: Region, alpha: Array) -> None:
    """Put a drawn region into the canvas, in place. Where `alpha` (of the box's size) is 0, pixels keep their bytes."""
    left, top, right, bottom = region.box
    ys, xs = np.nonzero(alpha.any(axis=1))[0], np.nonzero(alpha.any(axis=0))[0]
    if not len(ys):
        return
    rows, columns = slice(ys[0], ys[-1] + 1), slice(xs[0], xs[-1] + 1)
    new = scaled(drawn, (right - left, bottom - top))[rows, columns].astype(np.float32)
    part = canvas[top:bottom, left:right][rows, columns]
    share = alpha[rows, columns, None]
    part[...] = np.where(share > 0, np.rint(part + share * (new - part)), part).astype(np.uint8)
