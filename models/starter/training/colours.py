"""Colours by name, and turning a one-coloured picture into another colour."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

RGB = tuple[int, int, int]

GROUNDS: Mapping[str, RGB] = {
    "red": (220, 40, 40),
    "orange": (245, 140, 30),
    "yellow": (250, 210, 50),
    "green": (60, 170, 70),
    "teal": (30, 160, 160),
    "blue": (50, 110, 230),
    "purple": (140, 70, 200),
    "pink": (245, 130, 180),
    "brown": (130, 85, 50),
    "black": (15, 15, 18),
    "gray": (128, 128, 132),
    "light blue": (175, 215, 250),
    "light green": (190, 235, 180),
    "light yellow": (252, 243, 190),
    "light pink": (252, 215, 228),
    "lavender": (215, 200, 245),
    "beige": (240, 225, 200),
    "dark blue": (20, 35, 90),
}
# Hue as a share of the colour circle.
HUES: Mapping[str, float] = {
    "red": 0.0,
    "orange": 0.07,
    "yellow": 0.145,
    "green": 0.33,
    "teal": 0.48,
    "blue": 0.6,
    "purple": 0.76,
    "pink": 0.9,
}


def near(colour: RGB, rng: random.Random, spread: float = 14) -> RGB:
    """The colour, each channel off by up to `spread`."""
    r, g, b = (int(max(0, min(255, c + rng.uniform(-spread, spread)))) for c in colour)
    return r, g, b


def gradient(width: int, height: int, stops: Sequence[RGB]) -> Image.Image:
    """From the first colour at the top through all to the last at the bottom."""
    rows = np.linspace(0, 1, height)
    at = np.linspace(0, 1, len(stops))
    column = np.stack([np.interp(rows, at, [stop[i] for stop in stops]) for i in range(3)], 1)
    return Image.fromarray(np.broadcast_to(column[:, None], (height, width, 3)).astype(np.uint8))


def _vivid(picture: Image.Image, share: float) -> tuple[np.ndarray, np.ndarray] | None:
    """HSV values of an RGBA picture and where they are vivid; None when that is less than `share` of what it shows."""
    shown = np.asarray(picture.getchannel("A")) > 128
    hsv = np.array(picture.convert("RGB").convert("HSV"))
    vivid = shown & (hsv[..., 1] > 80) & (hsv[..., 2] > 50)
    return None if vivid.sum() < max(1, share * shown.sum()) else (hsv, vivid)


def _hue(picture: Image.Image) -> tuple[np.ndarray, np.ndarray, float] | None:
    """HSV values, where they are vivid, and the hue of an RGBA picture of mostly one hue; None when it has no such."""
    found = _vivid(picture, 0.45)
    if found is None:
        return None
    hsv, vivid = found
    angle = hsv[..., 0][vivid] / 255 * 2 * np.pi
    x, y = np.cos(angle).mean(), np.sin(angle).mean()
    if math.hypot(x, y) < 0.86:
        return None
    return hsv, vivid, math.atan2(y, x) / (2 * np.pi) % 1


def colour_of(picture: Image.Image) -> str | None:
    """The name of the one hue of an RGBA picture; None when it has several, or when it lies between two names."""
    found = _hue(picture)
    if found is None:
        return None
    hsv, vivid, hue = found
    away = {name: min(abs(hue - at), 1 - abs(hue - at)) for name, at in HUES.items()}
    nearest = min(away, key=lambda name: away[name])
    dark = hsv[..., 2][vivid].mean() < 170
    if nearest == "orange" and dark:
        return "brown"
    return nearest if away[nearest] < 0.04 else None


def recoloured(picture: Image.Image, rng: random.Random) -> tuple[Image.Image, str] | None:
    """An RGBA picture of mostly one hue in another named colour; None when it has no such hue."""
    found = _hue(picture)
    if found is None:
        return None
    hsv, _, hue = found
    name = rng.choice(list(HUES))
    turn = HUES[name] - hue
    hsv[..., 0] = (hsv[..., 0].astype(int) + int(turn * 255)) % 256
    return _back(hsv, picture), name


def painted(picture: Image.Image, rng: random.Random) -> tuple[Image.Image, str] | None:
    """An RGBA picture of any hues with all its vivid parts in shades of one named colour; None when hardly any are."""
    found = _vivid(picture, 0.3)
    if found is None:
        return None
    hsv, vivid = found
    name = rng.choice(list(HUES))
    mine = hsv[..., 0][vivid].astype(int)
    off = (mine - int(np.median(mine)) + 128) % 256 - 128
    hsv[..., 0][vivid] = (int(HUES[name] * 255) + off // 8) % 256
    return _back(hsv, picture), name


def _back(hsv: np.ndarray, picture: Image.Image) -> Image.Image:
    """HSV values as a picture with the outline of `picture`."""
    out = Image.fromarray(hsv, "HSV").convert("RGB")
    out.putalpha(picture.getchannel("A"))
    return out
