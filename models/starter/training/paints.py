"""Looks of brush, pen and press."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage

from models.starter.training.colours import RGB
from models.starter.training.filters import inked, outlines, without_frame
from models.starter.training.textures import (
    Floats,
    borders,
    cells,
    dice_of,
    flat,
    grain,
    light,
    odd,
    picture,
    pixels,
    relief,
    set_on,
    spread,
    strokes,
)

_CREAM = np.array((250, 244, 228), np.float32) / 255


def _ink(image: Image.Image, strength: float) -> Floats:
    """Outlines, shape (height, width): 0 is full ink, 1 is bare paper."""
    return 1 - np.clip((1 - light(inked(image))) * strength, 0, 1)


def _tinted(values: Floats, dark: RGB, bright: RGB) -> Image.Image:
    """Grey values, shape (height, width), between two colours."""
    return ImageOps.colorize(picture(values), dark, bright)


def gouache(image: Image.Image, rng: random.Random) -> Image.Image:
    """Few matte colours, chalky and broadly brushed."""
    areas = pixels(ImageEnhance.Color(flat(spread(image), 6, 0.06)).enhance(0.85))
    return picture(
        (0.1 + 0.82 * set_on(image, areas, (238, 214, 190))) * (0.92 + 0.16 * strokes(image, rng, 20)[..., None])
    )


def impressionist(image: Image.Image, rng: random.Random) -> Image.Image:
    """Dabs of broken colour, on a ground of pale blue and lilac ones."""
    dabs, labels = cells(ImageEnhance.Color(spread(image)).enhance(1.5), rng, 600, 1.8)
    flicker = dice_of(rng).normal(0, 0.12, (labels.max() + 1, 3)).astype(np.float32)
    return picture(set_on(image, 0.05 + 0.95 * dabs, (206, 218, 240)) + flicker[labels])


def palette_knife(image: Image.Image, rng: random.Random) -> Image.Image:
    slabs, labels = cells(ImageEnhance.Color(spread(image)).enhance(1.6), rng, 200, 2.4)
    height = (labels * 0.618 % 1).astype(np.float32)  # each slab has a thickness of its own
    ridges = relief(height, 0.3, min(image.size) / 110)
    return picture(set_on(image, slabs, (232, 222, 204)) * ridges[..., None])


def ink_wash(image: Image.Image, rng: random.Random) -> Image.Image:
    grey = ndimage.gaussian_filter(light(image), min(image.size) / 70)
    wash = np.clip(grey * 1.25 + 0.35 * (grain(image, rng, 0.05) - 0.5), 0, 1)
    return _tinted(np.minimum(wash, _ink(image, 0.9)), (28, 30, 42), (247, 244, 236))


def fresco(image: Image.Image, rng: random.Random) -> Image.Image:
    faded = pixels(ImageEnhance.Color(image).enhance(0.55)) * np.array((1.0, 0.92, 0.78), np.float32)
    plaster = 0.86 + 0.26 * grain(image, rng, 0.015)[..., None]
    cracks = borders(cells(image, rng, 18)[1])
    return picture(np.where(cracks[..., None], 0.45, (0.2 + 0.74 * faded) * plaster))


def colored_pencil(image: Image.Image, rng: random.Random) -> Image.Image:
    pigment = 1 - pixels(ImageEnhance.Color(image).enhance(1.25))
    layers = 0.25 + 0.75 * strokes(image, rng, 40)[..., None]
    return picture(1 - pigment * layers * 1.05)


def pen_and_ink(image: Image.Image, rng: random.Random) -> Image.Image:
    """Strokes of the pen, crossing where it is darkest."""
    grey = light(ImageOps.autocontrast(image.convert("L")))
    paper = _ink(image, 3)
    for degrees, below in ((45, 0.9), (-45, 0.5)):
        hatch = strokes(image, rng, degrees, 0.08)
        paper = np.where((grey < 0.9 * below) & (hatch < np.clip(0.85 * (below - grey), 0, 0.62)), 0.1, paper)
    return _tinted(paper.astype(np.float32), (20, 20, 26), (252, 250, 244))


def storybook(image: Image.Image, rng: random.Random) -> Image.Image:
    soft = pixels(image.filter(ImageFilter.ModeFilter(odd(image, 0.02))).filter(ImageFilter.SMOOTH))
    warm = soft * np.array((1.0, 0.94, 0.8), np.float32) * (0.88 + 0.2 * grain(image, rng, 0.02)[..., None])
    lines = _ink(image, 1.2)[..., None]
    return picture(warm * lines + np.array((0.4, 0.24, 0.14), np.float32) * (1 - lines))


def flat_design(image: Image.Image, rng: random.Random) -> Image.Image:
    areas = ImageEnhance.Color(flat(image, 5, 0.05)).enhance(1.25)
    return ImageEnhance.Brightness(areas).enhance(1.1)


def concept_art(image: Image.Image, rng: random.Random) -> Image.Image:
    """Broad strokes, teal shadows, warm lights, and haze in the distance."""
    broad, _ = cells(ImageEnhance.Contrast(image).enhance(1.15), rng, 1000, 2.0)
    graded = pixels(ImageOps.colorize(picture(broad).convert("L"), (10, 40, 62), (255, 232, 190), mid=(128, 120, 112)))
    haze = np.linspace(0.4, 0.0, image.height, dtype=np.float32)[:, None, None]
    return picture((0.6 * broad + 0.4 * graded) * (1 - haze) + np.array((0.93, 0.82, 0.68), np.float32) * haze)


def anime(image: Image.Image, rng: random.Random) -> Image.Image:
    shaded = flat(ImageEnhance.Brightness(image).enhance(1.08), 14, 0.02)
    vivid = pixels(ImageEnhance.Color(shaded).enhance(1.6))
    lines = _ink(shaded, 1.4)[..., None]
    bloom = pixels(shaded.filter(ImageFilter.GaussianBlur(min(image.size) / 20)))
    return picture(
        1 - (1 - vivid * lines - np.array((0.16, 0.08, 0.24), np.float32) * (1 - lines)) * (1 - 0.22 * bloom)
    )


def woodcut(image: Image.Image, rng: random.Random) -> Image.Image:
    """Carved lines along the picture, broader where it is light."""
    grey = light(ImageOps.autocontrast(image.convert("L"), cutoff=2))
    y = np.arange(image.height, dtype=np.float32)[:, None] * (128 / min(image.size))
    wavy = (y / 9 + 1.2 * (grain(image, rng, 0.1) - 0.5)) % 1
    carved = np.clip((0.2 + grey - wavy) * 6 + 0.5, 0, 1)
    return _tinted(np.minimum(carved, _ink(image, 3)).astype(np.float32), (22, 20, 20), (236, 226, 206))


def screen_print(image: Image.Image, rng: random.Random) -> Image.Image:
    """Dots of three inks, each plate a little off."""
    values = pixels(ImageEnhance.Color(image).enhance(1.5))
    y, x = np.mgrid[0 : image.height, 0 : image.width] * (128 / min(image.size))
    paper = np.ones_like(values) * _CREAM
    inks = (((0.0, 0.62, 0.78), 15), ((0.93, 0.18, 0.42), 75), ((0.99, 0.84, 0.1), 0))
    for plate, (ink, degrees) in enumerate(inks):
        turn, off = np.deg2rad(degrees), round(plate * min(image.size) / 110)
        u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        dots = (np.cos(u * 2 * np.pi / 13) + np.cos(v * 2 * np.pi / 13) + 2) / 4
        printed = np.clip((np.roll(1 - values[..., plate], off, 1) - dots) * 5 + 0.5, 0, 1)[..., None]
        paper = paper * (1 - printed * (1 - np.array(ink, np.float32)))
    return picture(paper.astype(np.float32))


def woodblock(image: Image.Image, rng: random.Random) -> Image.Image:
    """Flat washes of indigo and ochre within fine outlines, the sky deepening upwards."""
    areas = flat(image, 9, 0.02)
    washes = pixels(ImageOps.colorize(areas.convert("L"), (30, 50, 104), (252, 240, 208), mid=(176, 180, 160)))
    mixed = 0.5 * washes + 0.5 * pixels(areas) * np.array((1.0, 0.95, 0.82), np.float32)
    deep = np.clip(0.75 - 3 * np.linspace(0, 1, image.height, dtype=np.float32), 0, 1)[:, None, None]
    sky = mixed * (1 - deep) + np.array((0.12, 0.24, 0.52), np.float32) * deep
    return picture(sky * _ink(areas, 1.3)[..., None])


def botanical_plate(image: Image.Image, rng: random.Random) -> Image.Image:
    """Pale tints within engraved lines on cream paper."""
    tint = 1 - 0.7 * (1 - pixels(ImageEnhance.Color(image).enhance(0.9)))
    engraved = _ink(image, 1.5) * (1 - 0.18 * (1 - light(image)) * (strokes(image, rng, 30) > 0.55))
    return picture(tint * _CREAM * engraved[..., None])


def tattoo(image: Image.Image, rng: random.Random) -> Image.Image:
    """Bold outlines, grey shade."""
    bold = outlines(image).filter(ImageFilter.MaxFilter(3)).point([0 if v > 40 else 255 for v in range(256)])
    shaded = 0.45 + 0.55 * ndimage.gaussian_filter(
        light(ImageOps.autocontrast(image.convert("L"))), min(image.size) / 40
    )
    return _tinted(np.minimum(shaded, light(without_frame(bold))).astype(np.float32), (16, 20, 30), (255, 255, 255))


def instant_photo(image: Image.Image, rng: random.Random) -> Image.Image:
    """Faded, with the white frame that is broad below."""
    faded = ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(0.75)).enhance(0.8)
    warm = ImageChops.multiply(faded, Image.new("RGB", image.size, (255, 242, 214)))
    framed = Image.new("RGB", image.size, (246, 244, 238))
    w, h, edge = image.width, image.height, round(0.07 * min(image.size))
    inner = (w - 2 * edge, h - edge - round(0.19 * min(image.size)))
    framed.paste(ImageOps.fit(warm, inner, Image.Resampling.LANCZOS), (edge, edge))
    return framed
