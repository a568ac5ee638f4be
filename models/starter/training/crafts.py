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
    borders,
    facets,
    flat,
    frayed,
    grain,
    light,
    odd,
    picture,
    pixels,
    relief,
    strokes,
    thing,
)


def _lit(image: Image.Image, surface: Floats) -> Image.Image:
    """The picture under light of that strength, shape (height, width)."""
    return picture(pixels(image) * surface[..., None])


def render_3d(image: Image.Image, rng: random.Random) -> Image.Image:
    """Smooth, and lit from above."""
    smooth = ImageEnhance.Color(image.filter(ImageFilter.SMOOTH)).enhance(1.1)
    return _lit(smooth, np.linspace(1.08, 0.86, image.height, dtype=np.float32)[:, None] * np.ones(image.width, "f4"))


def low_poly(image: Image.Image, rng: random.Random) -> Image.Image:
    return ImageEnhance.Color(picture(facets(image, rng, 330)[0])).enhance(1.25)


def origami(image: Image.Image, rng: random.Random) -> Image.Image:
    """Few facets, each folded towards the light or away from it, with pale creases."""
    paper, labels = facets(image, rng, 90)
    fold = (0.84 + 0.3 * (labels * 0.618 % 1)).astype(np.float32)
    creases = borders(labels)[..., None]
    return picture(np.where(creases, 0.96, 0.12 + 0.86 * paper * fold[..., None]))


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
    """Soft lumps with the dents of fingers."""
    side = min(image.size)
    soft = flat(image, 10, 0.04).filter(ImageFilter.GaussianBlur(side / 130))
    lumps = relief(light(soft), 0.9, side / 60) * relief(grain(image, rng, 0.03), 0.5, side / 150)
    return _lit(ImageEnhance.Color(soft).enhance(1.15), lumps)


def paper_cut(image: Image.Image, rng: random.Random) -> Image.Image:
    """Layers of paper by brightness, each throwing a shadow on the darker ones below."""
    layers = flat(image, 8, 0.04)
    height, side = np.round(light(layers) * 5) / 5, min(image.size)
    above = np.roll(height, (round(side * 0.02), round(side * 0.014)), (0, 1))
    shadow = ndimage.gaussian_filter(np.clip((above - height) * 3, 0, 1), side / 90)
    return _lit(ImageEnhance.Color(layers).enhance(1.15), (1 - 0.5 * shadow) * (0.94 + 0.08 * grain(image, rng, 0.008)))


def felt(image: Image.Image, rng: random.Random) -> Image.Image:
    areas = frayed(flat(image, 10, 0.03), rng, 0.016).filter(ImageFilter.SMOOTH)
    fibres = 0.8 + 0.2 * (strokes(image, rng, 25, 0.03) + strokes(image, rng, 110, 0.03))
    return _lit(areas, fibres * relief(ndimage.gaussian_filter(light(areas), min(image.size) / 50), 0.8))


def plush(image: Image.Image, rng: random.Random) -> Image.Image:
    round_ = image.filter(ImageFilter.ModeFilter(odd(image, 0.05))).filter(
        ImageFilter.GaussianBlur(min(image.size) / 80)
    )
    fur = 0.88 + 0.24 * grain(image, rng, 0.008)
    shape = relief(ndimage.gaussian_filter(light(round_), min(image.size) / 24), 2.2)
    return _lit(ImageEnhance.Color(round_).enhance(1.05), fur * shape)


def embroidery(image: Image.Image, rng: random.Random) -> Image.Image:
    """Areas of one thread, each stitched its own way, on linen."""
    areas = flat(image, 9, 0.035)
    grey, linen = light(areas), pixels(areas).min(-1) > 0.85
    ways = [strokes(image, rng, degrees, 0.04) for degrees in (20, 65, 110)]
    thread = np.choose((grey * 8.99).astype(int) % 3, ways)
    y, x = np.mgrid[0 : image.height, 0 : image.width] * (128 / min(image.size))
    weave = 0.9 + 0.08 * np.sign(np.sin(x * 2.6) * np.sin(y * 2.6))
    cloth = np.array((0.93, 0.89, 0.8), np.float32) * weave[..., None]
    stitched = pixels(areas) * (0.62 + 0.72 * thread * relief(thread, 0.5))[..., None]
    return picture(np.where(linen[..., None], cloth, stitched).astype(np.float32))


def wood_carving(image: Image.Image, rng: random.Random) -> Image.Image:
    grey = light(image.filter(ImageFilter.ModeFilter(odd(image, 0.025))))
    rings = np.sin((grain(image, rng, 0.12) * 9 + strokes(image, rng, 3, 0.2)) * 6)
    board = pixels(ImageOps.colorize(picture(0.25 + 0.6 * grey), (74, 40, 18), (232, 182, 118)))
    return picture(board * ((0.94 + 0.06 * rings) * relief(grey, 0.45, min(image.size) / 120))[..., None])


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
    """Plates of one colour each with a stud on top."""
    brick = max(4, min(image.size) // 18)
    wide, high = -(-image.width // brick), -(-image.height // brick)
    small = ImageEnhance.Color(image.resize((wide, high), Image.Resampling.BOX)).enhance(1.4)
    few = small.quantize(16, dither=Image.Dither.NONE).convert("RGB")
    plates = few.resize((wide * brick, high * brick), Image.Resampling.NEAREST).crop((0, 0, *image.size))
    y, x = np.mgrid[0 : image.height, 0 : image.width] % brick / (brick - 1) - 0.5
    stud = np.hypot(x, y) < 0.32
    shade = np.where(stud, 1.1 - 0.5 * (x + y), 1.0 - 0.22 * (np.maximum(x, y) > 0.42)).astype(np.float32)
    return _lit(plates, shade)


def balloon(image: Image.Image, rng: random.Random) -> Image.Image:
    """Smooth, swollen and shiny."""
    areas = ImageEnhance.Color(flat(image, 9, 0.04)).enhance(1.5)
    soft = areas.filter(ImageFilter.GaussianBlur(min(image.size) / 110))
    shape = relief(light(areas), 1.6, min(image.size) / 32)
    shine = np.clip(shape - 1.15, 0, 1) * 3
    return picture(pixels(soft) * shape[..., None] + shine[..., None])


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
