"""Ways of drawing: a picture as pencil, brush, pixels or neon would have it."""

from __future__ import annotations

import colorsys
import random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage

from models.starter.training.textures import cells, flat, grain, picture, pixels, relief, set_on, spread, strokes


def pencil_sketch(image: Image.Image, rng: random.Random) -> Image.Image:
    """Colour dodge of the grey picture by its blurred negative."""
    grey = ImageOps.grayscale(image)
    blurred = ImageOps.invert(grey).filter(ImageFilter.GaussianBlur(image.width / 64))
    base, dodge = np.asarray(grey, np.float32), np.asarray(blurred, np.float32)
    out = np.clip(base * 255 / np.maximum(255 - dodge, 1), 0, 255)
    out = 255 - np.clip((255 - out) * 1.5, 0, 255)
    return Image.fromarray(out.astype(np.uint8)).convert("RGB")


def pixel_art(image: Image.Image, rng: random.Random) -> Image.Image:
    """Sixteen dots along the shorter side, as icons once had."""
    dot = max(1, min(image.size) // 16)
    small = image.resize((-(-image.width // dot), -(-image.height // dot)), Image.Resampling.BOX)
    few = ImageEnhance.Color(small.quantize(12, dither=Image.Dither.NONE).convert("RGB")).enhance(1.3)
    return few.resize((few.width * dot, few.height * dot), Image.Resampling.NEAREST).crop((0, 0, *image.size))


def watercolor(image: Image.Image, rng: random.Random) -> Image.Image:
    """Washes that pool in blooms and dry with a dark rim."""
    side = min(image.size)
    ink = 1 - pixels(ImageEnhance.Color(flat(image, 7, 0.05)).enhance(1.4))
    wash = ndimage.gaussian_filter(ink, (side / 90, side / 90, 0))
    rims = np.abs(wash - ndimage.gaussian_filter(ink, (side / 25, side / 25, 0))).max(-1, keepdims=True)
    blooms = np.clip(1.6 * grain(image, rng, 0.06) - 0.15, 0.4, 1)[..., None]
    return picture(1 - wash * np.clip(blooms + 1.2 * rims, 0, 1.1))


def oil_painting(image: Image.Image, rng: random.Random) -> Image.Image:
    """Broad daubs of rich colour, on a canvas with a warm ground."""
    daubs, labels = cells(ImageEnhance.Color(flat(spread(image), 14, 0.03)).enhance(1.4), rng, 650, 1.7)
    bristles = relief((labels * 0.618 % 1).astype(np.float32), 0.16)[..., None]
    return picture(set_on(image, daubs * bristles, (196, 160, 116)) * (0.9 + 0.2 * strokes(image, rng, 25)[..., None]))


def neon(image: Image.Image, rng: random.Random) -> Image.Image:
    edges = np.array(
        image.filter(ImageFilter.GaussianBlur(image.width / 200)).filter(ImageFilter.FIND_EDGES), np.float32
    )
    edges[:3] = edges[-3:] = 0
    edges[:, :3] = edges[:, -3:] = 0
    hue = np.array(colorsys.hsv_to_rgb(0.87, 0.85, 1.0), np.float32)
    line = Image.fromarray(np.clip(edges.max(-1, keepdims=True) * 2.4 * hue, 0, 255).astype(np.uint8))
    glow = ImageEnhance.Brightness(line.filter(ImageFilter.GaussianBlur(image.width / 40))).enhance(1.7)
    return ImageChops.add(ImageChops.add(line, glow), Image.new("RGB", image.size, (10, 8, 22)))


def black_and_white(image: Image.Image, rng: random.Random) -> Image.Image:
    return ImageOps.autocontrast(ImageOps.grayscale(image), cutoff=1).convert("RGB")


def vintage(image: Image.Image, rng: random.Random) -> Image.Image:
    return ImageOps.colorize(ImageOps.grayscale(image), (45, 28, 12), (250, 232, 196), mid=(160, 116, 74))


def outlines(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(image.width / 220)).filter(ImageFilter.FIND_EDGES).convert("L")


def without_frame(lines: Image.Image) -> Image.Image:
    """The edge filter leaves a frame around the picture: paint it over."""
    ImageDraw.Draw(lines).rectangle([0, 0, lines.width - 1, lines.height - 1], outline=255, width=3)
    return lines


def inked(image: Image.Image) -> Image.Image:
    """Grey: dark outlines on white."""
    return without_frame(ImageOps.invert(outlines(image)))


def comic(image: Image.Image, rng: random.Random) -> Image.Image:
    flat = ImageEnhance.Color(ImageOps.posterize(image.filter(ImageFilter.SMOOTH), 2)).enhance(1.5)
    ink = without_frame(outlines(image).point([0 if v > 34 else 255 for v in range(256)]))
    return ImageChops.multiply(flat, ink.convert("RGB"))


def line_art(image: Image.Image, rng: random.Random) -> Image.Image:
    return without_frame(outlines(image).point([max(0, 255 - int(v * 3.2)) for v in range(256)])).convert("RGB")
