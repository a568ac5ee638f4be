"""Looks of light, print and craft: simple enough that a small network can learn them, plain enough to be told apart."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage

from models.starter.training.colours import RGB, gradient
from models.starter.training.filters import inked, outlines, without_frame
from models.starter.training.textures import borders, cells, dice_of, flat, grain, light, picture, pixels, strokes


def _lit(image: Image.Image, light: RGB, strength: float) -> Image.Image:
    """The picture under light of that colour."""
    return Image.blend(image, ImageChops.multiply(image, Image.new("RGB", image.size, light)), strength)


def _vignette(image: Image.Image, reach: float, dark: RGB) -> Image.Image:
    """Darker the farther from the middle; `reach` is the share of the half diagonal that stays light."""
    y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    light = np.clip((1.25 - np.hypot(x, y)) / (1.25 - reach), 0, 1) ** 1.2
    mask = Image.fromarray((light * 255).astype(np.uint8))
    return Image.composite(image, Image.new("RGB", image.size, dark), mask)


def _grain(image: Image.Image, rng: random.Random, coarse: int) -> Image.Image:
    """Grey noise of the picture's size, softer the coarser."""
    small = dice_of(rng).integers(0, 255, (max(2, image.height // coarse), max(2, image.width // coarse)), np.uint8)
    return Image.fromarray(small).resize(image.size, Image.Resampling.BICUBIC)


def _lines_on(image: Image.Image, line: RGB, ground: RGB) -> Image.Image:
    ink = ImageOps.invert(without_frame(outlines(image).point([max(0, 255 - int(v * 3.0)) for v in range(256)])))
    return ImageOps.colorize(ink, ground, line)


def golden_hour(image: Image.Image, rng: random.Random) -> Image.Image:
    warm = _lit(image, (255, 190, 105), 0.85)
    glow = Image.new("RGB", image.size, (255, 170, 60))
    return Image.blend(warm, ImageChops.screen(warm, glow), 0.25)


def moonlight(image: Image.Image, rng: random.Random) -> Image.Image:
    return _vignette(_lit(ImageEnhance.Color(image).enhance(0.35), (70, 100, 190), 1.0), 0.5, (8, 12, 40))


def misty(image: Image.Image, rng: random.Random) -> Image.Image:
    return Image.blend(ImageEnhance.Color(image).enhance(0.55), Image.new("RGB", image.size, (222, 228, 232)), 0.5)


def stormy(image: Image.Image, rng: random.Random) -> Image.Image:
    return ImageEnhance.Contrast(_lit(ImageEnhance.Color(image).enhance(0.5), (120, 135, 155), 0.9)).enhance(1.25)


def candlelight(image: Image.Image, rng: random.Random) -> Image.Image:
    return _vignette(_lit(image, (255, 165, 70), 0.9), 0.25, (25, 10, 2))


def dreamy(image: Image.Image, rng: random.Random) -> Image.Image:
    soft = image.filter(ImageFilter.GaussianBlur(image.width / 32))
    return Image.blend(ImageChops.screen(image, soft), Image.new("RGB", image.size, (250, 205, 235)), 0.35)


def noir(image: Image.Image, rng: random.Random) -> Image.Image:
    grey = ImageOps.autocontrast(ImageOps.grayscale(image), cutoff=4)
    hard = grey.point([int(255 / (1 + np.exp(-(v - 135) / 22))) for v in range(256)])
    return _vignette(hard.convert("RGB"), 0.35, (0, 0, 0))


def old_master(image: Image.Image, rng: random.Random) -> Image.Image:
    daubs = image.filter(ImageFilter.ModeFilter(max(3, image.width // 40 | 1)))
    return _vignette(_lit(daubs, (205, 150, 85), 0.85), 0.3, (22, 12, 6))


def charcoal(image: Image.Image, rng: random.Random) -> Image.Image:
    """Black outlines over broad smudges."""
    side = min(image.size)
    grey = light(ImageOps.autocontrast(ImageOps.grayscale(image), cutoff=2).filter(ImageFilter.GaussianBlur(side / 60)))
    smudged = 1 - (1 - grey) * (0.45 + 0.5 * strokes(image, rng, 35, 0.09))
    return picture(np.minimum(smudged, 1 - 2 * (1 - light(inked(image)))) * 0.95).convert("RGB")


def chalk(image: Image.Image, rng: random.Random) -> Image.Image:
    return ImageChops.multiply(
        _lines_on(image, (240, 240, 225), (38, 52, 46)),
        Image.blend(Image.new("L", image.size, 255), _grain(image, rng, 3), 0.25).convert("RGB"),
    )


def blueprint(image: Image.Image, rng: random.Random) -> Image.Image:
    return _lines_on(image, (245, 250, 255), (22, 66, 150))


def poster(image: Image.Image, rng: random.Random) -> Image.Image:
    return ImageEnhance.Color(flat(image, 7, 0.04)).enhance(1.35)


def risograph(image: Image.Image, rng: random.Random) -> Image.Image:
    grey = Image.blend(ImageOps.autocontrast(ImageOps.grayscale(image)), _grain(image, rng, 1), 0.12)
    return ImageOps.colorize(grey, (20, 90, 110), (255, 248, 240), mid=(245, 95, 150))


def linocut(image: Image.Image, rng: random.Random) -> Image.Image:
    grey = ImageOps.autocontrast(ImageOps.grayscale(image)).filter(ImageFilter.ModeFilter(5))
    printed = ImageChops.multiply(grey.point([0 if v < 120 else 255 for v in range(256)]), inked(image))
    return ImageOps.colorize(printed, (28, 26, 24), (240, 228, 205))


def stained_glass(image: Image.Image, rng: random.Random) -> Image.Image:
    """Panes of one colour each with dark lead between."""
    panes, labels = cells(ImageEnhance.Color(image).enhance(1.9), rng, 110)
    lead = ndimage.binary_dilation(borders(labels), iterations=max(1, round(min(image.size) / 120)))
    glowing = panes * (1.12 - 0.3 * grain(image, rng, 0.03)[..., None])
    return picture(np.where(lead[..., None], 0.08, glowing).astype(np.float32))


def mosaic(image: Image.Image, rng: random.Random) -> Image.Image:
    """Tiles of one colour each, some lighter than others, with pale grout between."""
    tile = max(4, min(image.size) // 11)
    wide, high = -(-image.width // tile), -(-image.height // tile)
    small = pixels(image.resize((wide, high), Image.Resampling.BOX))
    stones = (small * (0.75 + 0.35 * dice_of(rng).random((high, wide, 1)))).repeat(tile, 0).repeat(tile, 1)
    y, x = np.mgrid[0 : image.height, 0 : image.width] % tile
    grout = (np.minimum(x, y) < max(1, round(tile * 0.2)))[..., None]
    return picture(np.where(grout, (0.9, 0.88, 0.84), stones[: image.height, : image.width]).astype(np.float32))


def photo(image: Image.Image, rng: random.Random) -> Image.Image:
    """Daylight from the left."""
    light = gradient(image.height, image.width, [(255, 253, 246), (188, 194, 206)]).rotate(90, expand=True)
    lit = ImageChops.multiply(image, light)
    return ImageEnhance.Contrast(ImageEnhance.Color(lit).enhance(0.85)).enhance(1.08)


def portrait(image: Image.Image, rng: random.Random) -> Image.Image:
    return _vignette(_lit(image, (255, 232, 208), 0.8), 0.4, (96, 72, 58))


def film_still(image: Image.Image, rng: random.Random) -> Image.Image:
    """Teal shadows, warm lights, and the bars of a wide screen."""
    graded = ImageOps.colorize(ImageOps.grayscale(image), (8, 42, 56), (250, 236, 208), mid=(122, 124, 116))
    still = ImageEnhance.Contrast(Image.blend(image, graded, 0.6)).enhance(1.1)
    bar = round(0.09 * image.height)
    still.paste((0, 0, 0), (0, 0, image.width, bar))
    still.paste((0, 0, 0), (0, image.height - bar, image.width, image.height))
    return still


def macro(image: Image.Image, rng: random.Random) -> Image.Image:
    """Twice as near."""
    x, y = image.width / 4, image.height / 4
    near = image.resize(image.size, Image.Resampling.LANCZOS, box=(x, y, 3 * x, 3 * y))
    return _vignette(near, 0.75, (40, 44, 40))


def product_shot(image: Image.Image, rng: random.Random) -> Image.Image:
    backdrop = gradient(image.width, image.height, [(246, 247, 250), (226, 228, 234), (196, 199, 208)])
    return ImageEnhance.Contrast(ImageChops.multiply(image, backdrop)).enhance(1.12)


def glitch(image: Image.Image, rng: random.Random) -> Image.Image:
    red, green, blue = image.split()
    off = max(2, image.width // 24)
    pixels = np.array(Image.merge("RGB", (ImageChops.offset(red, off, 0), green, ImageChops.offset(blue, -off, 0))))
    pixels[::3] = (pixels[::3] * 0.6).astype(np.uint8)
    return Image.fromarray(pixels)
