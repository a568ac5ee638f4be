"""Ways of drawing: a picture as pencil, brush, pixels or neon would have it."""

from __future__ import annotations

import colorsys
import random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from models.starter.training.textures import dice_of


def pencil_sketch(image: Image.Image, rng: random.Random) -> Image.Image:
    """Colour dodge of the grey picture by its blurred negative."""
    grey = ImageOps.grayscale(image)
    blurred = ImageOps.invert(grey).filter(ImageFilter.GaussianBlur(image.width / 64))
    base, dodge = np.asarray(grey, np.float32), np.asarray(blurred, np.float32)
    out = np.clip(base * 255 / np.maximum(255 - dodge, 1), 0, 255)
    out = 255 - np.clip((255 - out) * 1.5, 0, 255)
    return Image.fromarray(out.astype(np.uint8)).convert("RGB")


def pixel_art(image: Image.Image, rng: random.Random) -> Image.Image:
    short = rng.choice([24, 32, 32])
    scale = short / min(image.size)
    small = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BOX)
    flat = small.quantize(16, dither=Image.Dither.NONE).convert("RGB")
    return flat.resize(image.size, Image.Resampling.NEAREST)


def watercolor(image: Image.Image, rng: random.Random) -> Image.Image:
    soft = image.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.ModeFilter(5)).filter(ImageFilter.SMOOTH)
    grain = Image.fromarray(dice_of(rng).integers(0, 255, (image.height // 6, image.width // 6), np.uint8))
    paper = np.asarray(grain.resize(image.size, Image.Resampling.BICUBIC), np.float32)[..., None] / 255
    ink = 1 - np.asarray(soft, np.float32) / 255
    return Image.fromarray((np.clip(1 - ink * (0.62 + 0.4 * paper), 0, 1) * 255).astype(np.uint8))


def oil_painting(image: Image.Image, rng: random.Random) -> Image.Image:
    daubs = image.filter(ImageFilter.ModeFilter(max(5, image.width // 28 | 1)))
    return ImageEnhance.Color(daubs).enhance(1.35)


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
