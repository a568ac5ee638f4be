"""Row 34: masks that are empty, full, of a wrong size, soft or a JPEG: a defined result, and not a byte beside them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.drawing import card_of, families
from tests.photos import box_mask, noise_photo, photo_order, pixels_of, png
from tests.tiny import TinyModels
from webui.core.errors import MaskEmpty
from webui.core.imaging import open_mask
from webui.core.types import Inpainting, ModelCard
from webui.engine.worker import Worker

PHOTO = noise_photo(150, 101)


@pytest.fixture(scope="module")
def worker(tiny_models: TinyModels) -> Worker:
    return Worker("cpu", threads=1, families=families(tiny_models))


@pytest.fixture(scope="module")
def card(tiny_models: TinyModels) -> ModelCard:
    return card_of(tiny_models.sd, families(tiny_models))


def drawn(worker: Worker, card: ModelCard, mask: np.ndarray, **inpaint: object) -> np.ndarray:
    how = Inpainting(**{"feather": 0, **inpaint})  # type: ignore[arg-type]
    return pixels_of(worker.draw(photo_order(card, PHOTO, mask, how, steps=2, strength=1.0)))


def test_row34_an_empty_mask_is_refused_in_words(worker: Worker, card: ModelCard) -> None:
    with pytest.raises(MaskEmpty):
        drawn(worker, card, np.zeros((101, 150), np.uint8))
    with pytest.raises(MaskEmpty):
        drawn(worker, card, np.full((101, 150), 255, np.uint8), invert=True)


@pytest.mark.parametrize("area", ["masked", "whole"])
def test_row34_a_full_mask_draws_everything_at_the_photos_size(worker: Worker, card: ModelCard, area: str) -> None:
    result = drawn(worker, card, np.full((101, 150), 255, np.uint8), area=area)
    assert result.shape == PHOTO.shape
    assert (result != PHOTO).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("size", [(75, 50), (300, 202), (40, 300), (1, 1)])
def test_row34_a_mask_of_another_size_is_stretched_onto_the_photo(
    worker: Worker, card: ModelCard, size: tuple[int, int]
) -> None:
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[: max(1, size[1] // 2), : max(1, size[0] // 2)] = 255
    result = drawn(worker, card, mask)
    if size != (1, 1):
        assert np.array_equal(result[56:], PHOTO[56:]) and np.array_equal(result[:, 82:], PHOTO[:, 82:])
    assert (result[:40, :60] != PHOTO[:40, :60]).any()


def test_row34_one_pixel_is_enough(worker: Worker, card: ModelCard) -> None:
    mask = box_mask(150, 101, (149, 100, 150, 101))
    result = drawn(worker, card, mask)
    assert np.array_equal(result[mask == 0], PHOTO[mask == 0])


@pytest.mark.parametrize("soft", [False, True])
def test_row34_greys_change_only_where_they_are(worker: Worker, card: ModelCard, soft: bool) -> None:
    mask = np.zeros((101, 150), np.uint8)
    mask[20:80, 30:120] = np.linspace(1, 255, 90).astype(np.uint8)
    result = drawn(worker, card, mask, soft=soft)
    assert np.array_equal(result[mask == 0], PHOTO[mask == 0])
    assert (result[20:80, 100:120] != PHOTO[20:80, 100:120]).any(axis=-1).mean() > 0.9


def test_row34_a_jpegs_noise_is_not_painted() -> None:
    mask = Image.fromarray(box_mask(150, 101, (40, 40, 80, 80)))
    out = io.BytesIO()
    mask.save(out, "JPEG", quality=80)
    opened = np.asarray(open_mask(out.getvalue()))
    assert (opened[:24] == 0).all() and (opened[96:] == 0).all()
    assert (opened[50:70, 50:70] == 255).all()
    assert np.array_equal(np.asarray(open_mask(png(np.asarray(mask)))), np.asarray(mask))
