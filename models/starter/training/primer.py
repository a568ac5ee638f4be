"""A first course: things by one hand, in three looks, arranged the same way each time.

What little a few processor cores can learn in hours is spent on what people type first. All pictures of a thing have
the same outline here, and the caption says what is to be seen, so that there is little to guess.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from models.starter.training.colours import GROUNDS, colour_of, near, painted, recoloured
from models.starter.training.compose import Composed, Composer, in_look, paste, place_words, with_article
from models.starter.training.looks import LOOKS as FILTERS
from models.starter.training.looks import card_negatives
from models.starter.training.scenes import PLACES, Scene
from models.starter.training.sprites import Sprite, Sprites
from models.starter.training.vocabulary import ASIDES, IDLE, MORE, THINGS

# The three looks of one set of drawings, and what captions call them. A caption without a look means the first.
LOOKS: Mapping[str, tuple[str, ...]] = {
    "lobehub-fluent-emoji-3d": ("3d render of {}", "{}, 3d style", "a 3d icon of {}"),
    "iconify:fluent-emoji": ("glossy illustration of {}", "{}, gradient style"),
    "iconify:fluent-emoji-flat": ("flat illustration of {}", "{}, flat design", "flat emoji of {}"),
}
PLAIN = "lobehub-fluent-emoji-3d"
# One stage for each place, the same in every picture: what a small model cannot foretell it blurs. The seeds paint
# typical ones, whose moon, planet, trees and sun show beside a thing in the middle.
STAGES: Mapping[str, int] = {
    "grass": 40,
    "forest": 56,
    "mountains": 29,
    "road": 34,
    "beach": 12,
    "sea": 18,
    "sunset": 29,
    "night": 445,
    "space": 210,
    "city night": 32,
    "snow": 38,
    "desert": 16,
    "under water": 51,
    "room": 23,
    "city": 51,
    "rain": 12,
}


@dataclass(frozen=True)
class Shelf:
    """Things that are shown alike. The shares of where they stand leave the rest for places."""

    share: float  # of all pictures with a thing in them
    white: float
    colour: float
    plain: float  # share in the plain look, the other looks share the rest
    dyed: float  # share in another colour than their own
    paired: float
    filtered: float


_KNOWN = Shelf(share=0.36, white=0.44, colour=0.16, plain=0.82, dyed=0.22, paired=0.0, filtered=0.5)
# Half as large and twice as many: a thing among two has a quarter of the picture to be learnt from.
_PAIRS = Shelf(share=0.36, white=0.62, colour=0.16, plain=0.90, dyed=0.14, paired=1.0, filtered=0.12)
_MORE = Shelf(share=0.21, white=0.68, colour=0.16, plain=0.85, dyed=0.10, paired=0.08, filtered=0.25)
_REST = Shelf(share=0.07, white=0.90, colour=0.10, plain=0.90, dyed=0.0, paired=0.0, filtered=0.0)

_PHOTO, _EMPTY_PLACE = 0.02, 0.10  # shares of all pictures, one after the other
_COLOUR_SAID, _GROUND_SAID = 0.5, 0.15
_ONLY_COLOUR = 0.08  # of coloured things, those called by their colour alone, as it stands in a negative prompt
# Shares of pictures with things whose captions have words that change nothing, and of all pictures that are called
# what a card keeps out: a negative prompt that says nothing of the picture pulls it nowhere.
_ASIDE, _IDLE, _KEPT_OUT = 0.08, 0.10, 0.01
_OTHER_ARTICLE = ("the", "my", "one")
_BESIDE = (*("{} and {}",) * 5, "{} next to {}", "{} with {}", "{} on the left and {} on the right")
_LARGE, _HALF = 0.88, 0.5  # sides of a thing alone and of one of two, in shares of the shorter side of the picture


@dataclass(frozen=True)
class _Thing:
    words: tuple[str, ...]
    drawings: dict[str, Sprite]  # by source


def stage(place: str, width: int, height: int) -> Scene:
    """The one stage of a place, in any shape."""
    return PLACES[place].paint(width, height, random.Random(STAGES[place]))


def paste_beside(image: Image.Image, left: Image.Image, right: Image.Image) -> None:
    """Two cut-outs side by side, each in the middle of its half."""
    side = _HALF * min(image.size)
    foot = (image.height + side) / 2
    paste(image, left, 0.27 * image.width, foot, side)
    paste(image, right, 0.73 * image.width, foot, side)


class Primer(Composer):
    """Composes the first course."""

    def __init__(self, sprites: Sprites, looks: bool = True) -> None:
        super().__init__(sprites, looks)
        drawings: dict[str, dict[str, Sprite]] = {}
        for sprite in sprites.all:
            if sprite.source in LOOKS:
                drawings.setdefault(sprite.name, {}).setdefault(sprite.source, sprite)
        taught = {**THINGS, **MORE}
        called = {word for words in taught.values() for word in words}
        rest = {name: (name,) for name in drawings if name not in taught and name not in called and "," not in name}
        self._shelves = [
            (shelf, things)
            for shelf, names in ((_KNOWN, THINGS), (_PAIRS, THINGS), (_MORE, MORE), (_REST, rest))
            if (things := [_Thing(names[name], drawings[name]) for name in sorted(names) if name in drawings])
        ]
        self._photos = [sprite for sprite in sprites.all if not sprite.cut]
        if not self._shelves or self._shelves[0][0] is not _KNOWN:
            raise ValueError("The data holds none of the things of the first course.")

    def names(self) -> list[str]:
        """What captions call things and places, in order."""
        things = {word for _, things in self._shelves for thing in things for word in thing.words}
        return sorted(things | {words for place in PLACES.values() for words in place.words})

    def picture(self, width: int, height: int, seed: int) -> Composed:
        rng = random.Random(seed)
        made = self._seen(width, height, rng)
        return Composed(made.image, rng.choice(card_negatives())) if rng.random() < _KEPT_OUT else made

    def _seen(self, width: int, height: int, rng: random.Random) -> Composed:
        kind = rng.random()
        if kind < _PHOTO and self._photos:
            return self._photo(rng.choice(self._photos), width, height, rng)
        if kind < _EMPTY_PLACE:
            place = rng.choice(list(PLACES))
            return Composed(stage(place, width, height).image, place_words(place, rng))
        shelf, things = rng.choices(self._shelves, [shelf.share for shelf, _ in self._shelves])[0]
        made = self._shown(shelf, things, width, height, rng)
        if rng.random() < shelf.filtered and self._looks:
            look = rng.choice(list(FILTERS))
            # With dice of its own: the strokes and the grain of a look are the same in every picture, as stages are.
            return in_look(made, look, rng, random.Random(look))
        if rng.random() < _ASIDE:  # now and then as people ask
            return Composed(made.image, rng.choice(ASIDES).format(made.caption))
        return made

    def _shown(self, shelf: Shelf, things: list[_Thing], width: int, height: int, rng: random.Random) -> Composed:
        where, side = rng.random(), min(width, height)
        shadow = False
        if where < shelf.white:
            image, said = Image.new("RGB", (width, height), (255, 255, 255)), ""
            if rng.random() < _GROUND_SAID:
                said = rng.choice((" on a white background", ", white background"))
        elif where < shelf.white + shelf.colour:
            name, colour = rng.choice(list(GROUNDS.items()))
            image = Image.new("RGB", (width, height), near(colour, rng, 6))
            said = rng.choice((" on a {} background", ", {} background")).format(name)
        else:
            place = rng.choice(list(PLACES))
            image, said = stage(place, width, height).image, " " + place_words(place, rng)
            shadow = PLACES[place].shadow
        cut, what = self._thing(shelf, things, rng)
        if rng.random() < shelf.paired:
            other, second = self._thing(shelf, things, rng)
            paste_beside(image, cut, other)
            return Composed(image, rng.choice(_BESIDE).format(what, second) + said)
        # As large and in the same place wherever it stands: what is learnt on white holds in front of everything.
        paste(image, cut, width / 2, (height + _LARGE * side) / 2, _LARGE * side, shadow)
        return Composed(image, what + said)

    def _thing(self, shelf: Shelf, things: list[_Thing], rng: random.Random) -> tuple[Image.Image, str]:
        """A cut-out and its words: an article, often a colour, and a look unless it is the plain one."""
        thing = rng.choice(things)
        plain = PLAIN in thing.drawings and rng.random() < shelf.plain
        look = PLAIN if plain else rng.choice(sorted(thing.drawings))
        cut, words = self.sprites.picture(thing.drawings[look]), rng.choice(thing.words)
        if rng.random() < shelf.dyed and (other := recoloured(cut, rng) or painted(cut, rng)):
            cut, colour = other
            if rng.random() < _ONLY_COLOUR:
                return cut, colour
            words = f"{colour} {words}"
        elif shelf.dyed and rng.random() < _COLOUR_SAID and (own := colour_of(cut)) and own not in words:
            words = f"{own} {words}"
        if rng.random() < _IDLE:
            words = f"{rng.choice(IDLE)} {words}"
        words = _with_some_article(words, rng)
        if look == PLAIN and rng.random() < 0.8:
            return cut, words
        return cut, rng.choice(LOOKS[look]).format(words)


def _with_some_article(words: str, rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.80:
        return with_article(words)
    return words if kind < 0.92 else f"{rng.choice(_OTHER_ARTICLE)} {words}"
