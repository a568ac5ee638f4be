"""Draws the pictures on the style cards: `python presets/draw_previews.py [name …]`.

A fox in the mountains, painted here, in the look that the starter learns for each card; the fox alone where the ground
belongs to the look. So the cards show what a style stands for, whatever the model at hand makes of it.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from models.starter.training.colours import gradient  # noqa: E402
from models.starter.training.looks import LOOKS  # noqa: E402
from models.starter.training.primer import stage  # noqa: E402
from webui.core.presets import load_presets  # noqa: E402

PREVIEWS = HOME / "presets" / "styles" / "previews"
SIDE, FINER = 192, 4
ALONE = frozenset(
    {
        "Balloon",
        "Clay figure",
        "Embroidery",
        "Felt and yarn",
        "Gingerbread",
        "Low poly",
        "Oil painting",
        "Origami",
        "Palette knife",
        "Paper cut",
        "Pen and ink",
        "Plush toy",
        "Sticker",
        "Tattoo design",
        "Toy bricks",
        "Watercolor",
        "Wood carving",
        "Woodcut",
    }
)

# The fox on a canvas of 100 x 100, from the back to the front; what has two sides is painted twice, mirrored.
ORANGE, WHITE, DARK, PINK = (244, 122, 34), (255, 246, 236), (66, 38, 30), (250, 168, 120)
Points = tuple[tuple[float, float], ...]
EAR: Points = ((17, 13), (20, 9), (24, 10), (44, 32), (22, 50), (16, 44))
EAR_TIP: Points = ((17, 13), (20, 9), (24, 10), (34, 21), (17, 28))
INNER_EAR: Points = ((22, 24), (34, 35), (24, 43))
CHEEK: Points = ((50, 88), (50, 66), (42, 60), (26, 56), (11, 58), (20, 74), (36, 85))
FACE: Points = ((50, 90), (33, 84), (19, 73), (9, 57), (18, 42), (32, 32), (50, 29))


def main(wanted: list[str]) -> None:
    looks = {look.card: (name, look) for name, look in LOOKS.items()}
    for style in load_presets(HOME / "presets", None).styles.values():
        if style.preview and (not wanted or style.name in wanted):
            name, look = looks[style.name]
            file = PREVIEWS / style.preview
            look.apply(subject(style.name), random.Random(name)).save(file, "WEBP", quality=84, method=6)
            print(f"{style.name}: {file.stat().st_size / 1024:.0f} kB", flush=True)


def subject(style: str) -> Image.Image:
    """The picture that the card of this style shows, SIDE x SIDE; painted larger, so that its edges are smooth."""
    side = SIDE * FINER
    fox = _fox(side)
    image = Image.new("RGB", fox.size, "white") if style in ALONE else _mountains(side)
    image.paste(fox, (0, 0), fox)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _mountains(side: int) -> Image.Image:
    """With the shadow of whoever stands in front."""
    image = stage("mountains", side, side).image
    shadow = Image.new("L", image.size, 0)
    ImageDraw.Draw(shadow).ellipse((0.2 * side, 0.88 * side, 0.8 * side, 0.98 * side), fill=110)
    image.paste((20, 40, 20), (0, 0), shadow.filter(ImageFilter.GaussianBlur(side / 50)))
    return image


def _fox(side: int) -> Image.Image:
    """RGBA: the head of a fox, lit from above."""
    fox = Image.new("RGBA", (side, side))
    for points, fill in ((EAR, ORANGE), (EAR_TIP, DARK), (INNER_EAR, PINK), (FACE, ORANGE), (CHEEK, WHITE)):
        _both(fox, points, fill)
    pen, unit = ImageDraw.Draw(fox), side / 100
    for x in (33.5, 66.5):
        pen.ellipse(_box(x, 55, 4.4, 6.0, unit), fill=DARK)
        pen.ellipse(_box(x + 1.4, 52.6, 1.5, 1.9, unit), fill=WHITE)
    pen.ellipse(_box(50, 75, 6.2, 4.6, unit), fill=DARK)
    pen.ellipse(_box(48.4, 73.6, 1.9, 1.1, unit), fill=(150, 120, 112))
    rounded = (
        fox.getchannel("A").filter(ImageFilter.GaussianBlur(side / 90)).point([255 * (v > 127) for v in range(256)])
    )
    fur = Image.new("RGB", fox.size, ORANGE)
    fur.paste(fox, (0, 0), fox)
    lit = ImageChops.multiply(fur, gradient(side, side, [(255, 255, 255), (255, 252, 246), (206, 186, 190)]))
    lit.putalpha(rounded)
    return lit


def _both(image: Image.Image, points: Points, fill: tuple[int, int, int]) -> None:
    """A shape with soft corners and its mirror image."""
    unit = image.width / 100
    shape = Image.new("L", image.size, 0)
    pen = ImageDraw.Draw(shape)
    for way in (points, tuple((100 - x, y) for x, y in points)):
        pen.polygon([(x * unit, y * unit) for x, y in way], fill=255)
    soft = shape.filter(ImageFilter.GaussianBlur(image.width / 70)).point([255 * (v > 127) for v in range(256)])
    image.paste((*fill, 255), (0, 0), soft)


def _box(x: float, y: float, wide: float, high: float, unit: float) -> tuple[float, float, float, float]:
    return (x - wide) * unit, (y - high) * unit, (x + wide) * unit, (y + high) * unit


if __name__ == "__main__":
    main(sys.argv[1:])
