"""The LoRAs that ship with the starter: each turns what is drawn into its look, and nothing of it stays behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.drawing import card_of, families, lora_of, order
from tests.tiny import TinyModels
from webui.engine.worker import Worker

FOLDER = Path(__file__).resolve().parents[2] / "models" / "starter" / "loras"
THINGS = ("a red apple", "a blue car", "a cat in a meadow")


def warmth(pixels: np.ndarray) -> float:
    """How far red outweighs blue."""
    return float(pixels[..., 0].mean() - pixels[..., 2].mean())


def lightness(pixels: np.ndarray) -> float:
    """How much of the paper shows."""
    return float(pixels.mean())


# What the look raises; lowered where a sign stands before it.
MARKS: dict[str, Callable[[np.ndarray], float]] = {
    "blueprint": lambda pixels: -warmth(pixels),
    "vintage": warmth,
    "watercolor": lightness,
}


def test_every_one_that_ships_is_tried_here() -> None:
    assert {file.stem for file in FOLDER.glob("*.safetensors")} == set(MARKS)


@pytest.mark.parametrize("name", MARKS)
def test_a_lora_gives_its_look_though_nobody_says_so(
    name: str, worker: Worker, starter: Path, tiny_models: TinyModels
) -> None:
    known = families(tiny_models)
    card, lora = card_of(starter, known), lora_of(FOLDER / f"{name}.safetensors", known)
    assert (lora.family, lora.variant, lora.trigger) == (card.family, card.variant, name)

    def drawn(weight: float | None) -> np.ndarray:
        loras = {} if weight is None else {lora: weight}
        orders = [order(card, loras, prompt=thing, steps=8) for thing in THINGS]
        found = [np.frombuffer(worker.draw(o).pixels, "uint8").reshape(128, 128, 3).astype(float) for o in orders]
        return np.stack(found)

    plain, looked = drawn(None), drawn(1.0)
    assert MARKS[name](looked) > MARKS[name](plain) + 4
    assert np.array_equal(drawn(None), plain)
