"""What is drawn meets the photo: shifted a little within a hole, made to go on from the photo's sides beyond them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.photos import noise_photo, scene
from webui.engine import paste

WIDTH, HEIGHT, BORDER = 192, 128, 128


@pytest.fixture
def known() -> np.ndarray:
    where = np.zeros((HEIGHT, WIDTH), bool)
    where[:, :BORDER] = True
    return where


@pytest.fixture
def before(known: np.ndarray) -> np.ndarray:
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    canvas[:, :BORDER] = scene(BORDER, HEIGHT)
    return paste.scaled_beyond(canvas, known, (WIDTH, HEIGHT))[0]


def test_a_horizon_goes_on_beyond_the_side(before: np.ndarray) -> None:
    photo = scene(BORDER, HEIGHT)
    assert np.array_equal(before[:, :BORDER], photo)
    assert np.array_equal(before[:, BORDER], photo[:, -1])
    sky, ground = before[10, BORDER:].astype(int), before[-10, BORDER:].astype(int)
    assert np.abs(sky - photo[10, -1]).max() <= 20
    assert np.abs(ground - photo[-10, -1]).max() <= 20
    middle = int(HEIGHT * 0.6)
    assert np.abs(np.diff(before[middle - 20 : middle + 20, -1].astype(int), axis=0)).max() < 12, "soft, far out"


def test_nothing_known_and_all_known_are_left_alone(known: np.ndarray) -> None:
    picture = noise_photo(WIDTH, HEIGHT)
    for where in (np.zeros_like(known), np.ones_like(known)):
        grown, inside = paste.scaled_beyond(picture, where, (WIDTH, HEIGHT))
        assert np.array_equal(inside, where)
        assert grown.shape == picture.shape
        assert paste.continued(picture, picture, where) is picture
        assert paste.matched(picture, picture, where) is picture


@pytest.mark.parametrize("level", [0, 255])
def test_the_worst_drawing_begins_as_the_photo_ends_and_comes_into_its_own(
    before: np.ndarray, known: np.ndarray, level: int
) -> None:
    drawn = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
    fitting = paste.continued(drawn, before, known).astype(int)
    assert np.abs(fitting[:, BORDER] - scene(BORDER, HEIGHT)[:, -1]).max() <= 3
    flat = np.r_[5:30, 90:125]  # rows far from sun and horizon
    assert np.abs(np.diff(fitting[flat, BORDER - 1 :], axis=1)).max() <= 8
    assert np.array_equal(fitting[:, -1], drawn[:, -1])


def test_what_goes_on_from_the_photo_stays_as_drawn(before: np.ndarray, known: np.ndarray) -> None:
    """Fine texture about the right colours is not smoothed away beside the photo."""
    drawn = np.clip(before.astype(int) + np.random.default_rng(3).integers(-12, 13, before.shape), 0, 255)
    fitting = paste.continued(drawn.astype(np.uint8), before, known).astype(int)
    beyond = np.s_[:, BORDER : BORDER + 8]
    assert (fitting[beyond] - before[beyond]).std() > 0.7 * (drawn[beyond] - before[beyond]).std()


def test_a_slight_difference_around_a_hole_is_taken_into_it() -> None:
    before = scene(WIDTH, HEIGHT)
    drawn = np.clip(before.astype(int) + np.array((6, -4, 3)), 0, 255).astype(np.uint8)
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[40:90, 60:120] = True
    fitting = paste.matched(drawn, before, ~hole).astype(int)
    assert np.abs(fitting - before)[hole].mean() < 1.5
    assert np.array_equal(fitting[~hole], drawn[~hole])
