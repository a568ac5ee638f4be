"""Looks of clay, paper, wool, wood and toys."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage

from models.starter.training.colours import gradient
from models.starter.training.filters import outlines, without_frame
from models.starter.training.textures import (
    Floats,
    depth_within,
    facets,
    flat,
    frayed,
    grain,
    light,
    odd,
    picture,
    pixels,
    relief,
    set_on,
    spread,
    strokes,
    thing,
    volume,
)


def _lit(image: Image.Image, surface: Floats) -> Image.Image:
    """The picture under light of that strength, shape (height, width)."""
    return picture(pixels(image) * surface[..., None])


def render_3d(image: Image.Image, rng: random.Random) -> Image.Image:
    """Smooth, and lit from above."""
    smooth = ImageEnhance.Color(image.filter(ImageFilter.SMOOTH)).enhance(1.1)
    return _lit(smooth, np.linspace(1.08, 0.86, image.height, dtype=np.float32)[:, None] * np.ones(image.width, "f4"))


def low_poly(image: Image.Image, rng: random.Random) -> Image.Image:
    """Few flat triangles, each lit its own way."""
    faces, labels = facets(spread(image), rng, 180)
    lit = (0.82 + 0.36 * (labels * 0.618 % 1)).astype(np.float32)[..., None]
    return ImageEnhance.Color(picture(set_on(image, faces * lit, (214, 226, 232), 0.25))).enhance(1.3)


def origami(image: Image.Image, rng: random.Random) -> Image.Image:
    """Few facets, each folded towards the light or away from it, on a plain table."""
    paper, labels = facets(spread(image), rng, 50)
    fold = (0.78 + 0.44 * (labels * 0.618 % 1)).astype(np.float32)[..., None]
    return picture(set_on(image, 0.08 + 0.9 * paper * fold, (228, 220, 206), 0.35))


def isometric(image: Image.Image, rng: random.Random) -> Image.Image:
    """As a tile of a board: a rhombus with an edge, on a pastel ground."""
    side = min(image.size)
    tile = ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)
    out = Image.new("RGB", image.size, (226, 218, 242))
    x, y, half, thick = image.width / 2, image.height * 0.44, side * 0.47, side * 0.1
    flatness = 0.62
    pen = ImageDraw.Draw(out)
    left, right, front = (x - half, y), (x + half, y), (x, y + half * flatness)
    for corner, fill in ((left, (150, 116, 92)), (right, (118, 90, 72))):
        pen.polygon([corner, front, (front[0], front[1] + thick), (corner[0], corner[1] + thick)], fill=fill)
    # From where on the tile each pixel comes: the inverse of turning by 45 degrees and flattening.
    a = side / (2 * half)
    b = a / flatness
    from_left = side / 2 - a * x - b * y, side / 2 + a * x - b * y
    turned = tile.transform(
        image.size, Image.Transform.AFFINE, (a, b, from_left[0], -a, b, from_left[1]), Image.Resampling.BICUBIC
    )
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).polygon([left, (x, y - half * flatness), right, front], fill=255)
    out.paste(turned, (0, 0), mask)
    return out


def clay(image: Image.Image, rng: random.Random) -> Image.Image:
    """Round and soft, with the dents of fingers, on a small stage."""
    side = min(image.size)
    soft = ImageEnhance.Color(flat(spread(image), 6, 0.06)).enhance(0.9).filter(ImageFilter.GaussianBlur(side / 90))
    dents = relief(grain(image, rng, 0.06), 0.35, side / 100)
    return picture(set_on(image, pixels(soft) * (volume(image, 0.13) * dents)[..., None], (214, 190, 168), 0.35))


def paper_cut(image: Image.Image, rng: random.Random) -> Image.Image:
    """Layers of paper by brightness, each throwing a shadow on the darker ones below."""
    layers = flat(spread(image), 5, 0.06)
    height, side = np.round(light(layers) * 5) / 5, min(image.size)
    above = np.roll(height, (round(side * 0.03), round(side * 0.02)), (0, 1))
    shadow = ndimage.gaussian_filter(np.clip((above - height) * 3, 0, 1), side / 70)[..., None]
    cut = pixels(ImageEnhance.Color(layers).enhance(1.15)) * (1 - 0.55 * shadow)
    return picture(set_on(image, cut, (190, 222, 214), 0.55))


def felt(image: Image.Image, rng: random.Random) -> Image.Image:
    """Wool in few pale colours, fuzzy at the edge; a thing is sewn on with a light seam."""
    side = min(image.size)
    wool = pixels(frayed(flat(spread(image), 6, 0.06), rng, 0.02).filter(ImageFilter.GaussianBlur(side / 110)))
    soft = (0.1 + 0.76 * wool) * (volume(image, 0.06, 0.7) * (0.85 + 0.3 * grain(image, rng, 0.025)))[..., None]
    if thing(image) is not None:
        y, x = np.mgrid[0 : image.height, 0 : image.width] / side
        seam = (np.abs(depth_within(image) - 0.06) < 0.014) & (np.sin(x * 32) * np.sin(y * 32) > -0.2)
        soft = np.where(seam[..., None], 0.97, soft)
    return picture(set_on(image, soft.astype(np.float32), (150, 172, 176), 0.3))


def plush(image: Image.Image, rng: random.Random) -> Image.Image:
    """Stuffed till it is round, its colours pale."""
    side = min(image.size)
    round_ = spread(image).filter(ImageFilter.ModeFilter(odd(image, 0.05))).filter(ImageFilter.GaussianBlur(side / 60))
    fur = 0.9 + 0.2 * grain(image, rng, 0.025)
    stuffed = (0.14 + 0.86 * pixels(round_)) * (fur * volume(image, 0.22, 1.3))[..., None]
    return picture(set_on(image, stuffed, (246, 226, 232), 0.3))


def embroidery(image: Image.Image, rng: random.Random) -> Image.Image:
    """Areas of one thread, each stitched its own way, on linen."""
    areas = flat(spread(image), 6, 0.05)
    ways = [strokes(image, rng, degrees, 0.07) for degrees in (30, 75, 120)]
    thread = np.choose((light(areas) * 5.99).astype(int) % 3, ways)
    sewn = pixels(ImageEnhance.Color(areas).enhance(1.2)) * (0.62 + 0.76 * thread)[..., None]
    return picture(set_on(image, sewn.astype(np.float32), (226, 214, 190), 0.3))


def wood_carving(image: Image.Image, rng: random.Random) -> Image.Image:
    """Carved deep out of a board, whose grain runs down."""
    side = min(image.size)
    grey = light(image.filter(ImageFilter.ModeFilter(odd(image, 0.04))))
    x = np.arange(image.width, dtype=np.float32)[None, :] / side
    rings = np.sin(2 * np.pi * (x * 9 + 1.6 * grain(image, rng, 0.16)))
    board = pixels(ImageOps.colorize(picture(0.2 + 0.6 * grey), (84, 44, 18), (228, 176, 112)))
    cut = set_on(image, board * volume(image, 0.07, 1.2)[..., None], (140, 88, 48), 0.5)
    return picture(cut * (0.92 + 0.1 * rings * relief(grey, 0.6, side / 90))[..., None])


def emoji(image: Image.Image, rng: random.Random) -> Image.Image:
    """Flat and bright; a scene becomes a round badge."""
    areas = ImageEnhance.Color(flat(image, 7, 0.03)).enhance(1.4)
    shown = thing(image)
    if shown is None:
        y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
        scale = np.array(image.size) / min(image.size)
        shown = np.hypot(x * scale[0], y * scale[1]) < 0.94
    return picture(np.where(shown[..., None], pixels(areas), 1.0).astype(np.float32))


def sticker(image: Image.Image, rng: random.Random) -> Image.Image:
    """Cut out with a thick white border, its shadow on a plain ground; a scene is cut out as a rounded card."""
    side, shown = min(image.size), thing(image)
    border = round(side * 0.045)
    if shown is None:
        card = Image.new("L", image.size, 0)
        edge = 2 * border
        box = (edge, edge, image.width - edge, image.height - edge)
        ImageDraw.Draw(card).rounded_rectangle(box, radius=side * 0.12, fill=255)
        shown = np.asarray(card) > 128
    outer = ndimage.distance_transform_edt(~shown) < border
    shadow = ndimage.gaussian_filter(np.roll(outer, border // 2 + 1, 0).astype(np.float32), side / 50)
    ground = np.array((0.72, 0.8, 0.9), np.float32) * (1 - 0.35 * shadow[..., None])
    vivid = pixels(ImageEnhance.Color(image).enhance(1.3))
    return picture(np.where(shown[..., None], vivid, np.where(outer[..., None], 1.0, ground)).astype(np.float32))


def toy_bricks(image: Image.Image, rng: random.Random) -> Image.Image:
    """Bricks with a stud each, light at the upper left and dark at the lower right, on a plain table."""
    brick = max(4, min(image.size) // 10)
    half = brick // 2
    size = (-(-image.width // half), -(-image.height // half))
    plates = ImageEnhance.Color(spread(image).resize(size, Image.Resampling.BOX)).enhance(1.4)
    plates = plates.quantize(10, dither=Image.Dither.NONE).convert("RGB").resize((size[0] * half, size[1] * half), 0)
    y, x = np.mgrid[0 : image.height, 0 : image.width] % brick / brick
    stud = np.hypot(x - 0.42, y - 0.42) < 0.27
    shade = np.where(np.maximum(x, y) > 0.82, 0.5, np.where(stud, 1.25, 0.9)).astype(np.float32)[..., None]
    return picture(set_on(image, pixels(plates.crop((0, 0, *image.size))) * shade, (236, 240, 244), 0.2))


def balloon(image: Image.Image, rng: random.Random) -> Image.Image:
    """Smooth, swollen and shiny, against the sky of a party."""
    areas = ImageEnhance.Color(flat(spread(image), 6, 0.05)).enhance(1.6)
    soft = areas.filter(ImageFilter.GaussianBlur(min(image.size) / 90))
    shape = volume(image, 0.2, 1.6)[..., None]
    shine = np.clip(shape - 1.22, 0, 1) * 3.5
    return picture(set_on(image, pixels(soft) * shape + shine, (196, 228, 250), 0.15))


def gingerbread(image: Image.Image, rng: random.Random) -> Image.Image:
    """Brown dough with white icing along the outlines."""
    dough = ImageOps.colorize(picture(0.2 + 0.6 * light(flat(image, 6, 0.05))), (104, 58, 24), (214, 150, 84))
    shown = thing(image)
    baked = pixels(dough) * (0.86 + 0.28 * grain(image, rng, 0.01)[..., None])
    if shown is not None:
        baked = np.where(shown[..., None], baked, np.array((0.98, 0.95, 0.9), np.float32))
    icing = outlines(flat(image, 6, 0.04)).filter(ImageFilter.MaxFilter(odd(image, 0.02)))
    iced = 1 - light(without_frame(icing.point([0 if v > 30 else 255 for v in range(256)])))
    return picture(np.maximum(baked, ndimage.gaussian_filter(iced, 0.6)[..., None]).astype(np.float32))


def tiny_world(image: Image.Image, rng: random.Random) -> Image.Image:
    """Inside a glass jar on a shelf."""
    side, w, h = min(image.size), image.width, image.height
    out = gradient(w, h, [(222, 214, 204), (236, 230, 220), (150, 118, 92)])
    left, top, right, bottom = w / 2 - 0.34 * side, h / 2 - 0.32 * side, w / 2 + 0.34 * side, h / 2 + 0.42 * side
    box = tuple(round(v) for v in (left, top, right, bottom))
    glass = Image.new("L", image.size, 0)
    ImageDraw.Draw(glass).rounded_rectangle(box, radius=side * 0.14, fill=255)
    inside = ImageOps.fit(image, (box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
    world = Image.new("RGB", image.size)
    world.paste(inside, box[:2])
    out.paste(world, (0, 0), glass)
    pen = ImageDraw.Draw(out)
    line = max(2, side // 50)
    pen.rounded_rectangle(box, radius=side * 0.14, outline=(236, 246, 248), width=line)
    pen.rounded_rectangle(
        (left + 0.1 * side, top - 0.12 * side, right - 0.1 * side, top + 0.01 * side),
        radius=side * 0.03,
        fill=(176, 132, 88),
    )
    pen.line((left + 0.09 * side, top + 0.16 * side, left + 0.09 * side, bottom - 0.2 * side), (255, 255, 255), line)
    return out
