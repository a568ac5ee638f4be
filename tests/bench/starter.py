"""How good the starter model is, in figures: python -m tests.bench.starter --help

layout     how much of the picture the very first step knows from the words: 1 minus its squared error over that of
           the mean picture, by size of detail (side of the grid of latents that it is seen on). Cheap: what to watch
           while training
names      of 200 concepts by lot: how often the right name is among those of the drawn picture's nearest pictures, by
           features of EfficientNet-Lite0 (tests/bench/features.py). The ceiling is what real pictures reach, each left
           out once. The same of what the first course teaches: everyday things, and more things
by_option  everyday things again, some of them, with more and less guidance, in few and many steps, in other shapes, and
           asked for in other words
pairs      "a cat and a dog": the middle of each half is the right one of all everyday things. The ceiling is what
           composed pairs reach.
negative   "a heart" without "red": of what has its usual colour, how much loses it when that is the negative prompt
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
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.starter.training.autoencoder import HELD_OUT, encode, held_out, measured_psnr
from models.starter.training.colours import GROUNDS, HUES
from models.starter.training.compose import Composer, paste, with_article
from models.starter.training.config import SHAPES, pixels
from models.starter.training.export import load
from models.starter.training.loop import Machine
from models.starter.training.primer import PLAIN, Primer, paste_beside
from models.starter.training.scenes import PLACES
from models.starter.training.sheet import draw
from models.starter.training.sprites import Sprite, Sprites
from models.starter.training.vocabulary import MORE, THINGS
from models.starter.training.words import token_ids
from tests.bench.features import Likeness, LiteFeatures

COLOURED = ("car", "heart", "balloon", "flower", "bird", "fish", "star", "hat", "cup", "house")
ASKED = ("{}", "the {}", "draw a funny {}", "a small {}", "a {}, masterpiece, best quality", "a picture of an old {}")
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


class Names:
    """Tells which of some names a drawn picture bears."""

    def __init__(self, sprites: Sprites, features: LiteFeatures, chosen: dict[str, list[Sprite]]) -> None:
        self.chosen, self._features = chosen, features
        shown = [(name, sprite) for name, those in chosen.items() for sprite in those]
        self._names = [name for name, _ in shown]
        self._likeness = Likeness(features.of([on_white(sprites, sprite) for _, sprite in shown]))

    def of(self, images: list[Image.Image]) -> list[list[str]]:
        """The five likeliest of each."""
        seen = self._likeness.seen(self._features.of(images))
        return [top_names(q, self._likeness.gallery, self._names) for q in seen]

    def accuracy(self, asked: list[str], images: list[Image.Image]) -> dict[str, Any]:
        """`asked`: the name of each picture."""
        right = list(zip(asked, self.of(images), strict=True))
        return {
            "pictures": len(right),
            "top1": share(sum(name == f[0] for name, f in right), len(right)),
            "top5": share(sum(name in f for name, f in right), len(right)),
            "unknown": sorted({name for name, f in right if name not in f}),
        }

    def ceiling(self) -> dict[str, Any]:
        gallery, names = self._likeness.gallery, self._names
        found = [top_names(q, gallery, names, skip=k) for k, q in enumerate(gallery)]
        return {
            "ceiling_top1": share(sum(n == f[0] for n, f in zip(names, found, strict=True)), len(names)),
            "ceiling_top5": share(sum(n in f for n, f in zip(names, found, strict=True)), len(names)),
            "chance_top5": share(5, len(self.chosen)),
        }


def pictures_of(sprites: Sprites, names: Iterable[str]) -> dict[str, list[Sprite]]:
    """All cut-outs that bear one of these names."""
    wanted: dict[str, list[Sprite]] = {name: [] for name in names}
    for sprite in sprites.all:
        if sprite.cut and sprite.name in wanted:
            wanted[sprite.name].append(sprite)
    return {name: those for name, those in wanted.items() if those}


def lone(words: str) -> str:
    return f"{with_article(words)} on a white background"


def name_accuracy(pipe: Any, names: Names, words: Mapping[str, str], options: dict[str, Any]) -> dict[str, Any]:
    asked = list(names.chosen)
    return {**names.accuracy(asked, draw(pipe, [lone(words[n]) for n in asked], **options)), **names.ceiling()}


def by_option(pipe: Any, names: Names, options: dict[str, Any], each: int = 3) -> dict[str, dict[str, float]]:
    """Top-1 accuracy of every third everyday thing, with one option at a time changed."""
    asked = list(names.chosen)[::each]

    def top1(words: str = "", **changed: Any) -> float:
        prompts = [words.format(THINGS[n][0]) if words else lone(THINGS[n][0]) for n in asked]
        images = draw(pipe, prompts, **{**options, **changed})
        found: float = names.accuracy(asked, [middle(i) for i in images])["top1"]
        return found

    side = options["width"]
    shapes = {shape: pixels(side, shape) for shape in SHAPES}
    return {
        "guidance": {str(g): top1(guidance=g) for g in (1.0, 2.0, 4.0, 7.0, 10.0)},
        "steps": {str(n): top1(steps=n) for n in (4, 8, 12, 20)},
        "shape": {shape: top1(width=w, height=h) for shape, (w, h) in shapes.items()},
        "words": {words: top1(words) for words in ASKED},
    }


def middle(image: Image.Image) -> Image.Image:
    n = min(image.size)
    x, y = (image.width - n) // 2, (image.height - n) // 2
    return image.crop((x, y, x + n, y + n))


def pair_accuracy(
    pipe: Any, sprites: Sprites, names: Names, options: dict[str, Any], count: int = 48
) -> dict[str, Any]:
    rng = random.Random(3)
    asked = [rng.sample(list(names.chosen), 2) for _ in range(count)]
    words = [f"{with_article(THINGS[a][0])} and {with_article(THINGS[b][0])}" for a, b in asked]
    drawn = _pairs_found(names, asked, draw(pipe, words, **options))
    side = options["width"]
    composed = _pairs_found(names, asked, [_pair(sprites, names, pair, side) for pair in asked])
    return {"pictures": count, **drawn, **{f"ceiling_{name}": value for name, value in composed.items()}}


def _pairs_found(names: Names, asked: list[list[str]], images: list[Image.Image]) -> dict[str, float]:
    """How often the middle of a half is among the nearest five of the thing that was asked for there."""
    halves = [[middle(i.crop((x, 0, x + i.width // 2, i.height))) for x in (0, i.width // 2)] for i in images]
    left, right = (names.of([pair[k] for pair in halves]) for k in (0, 1))
    hits = [(a in these, b in those) for (a, b), these, those in zip(asked, left, right, strict=True)]
    return {
        "each_top5": share(sum(a + b for a, b in hits), 2 * len(hits)),
        "both_top5": share(sum(a and b for a, b in hits), len(hits)),
    }


def _pair(sprites: Sprites, names: Names, pair: list[str], side: int) -> Image.Image:
    """Composed as the course does."""
    image = Image.new("RGB", (side, side), (255, 255, 255))
    shown = [min(names.chosen[name], key=lambda sprite: sprite.source != PLAIN) for name in pair]
    left, right = (sprites.picture(sprite) for sprite in shown)
    paste_beside(image, left, right)
    return image


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
    asked = [(colour, thing) for colour in HUES for thing in COLOURED]
    images = draw(pipe, [f"a {colour} {thing}" for colour, thing in asked], **options)
    hues = [main_hue(image) for image in images]
    hit = [h is not None and nearest_hue(h) == colour for h, (colour, _) in zip(hues, asked, strict=True)]
    by = Counter(colour for (colour, _), ok in zip(asked, hit, strict=True) if ok)
    return {"pictures": len(asked), "obeyed": share(sum(hit), len(hit)), "by_colour": {c: by[c] for c in HUES}}


def negative_words(pipe: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Of everyday things that come out in one plain hue: how many lose it when it is the negative prompt."""
    prompts = [lone(words[0]) for words in THINGS.values()]
    hues = [main_hue(image) for image in draw(pipe, prompts, **options)]
    plain = [(k, nearest_hue(h)) for k, h in enumerate(hues) if h is not None]
    named = [(k, colour) for k, colour in plain if colour not in prompts[k]]
    images = draw(pipe, [prompts[k] for k, _ in named], negative=[colour for _, colour in named], **options)
    again = [main_hue(image) for image in images]
    lost = sum(h is None or nearest_hue(h) != colour for h, (_, colour) in zip(again, named, strict=True))
    return {"pictures": len(named), "obeyed": share(lost, len(named))}


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


