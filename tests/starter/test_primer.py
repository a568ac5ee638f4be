"""The first course: few things, always in the same place, and captions that say what is to be seen."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.starter.training.colours import GROUNDS, HUES, colour_of, recoloured
from models.starter.training.primer import LOOKS, THINGS, Primer
from models.starter.training.scenes import PLACES
from models.starter.training.sprites import Sprites


@pytest.fixture(scope="module")
def primer(data: Path) -> Primer:
    return Primer(Sprites(data))


def test_a_seed_always_gives_the_same_picture(primer: Primer) -> None:
    first, words = primer.batch(48, 32, range(20))
    again, same_words = primer.batch(48, 32, range(20), threads=2)
    assert np.array_equal(first, again)
    assert words == same_words


def test_captions_name_the_thing_or_the_place(primer: Primer) -> None:
    things = {word for name in ("red apple", "star", "bus") for word in THINGS[name]}
    places = {words for place in PLACES.values() for words in place.words}
    seen = set()
    for seed in range(200):
        caption = primer.picture(32, 32, seed).caption
        named = {thing for thing in things if thing in caption}
        assert named or caption in places
        seen |= named
    assert seen == things


def test_a_ground_has_the_colour_that_is_said(primer: Primer) -> None:
    """The corners show the ground: nothing reaches them."""
    seen = 0
    for seed in range(200):
        made = primer.picture(32, 32, seed)
        if made.caption.endswith(" background"):
            name = max((n for n in GROUNDS if f"{n} background" in made.caption), key=len)
            assert np.abs(np.asarray(made.image, int)[0, 0] - GROUNDS[name]).max() <= 7
            seen += 1
    assert seen > 20


def test_a_thing_always_stands_in_the_same_place(primer: Primer) -> None:
    boxes = set()
    for seed in range(200):
        made = primer.picture(64, 64, seed)
        if not any(words in made.caption for words in ("background", *(w for p in PLACES.values() for w in p.words))):
            inked = np.asarray(made.image).min(-1) < 200
            rows, columns = np.where(inked.any(1))[0], np.where(inked.any(0))[0]
            boxes.add((rows[0], rows[-1], columns[0], columns[-1]))
    assert 1 <= len(boxes) <= 3  # an outline for each of the three things


def test_a_colour_is_called_by_its_name() -> None:
    red, seen = Image.new("RGBA", (32, 32), (235, 40, 40, 255)), set()
    for seed in range(80):
        picture, said = recoloured(red, random.Random(seed))  # type: ignore[misc]
        assert colour_of(picture) == said
        seen.add(said)
    assert seen == set(HUES)
    assert colour_of(Image.new("RGBA", (8, 8), (120, 70, 20, 255))) == "brown"
    assert colour_of(Image.new("RGBA", (8, 8), (128, 128, 128, 255))) is None


def test_data_without_the_things_is_refused(data: Path) -> None:
    sprites = Sprites(data)
    sprites.all = [sprite for sprite in sprites.all if sprite.source not in LOOKS]
    with pytest.raises(ValueError, match="first course"):
        Primer(sprites)
