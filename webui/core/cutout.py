"""A subject cut out of its photo along the photo's own edges."""

from __future__ import annotations

import numpy as np
from PIL import Image

from webui.core.masks import Array

GUIDE_SIDE = 1024
RADIUS = 8
EVENNESS = 1e-3
"""Variance of grey (0 to 1) below which the photo counts as even, and its edges as none."""
FIRM, LOOSE = 0.85, 0.15
STRIP = 512


def cut_out(photo: Image.Image, mask: Image.Image) -> Image.Image:
    """The photo's subject as RGBA of its own size. `mask` is "L", white on the subject, and may be coarse.

    The mask is drawn to the photo's edges by a guided filter (He et al. 2010), computed small and applied large (fast
    guided filter, He & Sun 2015). What is wholly see-through is black: nothing of the background leaves with it.
    """
    scale = min(1.0, GUIDE_SIDE / max(photo.size))
    small = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    guide = _unit(photo.convert("L").resize(small, Image.Resampling.BOX))
    slope, offset = _guided(guide, _unit(mask.resize(small, Image.Resampling.BILINEAR)))
    cut = Image.new("RGBA", photo.size)
    for top in range(0, photo.height, STRIP):
        bottom = min(top + STRIP, photo.height)
        strip = photo.crop((0, top, photo.width, bottom)).convert("RGB")
        share = (0, top * small[1] / photo.height, small[0], bottom * small[1] / photo.height)
        grown = [
            np.asarray(plane.resize(strip.size, Image.Resampling.BILINEAR, box=share)) for plane in (slope, offset)
        ]
        alpha = (grown[0] * _unit(strip.convert("L")) + grown[1] - LOOSE) / (FIRM - LOOSE)
        seen = np.rint(alpha.clip(0, 1) * 255).astype(np.uint8)
        colour = np.asarray(strip) * (seen > 0)[..., None]
        cut.paste(Image.fromarray(np.dstack([colour, seen])), (0, top))
    return cut


def _guided(guide: Array, wanted: Array) -> tuple[Image.Image, Image.Image]:
    """Slope and offset of the line that turns the guide into what is wanted, around each pixel; of the guide's size."""
    mean, aim = _mean(guide), _mean(wanted)
    slope = (_mean(guide * wanted) - mean * aim) / (_mean(guide * guide) - mean * mean + EVENNESS)
    offset = aim - slope * mean
    return Image.fromarray(_mean(slope)), Image.fromarray(_mean(offset))


def _mean(values: Array) -> Array:
    """Of the square around each pixel, cut off at the picture's sides."""
    for axis in (0, 1):
        length = values.shape[axis]
        nothing = np.zeros_like(values.take([0], axis), np.float64)
        sums = np.concatenate([nothing, values.cumsum(axis, np.float64)], axis)
        places = np.arange(length)
        first, last = np.maximum(places - RADIUS, 0), np.minimum(places + RADIUS + 1, length)
        counts = (last - first).reshape((-1, 1) if axis == 0 else (1, -1))
        values = ((sums.take(last, axis) - sums.take(first, axis)) / counts).astype(np.float32)
    return values


def _unit(image: Image.Image) -> Array:
    return np.asarray(image, np.float32) / np.float32(255)
