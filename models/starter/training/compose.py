"""Endless captioned pictures out of a few thousand cut-outs."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from models.starter.training.colours import GROUNDS, near, recoloured
from models.starter.training.looks import LOOKS
from models.starter.training.scenes import PLACES
from models.starter.training.sprites import Sprite, Sprites

# Shares of what a cut-out is shown on; the rest stand in pairs.
_ON_WHITE, _ON_COLOUR, _IN_PLACE = 0.50, 0.68, 0.88
_RECOLOURED, _FILTERED_CUT, _FILTERED_PHOTO = 0.12, 0.16, 0.12


@dataclass(frozen=True)
class Composed:
    image: Image.Image
    caption: str


def with_article(name: str) -> str:
    """'a cat', 'an apple', 'mountains'."""
    if name.split()[0] in ("a", "an", "the") or (name.endswith("s") and not name.endswith("ss")):
        return name
    return ("an " if name[0] in "aeiou" else "a ") + name


def place_words(place: str, rng: random.Random) -> str:
    return rng.choice(PLACES[place].words)


class Composer:
    """Makes pictures of the asked width and height. The same seed gives the same picture; threads may share one.

    Without `looks` none of them goes through one of the LOOKS.
    """

    def __init__(self, sprites: Sprites, looks: bool = True) -> None:
        self.sprites, self._looks = sprites, looks

    def picture(self, width: int, height: int, seed: int) -> Composed:
        rng = random.Random(seed)
        sprite = self.sprites.any(rng)
        return self.of(sprite, width, height, rng)

    def of(self, sprite: Sprite, width: int, height: int, rng: random.Random) -> Composed:
        made = self._cut_out(sprite, width, height, rng) if sprite.cut else self._photo(sprite, width, height, rng)
        share = _FILTERED_CUT if sprite.cut else _FILTERED_PHOTO
        return in_look(made, rng.choice(list(LOOKS)), rng) if rng.random() < share and self._looks else made

    def batch(self, width: int, height: int, seeds: range, threads: int = 1) -> tuple[np.ndarray, list[str]]:
        """uint8 (n, height, width, 3) and the captions."""
        pixels = np.empty((len(seeds), height, width, 3), np.uint8)
        captions = [""] * len(seeds)

        def one(i: int) -> None:
            made = self.picture(width, height, seeds[i])
            pixels[i] = np.asarray(made.image)
            captions[i] = made.caption

        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(one, range(len(seeds))))
        else:
            for i in range(len(seeds)):
                one(i)
        return pixels, captions

    def _photo(self, sprite: Sprite, width: int, height: int, rng: random.Random) -> Composed:
        """A random crop of the photo in the asked shape, mirrored half the time."""
        photo = self.sprites.picture(sprite).convert("RGB")
        scale = min(photo.width / width, photo.height / height) * rng.uniform(0.78, 1.0)
        w, h = width * scale, height * scale
        x, y = rng.uniform(0, photo.width - w), rng.uniform(0, photo.height - h)
        image = photo.resize((width, height), Image.Resampling.LANCZOS, box=(x, y, x + w, y + h))
        return Composed(ImageOps.mirror(image) if rng.random() < 0.5 else image, rng.choice(sprite.captions))

    def _cut_out(self, sprite: Sprite, width: int, height: int, rng: random.Random) -> Composed:
        cut, caption = self.sprites.picture(sprite), rng.choice(sprite.captions)
        kind = rng.random()
        if rng.random() < _RECOLOURED and (other := recoloured(cut, rng)):
            cut, colour = other
            caption = rng.choice(["{} {}", "a {} {}", "a {} {}, " + sprite.style]).format(colour, sprite.name)
        if kind < _ON_WHITE:
            return _on_white(cut, sprite, caption, width, height, rng)
        if kind < _ON_COLOUR:
            return _on_colour(cut, sprite, caption, width, height, rng)
        if kind < _IN_PLACE:
            return _in_place(cut, sprite, caption, width, height, rng)
        return self._pair(cut, sprite, width, height, rng)

    def _pair(self, cut: Image.Image, sprite: Sprite, width: int, height: int, rng: random.Random) -> Composed:
        other = self.sprites.companion(sprite, rng)
        where, ground = "", 0.78
        image = Image.new("RGB", (width, height), (255, 255, 255))
        if rng.random() < 0.5:
            place = rng.choice(list(PLACES))
            scene = PLACES[place].paint(width, height, rng)
            image, ground, where = scene.image, scene.ground, " " + place_words(place, rng)
        side = rng.uniform(0.42, 0.52) * min(width, height)
        paste(image, _maybe_mirrored(cut, sprite, rng), 0.28 * width, ground * height, side)
        paste(image, _maybe_mirrored(self.sprites.picture(other), other, rng), 0.73 * width, ground * height, side)
        words = rng.choice(["{} and {}", "{} next to {}", "{} on the left and {} on the right", "{} with {}"])
        return Composed(image, words.format(with_article(sprite.name), with_article(other.name)) + where)


def paste(image: Image.Image, cut: Image.Image, x: float, foot: float, side: float, shadow: bool = False) -> None:
    """The cut-out, `side` px large, standing at (x, foot) px."""
    n = max(8, int(side))
    small = cut.resize((n, n), Image.Resampling.LANCZOS)
    if shadow:
        dark = Image.new("L", image.size, 0)
        ImageDraw.Draw(dark).ellipse([x - n * 0.36, foot - n * 0.07, x + n * 0.36, foot + n * 0.05], fill=90)
        image.paste((0, 0, 0), (0, 0), dark.filter(ImageFilter.GaussianBlur(n / 30)))
    image.paste(small.convert("RGB"), (int(x - n / 2), int(foot - n)), small.getchannel("A"))


def _maybe_mirrored(cut: Image.Image, sprite: Sprite, rng: random.Random) -> Image.Image:
    return ImageOps.mirror(cut) if sprite.mirrors and rng.random() < 0.3 else cut


def _centred(image: Image.Image, cut: Image.Image, sprite: Sprite, low: float, high: float, rng: random.Random) -> None:
    side = rng.uniform(low, high) * min(image.size)
    paste(image, _maybe_mirrored(cut, sprite, rng), image.width / 2, (image.height + side) / 2, side)


def _on_white(cut: Image.Image, sprite: Sprite, caption: str, width: int, height: int, rng: random.Random) -> Composed:
    image = Image.new("RGB", (width, height), (255, 255, 255))
    _centred(image, cut, sprite, 0.78, 1.0, rng)
    if rng.random() < 0.12:
        caption += rng.choice([" on a white background", ", white background", ", isolated on white"])
    return Composed(image, caption)


def _on_colour(cut: Image.Image, sprite: Sprite, caption: str, width: int, height: int, rng: random.Random) -> Composed:
    name, colour = rng.choice(list(GROUNDS.items()))
    image = Image.new("RGB", (width, height), near(colour, rng, 8))
    _centred(image, cut, sprite, 0.7, 0.95, rng)
    words = rng.choice([" on a {} background", ", {} background", " in front of a {} wall"])
    return Composed(image, caption + words.format(name))


def _in_place(cut: Image.Image, sprite: Sprite, caption: str, width: int, height: int, rng: random.Random) -> Composed:
    place = rng.choice(list(PLACES))
    scene = PLACES[place].paint(width, height, rng)
    side = rng.uniform(0.45, 0.72) * min(width, height)
    foot = min(scene.ground + rng.uniform(-0.03, 0.06), 0.99) * height
    cut = _maybe_mirrored(cut, sprite, rng)
    paste(scene.image, cut, rng.uniform(0.34, 0.66) * width, foot, side, PLACES[place].shadow)
    what = rng.choice([with_article(sprite.name), with_article(sprite.name), caption])
    return Composed(scene.image, f"{what} {place_words(place, rng)}")


def in_look(made: Composed, name: str, rng: random.Random, dice: random.Random | None = None) -> Composed:
    """The picture through one of the LOOKS, its caption saying so. `dice` are the look's own, if it has any."""
    look = LOOKS[name]
    return Composed(look.apply(made.image, dice or rng), look.caption(made.caption, rng))


def sample_page(composer: Composer, to: Path, size: int, seed: int) -> None:
    """Look before you train: two dozen pictures in all shapes with their captions."""
    from models.starter.training.config import SHAPES, pixels
    from models.starter.training.sheet import page

    shapes = list(SHAPES)
    made = [composer.picture(*pixels(size, shapes[i % len(shapes)]), seed + i) for i in range(24)]
    to.parent.mkdir(parents=True, exist_ok=True)
    page([m.image for m in made], [m.caption for m in made], columns=6).save(to)
