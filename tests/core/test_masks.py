"""Masks: nothing painted is lost, nothing else is touched."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from webui.core.imaging import open_mask
from webui.core.masks import feathered, fit_mask, grow_inwards, mask_of, painted_box, pool


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_no_painted_pixel_is_lost_in_the_latents(width: int, height: int, w: int, h: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.float32)
    y, x = rng.integers(height), rng.integers(width)
    mask[y, x] = 0.3
    cells = pool(mask, (w, h))
    assert cells.shape == (h, w)
    assert cells.max() == np.float32(0.3)
    top, left = int((y + 0.5) * h / height), int((x + 0.5) * w / width)
    assert cells[top, left] > 0, "the cell below the pixel's middle"


def test_a_thin_stroke_survives_a_tenfold_reduction() -> None:
    stroke = np.zeros((1000, 1000), np.uint8)
    stroke[500, 100:900] = 255
    small = np.asarray(fit_mask(Image.fromarray(stroke), (100, 100)))
    assert small[50, 10:90].min() == 255


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_feather_covers_the_mask_and_ends_where_it_must(feather: int, soft: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((160, 160), np.uint8)
    y, x = rng.integers(60, 80, 2)
    mask[y : y + 30, x : x + 20] = 255
    alpha = feathered(mask, feather, soft)
    assert (alpha[mask > 0] == 1.0).all()
    rows, columns = np.nonzero(alpha.any(axis=1))[0], np.nonzero(alpha.any(axis=0))[0]
    assert rows[0] >= y - feather and rows[-1] < y + 30 + feather
    assert columns[0] >= x - feather and columns[-1] < x + 20 + feather
    assert alpha.min() >= 0 and alpha.max() <= 1
    if feather >= 4 and not soft:
        edge = alpha[y + 15, x - feather : x + 1]
        assert (np.diff(edge) >= -1e-6).all() and np.diff(edge).max() < 0.6, "a slope, not a step"


def test_a_soft_mask_keeps_its_greys() -> None:
    grey = np.full((50, 50), 100, np.uint8)
    assert np.allclose(feathered(grey, 8, soft=True), 100 / 255, atol=0.01)


def test_the_surroundings_grow_in_smoothly_and_stay_as_they_are() -> None:
    picture = np.zeros((120, 160, 3), np.float32)
    picture[..., 0] = np.linspace(50, 200, 160)
    picture[..., 1] = 90
    hole = np.zeros((120, 160), bool)
    hole[30:90, 40:120] = True
    spoilt = picture.copy()
    spoilt[hole] = 255
    grown = grow_inwards(spoilt, hole)
    assert np.array_equal(grown[~hole], picture[~hole])
    assert np.abs(grown[hole] - picture[hole]).max() < 25
    assert np.abs(np.diff(grown[60, :, 0])).max() < 12


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (7, 5), (2, 2)])
def test_growing_works_at_every_size(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 40, np.float32)
    for hole in (np.ones(shape, bool), np.zeros(shape, bool)):
        assert np.allclose(grow_inwards(picture, hole), 40)
    corner = np.ones(shape, bool)
    corner[0, 0] = False
    assert np.allclose(grow_inwards(picture, corner), 40, atol=0.01)


def test_masks_of_all_kinds_mean_the_same() -> None:
    want = np.zeros((40, 60), np.uint8)
    want[10:20, 15:45] = 255
    black_and_white = Image.fromarray(want)
    glass = np.zeros((40, 60, 4), np.uint8)
    glass[want > 0] = (200, 30, 30, 255)
    on_black = np.zeros((40, 60, 4), np.uint8)
    on_black[..., :3] = want[..., None]
    on_black[..., 3] = 255
    white_on_glass = np.full((40, 60, 4), 255, np.uint8)
    white_on_glass[..., 3] = want
    images = [black_and_white, *(black_and_white.convert(mode) for mode in ("1", "P", "RGB"))]
    images += [Image.fromarray(pixels) for pixels in (glass, on_black, white_on_glass)]
    for image in images:
        assert np.array_equal(np.asarray(mask_of(image)), want), image.mode
    jpeg = np.asarray(open_mask(saved(black_and_white, "JPEG", quality=90)))
    assert (jpeg[:5] == 0).all() and (jpeg[13:17, 20:40] == 255).all()
    assert painted_box(open_mask(saved(black_and_white))) == (15, 10, 45, 20)


def test_inverting_is_exact_and_empty_masks_are_known() -> None:
    mask = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert np.array_equal(np.asarray(fit_mask(mask, (16, 16), invert=True)), 255 - np.asarray(mask))
    assert painted_box(Image.new("L", (9, 9))) is None
    assert painted_box(Image.new("L", (9, 9), 255)) == (0, 0, 9, 9)
