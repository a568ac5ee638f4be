"""A data set of three dozen sprites made for the purpose, and configurations that train within seconds on one core."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw

from models.starter.training.config import AutoencoderConfig, DenoiserConfig, LoopConfig, Resolution, TextConfig
from models.starter.training.primer import LOOKS

COLOURS = {"red": (215, 40, 40), "green": (40, 170, 70), "blue": (50, 90, 220), "orange": (245, 150, 30)}
FORMS = ("circle", "square", "triangle")
LOOP = LoopConfig(steps=60, lr=5e-3, warmup=5, ema=0.9, log_every=10, save_every=1000, compiled=False, bf16=False)
AUTOENCODER = AutoencoderConfig(widths=(8, 8, 16, 16), groups=4, size=32, batch=4, pool=32, refresh=2, loop=LOOP)
DENOISER = DenoiserConfig(
    widths=(16, 32),
    head_width=16,
    groups=8,
    text=TextConfig(width=16, layers=1, heads=2, tokens=16),
    resolutions=(Resolution(32, 60, 8),),
    shapes=("1:1", "3:2"),
    cache=48,
    refresh=4,
    loop=LOOP,
)
TINY = replace(AUTOENCODER, kind="tiny")


def _drawn(form: str, colour: tuple[int, int, int], inset: int) -> Image.Image:
    image = Image.new("RGBA", (256, 256))
    pen, low, high = ImageDraw.Draw(image), inset, 255 - inset
    if form == "circle":
        pen.ellipse([low, low, high, high], fill=colour)
    elif form == "square":
        pen.rectangle([low, low, high, high], fill=colour)
    else:
        pen.polygon([(128, low), (low, high), (high, high)], fill=colour)
    return image


def _landscape() -> Image.Image:
    image = Image.new("RGB", (256, 256), (120, 180, 240))
    ImageDraw.Draw(image).rectangle([0, 150, 256, 256], fill=(70, 150, 60))
    return image


def write_sprites(folder: Path) -> Path:
    """sprites.jsonl.gz, sprites-1.bin and sprites-2.bin: 36 cut-outs, one of them empty, and a photo.

    Three things of the first course are among them, each in three looks.
    """
    pictures = [
        (f"{colour} {form}", _drawn(form, rgb, inset), True)
        for colour, rgb in COLOURS.items()
        for form in FORMS
        for inset in (16, 32, 48)
    ]
    pictures += [("nothing", Image.new("RGBA", (256, 256)), True), ("green field", _landscape(), False)]
    made = [(name, picture, cut, "drawn for the tests") for name, picture, cut in pictures]
    for name, form, colour in (
        ("red apple", "circle", "red"),
        ("star", "triangle", "orange"),
        ("bus", "square", "blue"),
    ):
        made += [(name, _drawn(form, COLOURS[colour], 20), True, source) for source in LOOKS]
    blobs, rows = {1: b"", 2: b""}, []
    for k, (name, picture, cut, source) in enumerate(made):
        data, part = io.BytesIO(), 1 + k % 2
        picture.save(data, "WEBP", lossless=True)
        rows.append(
            {
                "source": source,
                "licence": "CC0-1.0",
                "style": "flat" if cut else "photo",
                "name": name,
                "keywords": [],
                "group": "",
                "has_alpha": cut,
                "captions": [name, f"a {name}"],
                "part": part,
                "offset": len(blobs[part]),
                "length": len(data.getvalue()),
            }
        )
        blobs[part] += data.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    for part, blob in blobs.items():
        (folder / f"sprites-{part}.bin").write_bytes(blob)
    with gzip.open(folder / "sprites.jsonl.gz", "wt") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return folder
