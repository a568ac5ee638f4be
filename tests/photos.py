"""Photos and masks for tests: noise, so that a single changed byte is seen, and orders that start from them."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from tests.drawing import order
from webui.core.types import GeneratedImage, Inpainting, ModelCard, Order


def noise_photo(width: int, height: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene(width: int, height: int) -> np.ndarray:
    """Smooth, as photos are: a sky over a ground, with a sun."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    sky = np.stack([110 + 40 * y / height, 160 + 30 * y / height, 235 - 0 * y], axis=-1)
    ground = np.stack([70 + 30 * x / width, 130 - 20 * x / width, 60 + 0 * x], axis=-1)
    picture = np.where((y < height * 0.6)[..., None], sky, ground)
    sun = (x - width * 0.7) ** 2 + (y - height * 0.25) ** 2 < (height * 0.1) ** 2
    picture[sun] = (255, 230, 150)
    return picture.astype(np.uint8)


def box_mask(width: int, height: int, box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 255
    return mask


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


def photo_order(
    card: ModelCard,
    photo: np.ndarray,
    mask: np.ndarray | None = None,
    inpaint: Inpainting | None = None,
    **changes: Any,
) -> Order:
    """An order that starts from a photo. `changes` are fields of the recipe."""
    named = {"init_image": "photo", "mask_image": "" if mask is None else "mask", "inpaint": inpaint or Inpainting()}
    small = replace(card, defaults=replace(card.defaults, width=64, height=64, min_side=64, max_side=256))
    made = order(small if card.variant != "starter" else card, **named, **changes)
    return replace(made, init_image=png(photo), mask_image=b"" if mask is None else png(mask))


def pixels_of(image: GeneratedImage) -> np.ndarray:
    return np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width, 3)
