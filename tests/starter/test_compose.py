"""Pictures and captions belong together, in every shape, and come back the same from the same seed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.starter.training.colours import HUES, recoloured
from models.starter.training.compose import Composer, sample_page, with_article
from models.starter.training.config import SHAPES, pixels, shares
from models.starter.training.scenes import PLACES
from models.starter.training.sprites import Sprites, read_sprites


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_keeps_its_area_and_ratio_in_whole_steps_of_16_pixels(shape: str) -> None:
    width, height = pixels(256, shape)
    wanted = SHAPES[shape][0] / SHAPES[shape][1]
    assert width % 16 == 0
    assert height % 16 == 0
    assert abs(width * height / 256**2 - 1) < 0.06
    assert abs(width / height / wanted - 1) < 0.06


def test_the_shares_of_some_shapes_sum_to_one() -> None:
    assert sum(shares(("1:1", "2:3")).values()) == pytest.approx(1)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [(64, 64), (96, 48), (48, 96)])
def test_every_place_fills_every_shape(place: str, size: tuple[int, int]) -> None:
    scene = PLACES[place].paint(*size, random.Random(3))
    assert scene.image.size == size
    assert scene.image.mode == "RGB"
    assert 0.4 < scene.ground <= 1
    assert np.asarray(scene.image).std() > 5


def test_a_seed_always_gives_the_same_picture_also_from_threads(composer: Composer) -> None:
    first, words = composer.batch(48, 32, range(20))
    again, same_words = composer.batch(48, 32, range(20), threads=3)
    assert first.shape == (20, 32, 48, 3)
    assert np.array_equal(first, again)
    assert words == same_words
    assert len(set(words)) > 10


def test_captions_name_what_is_shown(composer: Composer) -> None:
    names = {sprite.name for sprite in composer.sprites.all}
    forms = {name.split()[-1] for name in names}
    for seed in range(60):
        assert any(form in composer.picture(32, 32, seed).caption for form in forms)


def test_pairs_put_the_first_on_the_left(data: Path) -> None:
    """What the caption says first stands on the left: nothing mirrors the finished picture."""
    composer = Composer(Sprites(data))
    red = next(s for s in composer.sprites.all if s.name == "red square")
    blue = next(s for s in composer.sprites.all if s.name == "blue square")
    composer.sprites.companion = lambda sprite, rng: blue  # type: ignore[method-assign]
    seen = 0
    for seed in range(400):
        made = composer.of(red, 64, 64, random.Random(seed))
        if made.caption == "a red square on the left and a blue square on the right":
            image = np.asarray(made.image, int)
            left, right = image[:, :32], image[:, 32:]
            assert (left[..., 0] - left[..., 2]).mean() > 5
            assert (right[..., 2] - right[..., 0]).mean() > 5
            seen += 1
    assert seen


def test_recolouring_gives_the_hue_it_names() -> None:
    red = Image.new("RGBA", (32, 32), (215, 40, 40, 255))
    for seed in range(12):
        picture, name = recoloured(red, random.Random(seed))  # type: ignore[misc]
        hue = picture.convert("RGB").convert("HSV").getpixel((5, 5))[0] / 255
        away = abs(hue - HUES[name])
        assert min(away, 1 - away) < 0.02


@pytest.mark.parametrize("colour", [(128, 128, 128, 255), (215, 40, 40, 0)])
def test_grey_and_empty_pictures_are_not_recoloured(colour: tuple[int, int, int, int]) -> None:
    assert recoloured(Image.new("RGBA", (32, 32), colour), random.Random(0)) is None


def test_writing_and_flags_are_not_mirrored(data: Path) -> None:
    from dataclasses import replace

    sprite = read_sprites(data)[0]
    assert sprite.mirrors
    assert not replace(sprite, name="flag of france").mirrors


@pytest.mark.parametrize(
    ("name", "words"), [("cat", "a cat"), ("apple", "an apple"), ("mountains", "mountains"), ("glass", "a glass")]
)
def test_articles(name: str, words: str) -> None:
    assert with_article(name) == words


def test_the_sample_page_shows_two_dozen(data: Path, tmp_path: Path) -> None:
    sample_page(Composer(Sprites(data)), tmp_path / "look" / "compose.png", size=32, seed=0)
    with Image.open(tmp_path / "look" / "compose.png") as page:
        assert page.width > 6 * 32
        assert page.height > 4 * 32
