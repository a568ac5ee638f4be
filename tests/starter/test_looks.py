"""Looks: each style card has one, each does something, and the cards show it."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.starter.training.looks import LOOKS, card_prompts
from models.starter.training.primer import stage
from models.starter.training.textures import cells, facets, flat, thing

HOME = Path(__file__).resolve().parents[2]


def _apple(side: int = 64) -> Image.Image:
    image = Image.new("RGB", (side, side), (255, 255, 255))
    ImageDraw.Draw(image).ellipse([side * 0.2, side * 0.2, side * 0.8, side * 0.8], fill=(210, 40, 50))
    return image


@pytest.fixture(scope="module")
def subject() -> Callable[[str], Image.Image]:
    made: Callable[[str], Image.Image] = runpy.run_path(str(HOME / "presets" / "draw_previews.py"))["subject"]
    return made


def test_each_card_has_one_look() -> None:
    assert sorted(look.card for look in LOOKS.values()) == sorted(card_prompts())


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_does_something_to_a_thing_and_to_a_place_of_any_shape(look: str) -> None:
    for before in (_apple(), stage("forest", 96, 54).image, stage("room", 54, 96).image):
        after = LOOKS[look].apply(before.copy(), random.Random(look))
        again = LOOKS[look].apply(before.copy(), random.Random(look))
        assert after.size == before.size
        assert after.mode == "RGB"
        assert after.tobytes() == again.tobytes()
        assert np.abs(np.asarray(after, int) - np.asarray(before, int)).mean() > 0.3


@pytest.mark.parametrize("look", LOOKS)
def test_two_things_are_told_apart_in_every_look(look: str) -> None:
    """A look may take colour or detail away, never the whole picture."""
    night, beach = (LOOKS[look].apply(stage(p, 96, 96).image, random.Random(look)) for p in ("night", "beach"))
    assert np.abs(np.asarray(night, int) - np.asarray(beach, int)).mean() > 4


def test_no_two_looks_are_alike() -> None:
    image = stage("mountains", 96, 96).image
    seen = [np.asarray(look.apply(image.copy(), random.Random(name)), int) for name, look in LOOKS.items()]
    for k, one in enumerate(seen):
        assert min((np.abs(one - other).mean() for other in seen[k + 1 :]), default=9) > 2


@pytest.mark.parametrize("name", LOOKS)
def test_the_card_shows_the_look(name: str, subject: Callable[[str], Image.Image]) -> None:
    """presets/draw_previews.py was run after the last change to a look."""
    style = LOOKS[name].card
    card = style.casefold().replace(" ", "-")
    with Image.open(HOME / "presets" / "styles" / "previews" / f"{card}.webp") as kept:
        shown = kept.convert("RGB").resize((48, 48), Image.Resampling.BOX)
    drawn = LOOKS[name].apply(subject(style), random.Random(name)).resize((48, 48), Image.Resampling.BOX)
    assert np.abs(np.asarray(shown, int) - np.asarray(drawn, int)).mean() < 6


def test_a_thing_is_found_on_a_ground_of_one_colour_only() -> None:
    found = thing(_apple())
    assert found is not None
    assert found[32, 32]
    assert not found[2, 2]
    assert thing(stage("forest", 64, 64).image) is None
    assert thing(Image.new("RGB", (64, 64), (40, 90, 200))) is None


def test_cells_and_facets_keep_the_mean_colour() -> None:
    image = stage("sunset", 64, 48).image
    for make in (cells, facets):
        patches, labels = make(image, random.Random(1), 60)
        assert patches.shape == (48, 64, 3)
        assert labels.shape == (48, 64)
        assert np.allclose(patches.mean((0, 1)), np.asarray(image).mean((0, 1)) / 255, atol=0.01)


def test_flat_has_few_colours() -> None:
    assert len(flat(stage("city", 64, 64).image, 5, 0.04).getcolors()) <= 5
