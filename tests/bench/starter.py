"""How good the starter model is, in figures: python -m tests.bench.starter --help

names      of 200 concepts: how often the right name is among those of the drawn picture's nearest pictures, by
           features of EfficientNet-Lite0 (tests/bench/features.py). The ceiling is what real pictures reach, each left
           out once.
colours    "a red car" ...: the commonest hue of what is not ground is the one that was asked for
grounds    "... on a blue background": the rim of the picture has the colour that was asked for
places     "... in the snow": of all sixteen places' composed pictures, those with the nearest pixel statistics are
           of the place that was asked for. The ceiling is what newly composed pictures reach.
autoencoder PSNR of composed pictures that were never trained on
seconds    a picture, alone, after one to warm up
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.starter.training.autoencoder import held_out, measured_psnr
from models.starter.training.colours import GROUNDS, HUES
from models.starter.training.compose import Composer, paste, with_article
from models.starter.training.export import load
from models.starter.training.loop import Machine
from models.starter.training.scenes import PLACES
from models.starter.training.sheet import draw
from models.starter.training.sprites import Sprite, Sprites
from tests.bench.features import Likeness, LiteFeatures

THINGS = ("car", "heart", "balloon", "flower", "bird", "fish", "star", "hat", "cup", "house")
STANDING = ("a cat", "a house", "a car", "a tree")


def share(hits: int, of: int) -> float:
    return round(100 * hits / of, 1)


# ---------------------------------------------------------------------------------------------------------- names


def concepts(sprites: Sprites, count: int, seed: int = 0) -> dict[str, list[Sprite]]:
    """Names of at least three cut-outs from at least two sources, without people and flags, drawn by lot."""
    named: dict[str, list[Sprite]] = {}
    for sprite in sprites.all:
        if sprite.cut:
            named.setdefault(sprite.name, []).append(sprite)
    fit = [n for n, s in sorted(named.items()) if len(s) >= 3 and len({x.source for x in s}) >= 2 and len(n) < 24]
    return {name: named[name] for name in random.Random(seed).sample(fit, min(count, len(fit)))}


def on_white(sprites: Sprites, sprite: Sprite, side: int = 160) -> Image.Image:
    image = Image.new("RGB", (side, side), (255, 255, 255))
    paste(image, sprites.picture(sprite), side / 2, side * 0.95, side * 0.9)
    return image


def top_names(query: torch.Tensor, gallery: torch.Tensor, names: list[str], skip: int = -1) -> list[str]:
    """The five names whose nearest picture is nearest."""
    likeness = gallery @ query
    if skip >= 0:
        likeness[skip] = -2
    found: dict[str, None] = {}
    for k in likeness.argsort(descending=True).tolist():
        found[names[k]] = None
        if len(found) == 5:
            break
    return list(found)


def name_accuracy(
    pipe: Any, sprites: Sprites, features: LiteFeatures, options: dict[str, Any], count: int
) -> dict[str, Any]:
    chosen = concepts(sprites, count)
    shown = [(name, sprite) for name, those in chosen.items() for sprite in those]
    names = [name for name, _ in shown]
    likeness = Likeness(features.of([on_white(sprites, sprite) for _, sprite in shown]))
    drawn = features.of(draw(pipe, [f"{with_article(n)} on a white background" for n in chosen], **options))
    found = [top_names(q, likeness.gallery, names) for q in likeness.seen(drawn)]
    real = [top_names(q, likeness.gallery, names, skip=k) for k, q in enumerate(likeness.gallery)]
    right = list(zip(chosen, found, strict=True))
    return {
        "concepts": len(chosen),
        "top1": share(sum(name == f[0] for name, f in right), len(right)),
        "top5": share(sum(name in f for name, f in right), len(right)),
        "chance_top5": share(5, len(chosen)),
        "ceiling_top1": share(sum(n == f[0] for n, f in zip(names, real, strict=True)), len(names)),
        "ceiling_top5": share(sum(n in f for n, f in zip(names, real, strict=True)), len(names)),
        "known": sorted(name for name, f in right if name in f),
    }


# --------------------------------------------------------------------------------------------------------- colours


def rim(image: Image.Image) -> np.ndarray:
    """Median colour of the outermost sixteenth, 0..255."""
    pixels, n = np.asarray(image, float), max(2, image.width // 16)
    parts = (pixels[:n], pixels[-n:], pixels[:, :n], pixels[:, -n:])
    return np.median(np.concatenate([p.reshape(-1, 3) for p in parts]), 0)


def main_hue(image: Image.Image) -> float | None:
    """Circular mean hue (0..1) of the vivid pixels that differ from the ground; None when hardly any are vivid."""
    pixels = np.asarray(image, float)
    hsv = np.asarray(image.convert("HSV"), float)
    vivid = (np.abs(pixels - rim(image)).max(-1) > 40) & (hsv[..., 1] > 80) & (hsv[..., 2] > 50)
    if vivid.mean() < 0.02:
        return None
    counts, edges = np.histogram(hsv[..., 0][vivid] / 256, 48, (0, 1))
    smooth = sum(np.roll(counts, k) for k in (-1, 0, 1))
    return float(edges[int(np.argmax(smooth))] + 1 / 96)


def nearest_hue(hue: float) -> str:
    return min(HUES, key=lambda name: min(abs(hue - HUES[name]), 1 - abs(hue - HUES[name])))


def colour_words(pipe: Any, options: dict[str, Any]) -> dict[str, Any]:
    asked = [(colour, thing) for colour in HUES for thing in THINGS]
    images = draw(pipe, [f"a {colour} {thing}" for colour, thing in asked], **options)
    hues = [main_hue(image) for image in images]
    hit = [h is not None and nearest_hue(h) == colour for h, (colour, _) in zip(hues, asked, strict=True)]
    by = Counter(colour for (colour, _), ok in zip(asked, hit, strict=True) if ok)
    return {"pictures": len(asked), "obeyed": share(sum(hit), len(hit)), "by_colour": {c: by[c] for c in HUES}}


def nearest_ground(colour: np.ndarray) -> str:
    grounds = {**GROUNDS, "white": (255, 255, 255)}
    return min(grounds, key=lambda name: float(np.square(colour - np.array(grounds[name])).sum()))


def ground_words(pipe: Any, options: dict[str, Any]) -> dict[str, Any]:
    asked = [(ground, thing) for ground in GROUNDS for thing in STANDING]
    images = draw(pipe, [f"{thing} on a {ground} background" for ground, thing in asked], **options)
    hits = sum(nearest_ground(rim(image)) == ground for image, (ground, _) in zip(images, asked, strict=True))
    return {"pictures": len(asked), "obeyed": share(hits, len(asked))}


# ---------------------------------------------------------------------------------------------------------- places


def statistics(image: Image.Image) -> np.ndarray:
    """Mean colours of a grid of 6 x 6 without its middle, where the thing stands, and how rough each cell is."""
    pixels = np.asarray(image.convert("RGB").resize((96, 96), Image.Resampling.BOX), float)
    cells = pixels.reshape(6, 16, 6, 16, 3)
    mean, rough = cells.mean((1, 3)), cells.std((1, 3)).mean(-1, keepdims=True)
    both = np.concatenate([mean, rough], -1)
    keep = np.ones((6, 6), bool)
    keep[1:5, 2:4] = False
    return both[keep].ravel()


def _composed(composer: Composer, place: str, seed: int, side: int = 128) -> Image.Image:
    rng = random.Random(seed)
    scene = PLACES[place].paint(side, side, rng)
    sprite = rng.choice([s for s in composer.sprites.all[:3000] if s.cut])
    paste(scene.image, composer.sprites.picture(sprite), side / 2, scene.ground * side, 0.6 * side)
    return scene.image


def place_words(pipe: Any, composer: Composer, options: dict[str, Any], each: int = 24) -> dict[str, Any]:
    known = [(place, statistics(_composed(composer, place, k))) for place in PLACES for k in range(each)]
    table, labels = np.stack([s for _, s in known]), [place for place, _ in known]

    def guess(image: Image.Image) -> str:
        near = np.argsort(np.square(table - statistics(image)).sum(1))[:5]
        return Counter(labels[k] for k in near).most_common(1)[0][0]

    new = [(place, _composed(composer, place, 10_000 + k)) for place in PLACES for k in range(8)]
    asked = [(place, f"{thing} {PLACES[place].words[0]}") for place in PLACES for thing in STANDING]
    images = draw(pipe, [words for _, words in asked], **options)
    hit = [guess(image) == place for image, (place, _) in zip(images, asked, strict=True)]
    by = Counter(place for (place, _), ok in zip(asked, hit, strict=True) if ok)
    return {
        "pictures": len(asked),
        "obeyed": share(sum(hit), len(hit)),
        "ceiling": share(sum(guess(image) == place for place, image in new), len(new)),
        "by_place": {place: by[place] for place in PLACES},
    }


# ----------------------------------------------------------------------------------------------------------- speed


def seconds(pipe: Any, options: dict[str, Any]) -> float:
    draw(pipe, ["a red apple"], **options)
    began = time.perf_counter()
    draw(pipe, ["a red apple", "a cat", "a house"], **{**options, "batch": 1})
    return round((time.perf_counter() - began) / 3, 2)


def measure(arguments: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """One figure, or group of figures, after the other, as soon as it is known."""
    pipe, composer = load(arguments.model), Composer(Sprites(arguments.data))
    machine = Machine(pipe.device, bf16=arguments.bf16, compiled=False)
    side = arguments.size
    options: dict[str, Any] = {"width": side, "height": side, "steps": arguments.steps, "guidance": arguments.guidance}
    yield "drawn_with", dict(options)
    options |= {"bf16": arguments.bf16, "batch": arguments.batch}
    for px in (128, 256):
        yield f"autoencoder_db_{px}", round(measured_psnr(pipe.vae, held_out(composer, px, 64), machine), 2)
    yield "seconds_a_picture", seconds(pipe, options)
    yield "places", place_words(pipe, composer, options)
    yield "colours", colour_words(pipe, options)
    yield "grounds", ground_words(pipe, options)
    if arguments.features:
        features = LiteFeatures(arguments.features)
        yield "names", name_accuracy(pipe, composer.sprites, features, options, arguments.concepts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/starter"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the sprites")
    parser.add_argument("--features", type=Path, help="efficientnet-lite0-57934424.pth; without it no names")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--concepts", type=int, default=200)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    arguments = parser.parse_args()
    figures = {}
    for name, value in measure(arguments):
        figures[name] = value
        print(f"{name}: {json.dumps(value)}", flush=True)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
