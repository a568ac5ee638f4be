"""A first course: some eighty everyday things by one hand, in three looks, arranged the same way each time.

What little a few processor cores can learn in hours is spent on what people type first. All pictures of a thing have
the same outline here, and the caption says what is to be seen, so that there is little to guess.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from PIL import Image

from models.starter.training.colours import GROUNDS, colour_of, near, recoloured
from models.starter.training.compose import Composed, Composer, paste, place_words, with_article
from models.starter.training.scenes import PLACES
from models.starter.training.sprites import Sprite, Sprites

# The three looks of one set of drawings, and what captions call them. A caption without a look means the first.
LOOKS: Mapping[str, tuple[str, ...]] = {
    "lobehub-fluent-emoji-3d": ("3d render of {}", "{}, 3d style", "a 3d icon of {}"),
    "iconify:fluent-emoji": ("glossy illustration of {}", "{}, gradient style"),
    "iconify:fluent-emoji-flat": ("flat illustration of {}", "{}, flat design", "flat emoji of {}"),
}
PLAIN = "lobehub-fluent-emoji-3d"

# Name in the data -> what people call it.
THINGS: Mapping[str, tuple[str, ...]] = {
    "red apple": ("apple",),
    "green apple": ("green apple",),
    "banana": ("banana",),
    "strawberry": ("strawberry",),
    "lemon": ("lemon",),
    "tangerine": ("orange fruit", "tangerine"),
    "cherries": ("cherries",),
    "grapes": ("grapes",),
    "watermelon": ("watermelon", "slice of watermelon"),
    "pineapple": ("pineapple",),
    "avocado": ("avocado",),
    "carrot": ("carrot",),
    "tomato": ("tomato",),
    "pizza": ("pizza", "slice of pizza"),
    "hamburger": ("hamburger", "burger"),
    "doughnut": ("donut", "doughnut"),
    "birthday cake": ("birthday cake", "cake"),
    "soft ice cream": ("ice cream",),
    "hot beverage": ("cup of coffee", "cup of tea"),
    "cat face": ("cat", "cat face", "kitten"),
    "dog face": ("dog", "dog face", "puppy"),
    "panda": ("panda",),
    "fox": ("fox",),
    "lion": ("lion",),
    "bear": ("bear",),
    "koala": ("koala",),
    "tiger face": ("tiger",),
    "rabbit face": ("rabbit", "bunny"),
    "frog": ("frog",),
    "pig face": ("pig",),
    "monkey face": ("monkey",),
    "unicorn": ("unicorn",),
    "penguin": ("penguin",),
    "owl": ("owl",),
    "baby chick": ("chick", "bird"),
    "butterfly": ("butterfly",),
    "lady beetle": ("ladybug",),
    "honeybee": ("bee",),
    "turtle": ("turtle",),
    "tropical fish": ("fish",),
    "spouting whale": ("whale",),
    "octopus": ("octopus",),
    "crab": ("crab",),
    "elephant": ("elephant",),
    "dragon face": ("dragon",),
    "automobile": ("car",),
    "bus": ("bus",),
    "bicycle": ("bicycle", "bike"),
    "rocket": ("rocket",),
    "airplane": ("airplane", "plane"),
    "sailboat": ("sailing boat", "sailboat", "boat"),
    "locomotive": ("train",),
    "flying saucer": ("ufo",),
    "house": ("house",),
    "castle": ("castle",),
    "deciduous tree": ("tree",),
    "evergreen tree": ("pine tree", "fir tree"),
    "palm tree": ("palm tree",),
    "cactus": ("cactus",),
    "rose": ("rose",),
    "tulip": ("tulip",),
    "sunflower": ("sunflower",),
    "cherry blossom": ("flower", "blossom"),
    "mushroom": ("mushroom",),
    "red heart": ("heart",),
    "star": ("star",),
    "sun": ("sun",),
    "crescent moon": ("moon", "crescent moon"),
    "cloud": ("cloud",),
    "rainbow": ("rainbow",),
    "snowflake": ("snowflake",),
    "fire": ("fire", "flame"),
    "ringed planet": ("planet",),
    "snowman": ("snowman",),
    "ghost": ("ghost",),
    "robot": ("robot",),
    "alien": ("alien",),
    "jack-o-lantern": ("pumpkin",),
    "skull": ("skull",),
    "grinning face": ("smiling face", "smiley"),
    "crown": ("crown",),
    "gem stone": ("diamond", "gem"),
    "balloon": ("balloon",),
    "umbrella": ("umbrella",),
    "guitar": ("guitar",),
    "soccer ball": ("ball", "soccer ball"),
    "snow-capped mountain": ("mountain",),
}

# Shares of what a picture shows; the rest are places with a thing in them.
_ON_WHITE, _ON_COLOUR, _EMPTY_PLACE = 0.40, 0.62, 0.67
_PLAIN, _RECOLOURED, _COLOUR_SAID = 0.5, 0.3, 0.5
_LARGE, _SMALL = 0.88, 0.66  # sides of a thing, in shares of the shorter side of the picture


class Primer(Composer):
    """Composes the first course."""

    def __init__(self, sprites: Sprites) -> None:
        super().__init__(sprites)
        self._drawings: dict[str, dict[str, Sprite]] = {name: {} for name in THINGS}
        for sprite in sprites.all:
            if sprite.name in THINGS and sprite.source in LOOKS:
                self._drawings[sprite.name].setdefault(sprite.source, sprite)
        self._things = sorted(name for name, drawings in self._drawings.items() if drawings)
        if not self._things:
            raise ValueError("The data holds none of the things of the first course.")

    def picture(self, width: int, height: int, seed: int) -> Composed:
        rng = random.Random(seed)
        kind = rng.random()
        if _ON_COLOUR <= kind < _EMPTY_PLACE:
            place = rng.choice(list(PLACES))
            return Composed(PLACES[place].paint(width, height, rng).image, place_words(place, rng))
        cut, what = self._thing(rng)
        side = min(width, height)
        if kind < _ON_WHITE:
            image = Image.new("RGB", (width, height), (255, 255, 255))
        elif kind < _ON_COLOUR:
            name, colour = rng.choice(list(GROUNDS.items()))
            image = Image.new("RGB", (width, height), near(colour, rng, 6))
            what += rng.choice((" on a {} background", ", {} background")).format(name)
        else:
            place = rng.choice(list(PLACES))
            scene = PLACES[place].paint(width, height, rng)
            foot = min(scene.ground + 0.02, 0.98) * height
            paste(scene.image, cut, width / 2, foot, _SMALL * side, PLACES[place].shadow)
            return Composed(scene.image, f"{what} {place_words(place, rng)}")
        paste(image, cut, width / 2, (height + _LARGE * side) / 2, _LARGE * side)
        return Composed(image, what)

    def _thing(self, rng: random.Random) -> tuple[Image.Image, str]:
        """A cut-out and its words: an article, often a colour, and a look unless it is the plain one."""
        name = rng.choice(self._things)
        drawings = self._drawings[name]
        look = PLAIN if PLAIN in drawings and rng.random() < _PLAIN else rng.choice(sorted(drawings))
        cut, words = self.sprites.picture(drawings[look]), rng.choice(THINGS[name])
        if rng.random() < _RECOLOURED and (other := recoloured(cut, rng)):
            cut, colour = other
            words = f"{colour} {words}"
        elif rng.random() < _COLOUR_SAID and not words.startswith("green") and (own := colour_of(cut)):
            words = f"{own} {words}"
        words = with_article(words) if rng.random() < 0.8 else words
        if look == PLAIN and rng.random() < 0.7:
            return cut, words
        return cut, rng.choice(LOOKS[look]).format(words)
