"""Masks and what a masked area starts from, as numpy arrays: no model, no torch.

A mask is uint8 (height, width), 255 where it is repainted. An alpha is float32 (height, width), 0 to 1: how much of the
new picture is seen. Pictures are uint8 or float32 (height, width, 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from webui.core.geometry import Box, Size

Array = np.ndarray[Any, np.dtype[Any]]

ROUNDS = 8
LARGEST_SETTLED = 512 * 512
NOISE_FLOOR = 8
"""What a JPEG makes of black and white: greys this near to either are taken for it."""


def mask_of(image: Image.Image) -> Image.Image:
    """A mask file as "L": white is repainted. Where its transparency varies, that is the mask, times what is painted.

    A brush in any colour on glass is a mask; so is grey on glass, and black and white without any.
    """
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        low, high = alpha.getextrema()
        if low != high:
            grey, cover = np.asarray(rgba.convert("L"), np.uint16), np.asarray(alpha)
            painted = grey[cover > 0]
            one_colour = painted.min() == painted.max()
            return _clean(alpha if one_colour else Image.fromarray((grey * cover // 255).astype(np.uint8)))
    return _clean(image.convert("RGB").convert("L"))


def _clean(mask: Image.Image) -> Image.Image:
    return mask.point([0 if v < NOISE_FLOOR else 255 if v > 255 - NOISE_FLOOR else v for v in range(256)])


def fit_mask(mask: Image.Image, size: Size, invert: bool = False) -> Image.Image:
    """A mask of any size stretched onto a photo's `size`, without losing a thin stroke."""
    if mask.size != size:
        down = mask.width > size[0] or mask.height > size[1]
        mask = Image.fromarray(pool(np.asarray(mask), size)) if down else mask.resize(size, Image.Resampling.BILINEAR)
    return mask.point([255 - v for v in range(256)]) if invert else mask


def painted_box(mask: Image.Image) -> Box | None:
    """The smallest box around everything that is not black."""
    return mask.getbbox()


def reach(box: Box, by: int, size: Size) -> Box:
    """A box grown on every side, within a picture."""
    return max(box[0] - by, 0), max(box[1] - by, 0), min(box[2] + by, size[0]), min(box[3] + by, size[1])


def feathered(mask: Array, feather: int, soft: bool) -> Array:
    """The alpha of a mask: at least the mask itself, fading to 0 within `feather` pixels outside of it, 0 beyond.

    What a hard mask covers is shown in full, so that what was painted over is gone; a soft one keeps its greys.
    """
    alpha = mask.astype(np.float32) / 255.0
    radius = feather // 2
    if radius < 1 or not mask.any():
        return alpha
    spread = mask if soft else np.where(mask >= 128, np.uint8(255), np.uint8(0))
    blur = ImageFilter.BoxBlur(radius)  # twice: a tent that ends after 2 x radius pixels, unlike a Gaussian
    blurred = np.asarray(Image.fromarray(spread).filter(blur).filter(blur), np.float32) / 255.0
    if not soft:
        blurred = np.minimum(blurred * 2.0, 1.0)  # a straight edge has half its value at the border
    return np.maximum(alpha, blurred)


def pool(alpha: Array, size: Size) -> Array:
    """The largest value below each cell of a coarser grid of `size` (width, height), so nothing painted is lost."""
    return _pool_rows(_pool_rows(alpha, size[1]).T, size[0]).T


def _pool_rows(values: Array, count: int) -> Array:
    height = values.shape[0]
    bounds = [(i * height // count, max(-(-(i + 1) * height // count), i * height // count + 1)) for i in range(count)]
    return np.stack([values[low:high].max(axis=0) for low, high in bounds])


def grow_inwards(picture: Array, hole: Array) -> Array:
    """The picture with its hole filled smoothly from what surrounds it; float32, untouched outside.

    Push-pull (Gortler et al. 1996): known pixels are averaged down a pyramid, whose levels fill the holes below them.
    On each level but the largest ones the filling then settles between its neighbours, so that it begins at the hole's
    border with what lies there, wherever that falls on the pyramid's grid.
    `hole` is bool (height, width). A picture that is all hole becomes its own mean.
    """
    known = (~hole).astype(np.float32)[..., None]
    if not known.any():
        return np.broadcast_to(picture.astype(np.float32).mean(axis=(0, 1)), picture.shape).copy()
    return _push_pull(picture.astype(np.float32) * known, known)


def _push_pull(values: Array, weight: Array) -> Array:
    """`values` are premultiplied by `weight` (height, width, 1) in [0, 1]."""
    height, width = weight.shape[:2]
    if weight.min() >= 1.0 or (height == 1 and width == 1):
        return values / np.maximum(weight, 1e-6)
    above = _push_pull(*_halved(values, weight))
    filled = values + (1.0 - weight) * _doubled(above, (width, height))
    return _settled(filled, weight < 1.0) if height * width <= LARGEST_SETTLED else filled


def _settled(picture: Array, hole: Array) -> Array:
    """Some rounds in which each pixel of the hole becomes the mean of its four neighbours."""
    for _ in range(ROUNDS):
        around = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
        mean = (around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2]) * np.float32(0.25)
        picture = np.where(hole, mean, picture)
    return picture


def _halved(values: Array, weight: Array) -> tuple[Array, Array]:
    values, weight = _sum_pairs(values), _sum_pairs(weight)
    full = np.minimum(weight, 1.0)
    return values * (full / np.maximum(weight, 1e-6)), full


def _sum_pairs(values: Array) -> Array:
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2 if height > 1 else 0), (0, width % 2 if width > 1 else 0), (0, 0)))
    if height > 1:
        even = even[0::2] + even[1::2]
    if width > 1:
        even = even[:, 0::2] + even[:, 1::2]
    return even


def _doubled(values: Array, size: Size) -> Array:
    """Bilinear, with centres aligned. `size` may be one less than twice (an odd side was padded at its end)."""
    width, height = size
    full = (values.shape[1] * 2 if width > 1 else 1), (values.shape[0] * 2 if height > 1 else 1)
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(values[..., c])).resize(full, Image.Resampling.BILINEAR))
        for c in range(values.shape[2])
    ]
    return np.stack(planes, axis=-1)[:height, :width]
