"""The promise of inpainting, for every family and mode: what is not under the feathered mask keeps its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from tests.drawing import card_of, families
from tests.photos import box_mask, noise_photo, photo_order, pixels_of
from tests.tiny import TinyModels
from webui.core.types import Area, Content, Inpainting, ModelCard
from webui.engine.worker import Worker
from webui.families import all_families

WIDTH, HEIGHT = 203, 151
BOX = (60, 40, 110, 90)
FEATHER = 6
MODELS = ("sd", "sd_inpaint", "xl", "sd_folder", "starter")


@pytest.fixture(scope="module")
def cards(tiny_models: TinyModels, starter: Path) -> dict[str, ModelCard]:
    known = families(tiny_models)
    found = {name: card_of(getattr(tiny_models, name), known) for name in MODELS if name != "starter"}
    return found | {"starter": card_of(starter, all_families())}


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """Where the feathered mask may reach: the mask, grown by a square of that radius."""
    padded = np.pad(mask > 0, by)
    reach = np.zeros_like(mask, bool)
    for dy in range(2 * by + 1):
        for dx in range(2 * by + 1):
            reach |= padded[dy : dy + mask.shape[0], dx : dx + mask.shape[1]]
    return reach


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("content", get_args(Content))
@pytest.mark.parametrize("area", get_args(Area))
@pytest.mark.parametrize("name", MODELS)
def test_outside_the_feathered_mask_every_byte_is_the_uploads(
    name: str, area: Area, content: Content, soft: bool, cards: dict[str, ModelCard], worker: Worker
) -> None:
    if name == "starter" and (soft or content not in ("original", "noise")):
        pytest.skip("the starter is slow: its four main modes say enough")
    photo, mask = noise_photo(WIDTH, HEIGHT), box_mask(WIDTH, HEIGHT, BOX)
    inpaint = Inpainting(area=area, content=content, feather=FEATHER, soft=soft)
    drawn = worker.draw(photo_order(cards[name], photo, mask, inpaint, steps=2, strength=1.0))
    result, within = pixels_of(drawn), grown(mask, FEATHER)
    assert (drawn.width, drawn.height) == (WIDTH, HEIGHT)
    assert np.array_equal(result[~within], photo[~within])
    changed = (result != photo).any(axis=-1)
    assert changed[mask > 0].mean() > 0.9, "what was painted over is drawn anew"


@pytest.mark.parametrize("name", ["sd", "sd_inpaint", "xl"])
@pytest.mark.parametrize("extend", [(40, 0, 0, 0), (0, 0, 500, 0), (30, 20, 10, 60)])
def test_an_extended_photo_keeps_every_byte(
    name: str, extend: tuple[int, int, int, int], cards: dict[str, ModelCard], worker: Worker
) -> None:
    photo = noise_photo(120, 90)
    left, top, right, bottom = extend
    inpaint = Inpainting(feather=FEATHER, extend_left=left, extend_top=top, extend_right=right, extend_bottom=bottom)
    result = pixels_of(worker.draw(photo_order(cards[name], photo, None, inpaint, steps=2)))
    assert result.shape == (90 + top + bottom, 120 + left + right, 3)
    assert np.array_equal(result[top : top + 90, left : left + 120], photo)
    bands = [result[:, :left], result[:, left + 120 :], result[:top], result[top + 90 :]]
    for band in bands:
        if band.size:
            assert band.max() > 0 and band.std() > 0, "something is drawn there"
            assert not (band == 0).all(axis=-1).any(axis=0).all(), "no black bands are left"


def test_a_mask_and_an_extension_go_together(cards: dict[str, ModelCard], worker: Worker) -> None:
    photo, mask = noise_photo(120, 90), box_mask(120, 90, (50, 30, 70, 50))
    order = photo_order(cards["sd"], photo, mask, Inpainting(feather=0, extend_left=33), steps=2, strength=1.0)
    part = pixels_of(worker.draw(order))[:, 33:]
    assert np.array_equal(part[mask == 0], photo[mask == 0])
    assert (part[mask > 0] != photo[mask > 0]).any()


@pytest.mark.parametrize("name", ["sd", "sd_inpaint", "xl"])
def test_the_same_recipe_gives_the_same_picture_and_another_seed_another(
    name: str, cards: dict[str, ModelCard], worker: Worker
) -> None:
    photo, mask = noise_photo(96, 64), box_mask(96, 64, (20, 20, 60, 50))
    again = [
        pixels_of(worker.draw(photo_order(cards[name], photo, mask, steps=2, strength=0.9, seed=seed)))
        for seed in (3, 3, 4)
    ]
    assert np.array_equal(again[0], again[1])
    assert not np.array_equal(again[0], again[2])


def test_half_precision_keeps_the_promise_too(cards: dict[str, ModelCard], tiny_models: TinyModels) -> None:
    from dataclasses import replace

    from webui.engine.device import find_device

    facts = replace(find_device("cpu", threads=1), dtype="bfloat16")
    half = Worker("cpu", families=families(tiny_models), facts=facts)
    photo, mask = noise_photo(96, 64), box_mask(96, 64, (20, 20, 60, 50))
    result = pixels_of(half.draw(photo_order(cards["sd"], photo, mask, Inpainting(feather=0), steps=2, strength=1.0)))
    assert half.models.current is not None and half.models.current.dtype == torch.bfloat16
    assert np.array_equal(result[mask == 0], photo[mask == 0])
    half.close()