# ---------------------------------------------------------------------------------------------------------- layout


@torch.no_grad()
def layout(pipe: Any, composer: Composer, machine: Machine, side: int, count: int = 192) -> dict[str, float]:
    """Share of the variance of latents that the first step explains, by side of the grid they are averaged to."""
    pictures, captions = composer.batch(side, side, range(HELD_OUT, HELD_OUT + count))
    length, vectors = pipe.tokenizer.model_max_length, []
    latents = torch.cat([encode(pipe.vae, machine.pictures(pictures[k : k + 16])) for k in range(0, count, 16)])
    dice = torch.Generator().manual_seed(0)
    last = len(pipe.scheduler.alphas_cumprod) - 1
    for start in range(0, count, 16):
        ids = token_ids(pipe.tokenizer, captions[start : start + 16], length).to(pipe.device)
        noise = torch.randn(latents[start : start + 16].shape, generator=dice).to(pipe.device)
        # No signal is left at the last timestep, where v = -x.
        vectors.append(-pipe.unet(noise, last, pipe.text_encoder(ids).last_hidden_state).sample)
    told = torch.cat(vectors)
    off, spread = told - latents, latents - latents.mean(0)
    found = {}
    for grid in (1, 2, 4, 8, latents.shape[-1]):
        seen = [torch.nn.functional.adaptive_avg_pool2d(part, grid).square().mean() for part in (off, spread)]
        found[str(grid)] = round(1 - (seen[0] / seen[1]).item(), 3)
    return found


