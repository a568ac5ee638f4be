"""The badge is earned: it is said of a finished picture only when not a byte outside the painting differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.drawing import card_of, families
from tests.photos import box_mask, noise_photo, photo_order
from tests.tiny import TinyModels
from webui.core.types import Inpainting
from webui.engine.photo import UNTOUCHED, PhotoWork, _untouched, photo_work
from webui.engine.worker import Worker

PHOTO, MASK = noise_photo(96, 64), box_mask(96, 64, (20, 20, 40, 40))


@pytest.fixture
def work(tiny_models: TinyModels) -> PhotoWork:
    card = card_of(tiny_models.sd, families(tiny_models))
    made = photo_work(photo_order(card, PHOTO, MASK, Inpainting(feather=4)))
    assert isinstance(made, PhotoWork)
    return made


def test_what_changes_under_the_mask_keeps_the_promise(work: PhotoWork) -> None:
    work.canvas[20:40, 20:40] ^= 255
    assert _untouched(work)


@pytest.mark.parametrize("place", [(0, 0), (63, 95), (30, 90), (14, 30)])
def test_one_changed_byte_elsewhere_breaks_it(work: PhotoWork, place: tuple[int, int]) -> None:
    work.canvas[(*place, 1)] ^= 1
    assert not _untouched(work)


def test_nothing_is_promised_of_a_photo_that_is_redrawn(work: PhotoWork) -> None:
    assert not _untouched(replace(work, photo=None))


def test_a_repainted_picture_says_so_and_a_restyled_one_does_not(tiny_models: TinyModels, worker: Worker) -> None:
    card = card_of(tiny_models.sd, families(tiny_models))
    repainted = worker.draw(photo_order(card, PHOTO, MASK, steps=2))
    assert repainted.notes == (UNTOUCHED,)
    assert np.frombuffer(repainted.pixels, np.uint8).size == PHOTO.size
    assert worker.draw(photo_order(card, PHOTO, None, steps=2)).notes == ()
