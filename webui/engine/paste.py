"""A drawn region goes back into its photo at the photo's own resolution, and nowhere but under its alpha."""

from __future__ import annotations

import numpy as np
from PIL import Image

from webui.core.geometry import Region, Size
from webui.core.masks import Array, grow_inwards

CELL = 8
MOST_SHIFT = 40.0
"""Levels (of 255) that a seam's colour may be shifted by; more than this is not a seam."""


def scaled(picture: Array, size: Size) -> Array:
    """A uint8 picture at another size: averaged when it gets smaller, smooth when larger, untouched when the same."""
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def scaled_around(picture: Array, known: Array, size: Size) -> tuple[Array, Array]:
    """A picture at another size in which what is not known plays no part; and where it is known there (bool).

    The rest is grown smoothly from what is known. `known` is bool (height, width).
    """
    if known.all():
        return scaled(picture, size), np.ones((size[1], size[0]), bool)
    weight = np.asarray(Image.fromarray(known.astype(np.float32)).resize(size, Image.Resampling.BOX))
    near = scaled(_spread(picture, known), size)
    inside = weight >= 1.0 - 1e-4
    grown = grow_inwards(near, ~inside)
    return np.clip(np.rint(grown), 0, 255).astype(np.uint8), inside


def _spread(picture: Array, known: Array) -> Array:
    """Unknown pixels get the mean of the known ones, so that a scaler's overshoot at the border stays small."""
    mean = picture[known].mean(axis=0) if known.any() else np.full(3, 127.0)
    return np.where(known[..., None], picture, np.rint(mean).astype(np.uint8))


def matched(drawn: Array, before: Array, known: Array) -> Array:
    """`drawn` with its colours shifted where it is not known, so that it meets what is around it without a seam.

    Where both are the same picture, a model's autoencoder makes them differ a little; that difference, averaged in
    cells of 8 pixels, is grown into the hole (a membrane as in Poisson editing, Pérez et al. 2003). All have one size;
    `known` is bool.
    """
    if known.all() or not known.any():
        return drawn
    difference = before.astype(np.float32) - drawn.astype(np.float32)
    cells, weight = _cells(difference * known[..., None]), _cells(known[..., None].astype(np.float32))
    empty = weight[..., 0] < 0.5
    if empty.all():
        return drawn
    shift = np.clip(grow_inwards(cells / np.maximum(weight, 1e-6), empty), -MOST_SHIFT, MOST_SHIFT)
    height, width = known.shape
    planes = [Image.fromarray(np.ascontiguousarray(shift[..., c])) for c in range(3)]
    grown = [np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC)) for plane in planes]
    smooth = np.stack(grown, axis=-1)
    return np.clip(np.rint(drawn + np.where(known[..., None], 0.0, smooth)), 0, 255).astype(np.uint8)


def _cells(values: Array) -> Array:
    """Means over cells of 8 x 8; sides are multiples of 8."""
    height, width, channels = values.shape
    means: Array = values.reshape(height // CELL, CELL, width // CELL, CELL, channels).mean(axis=(1, 3))
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