# ----------------------------------------------------------------------------------------------------------- speed


def seconds(pipe: Any, options: dict[str, Any]) -> float:
    draw(pipe, ["a red apple"], **options)
    began = time.perf_counter()
    draw(pipe, ["a red apple", "a cat", "a house"], **{**options, "batch": 1})
    return round((time.perf_counter() - began) / 3, 2)


def figures(arguments: argparse.Namespace) -> dict[str, Callable[[], Any]]:
    """By name what measures each, the cheap ones first."""
    pipe, sprites = load(arguments.model), Sprites(arguments.data)
    composer = Composer(sprites)
    machine = Machine(pipe.device, bf16=arguments.bf16, compiled=False)
    side = arguments.size
    options: dict[str, Any] = {"width": side, "height": side, "steps": arguments.steps, "guidance": arguments.guidance}
    options |= {"bf16": arguments.bf16, "batch": arguments.batch}
    found: dict[str, Callable[[], Any]] = {
        "layout": lambda: layout(pipe, Primer(sprites), machine, side),
        "autoencoder_db": lambda: {
            str(px): round(measured_psnr(pipe.vae, held_out(composer, px, 64), machine), 2) for px in (128, 256)
        },
        "seconds_a_picture": lambda: seconds(pipe, options),
        "places": lambda: place_words(pipe, composer, options),
        "colours": lambda: colour_words(pipe, options),
        "grounds": lambda: ground_words(pipe, options),
        "negative": lambda: negative_words(pipe, options),
    }
    if arguments.features:
        features = LiteFeatures(arguments.features)
        everyday = Names(sprites, features, pictures_of(sprites, THINGS))
        more = Names(sprites, features, pictures_of(sprites, MORE))
        lot = Names(sprites, features, concepts(sprites, arguments.concepts))
        found |= {
            "everyday": lambda: name_accuracy(pipe, everyday, {n: words[0] for n, words in THINGS.items()}, options),
            "by_option": lambda: by_option(pipe, everyday, options),
            "pairs": lambda: pair_accuracy(pipe, sprites, everyday, options),
            "more": lambda: name_accuracy(pipe, more, {n: words[0] for n, words in MORE.items()}, options),
            "names": lambda: name_accuracy(pipe, lot, {n: n for n in lot.chosen}, options),
        }
    return found


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
    parser.add_argument("--only", nargs="+", metavar="FIGURE", help="the names of some figures; default: all")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    arguments = parser.parse_args()
    measured = {}
    for name, measure in figures(arguments).items():
        if arguments.only is None or name in arguments.only:
            measured[name] = measure()
            print(f"{name}: {json.dumps(measured[name])}", flush=True)
    if arguments.out:
        drawn = {name: getattr(arguments, name) for name in ("size", "steps", "guidance")}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps({"drawn_with": drawn, **measured}, indent=1) + "\n")


if __name__ == "__main__":
    main()
