"""What tests of the engine draw with: cards of tiny models, and orders for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.tiny import TinyModels
from webui.core.types import LoraCard, LoraUse, ModelCard, Order, Recipe
from webui.families.base import Family
from webui.families.sd import SdFamily
from webui.families.sdxl import SdxlFamily
from webui.library.model_file import open_file, open_folder


def families(tiny: TinyModels) -> tuple[Family, ...]:
    return SdFamily(tiny.configs), SdxlFamily(tiny.configs)


def card_of(path: Path, known: tuple[Family, ...]) -> ModelCard:
    file = (open_folder if path.is_dir() else open_file)(path, path.stem, path.stem)
    return next(card for family in known if (card := family.identify(file)))


def lora_of(path: Path, known: tuple[Family, ...]) -> LoraCard:
    file = open_file(path, path.stem, path.stem)
    return next(card for family in known if (card := family.identify_lora(file)))


def order(card: ModelCard, loras: dict[LoraCard, float] | None = None, **changes: Any) -> Order:
    """A small picture: 64 px (the starter's own 128), 4 steps, unless said otherwise."""
    side = 128 if card.variant == "starter" else 64
    recipe = Recipe(card.id, "a red apple", "", side, side, 4, 5.0, "Euler", 7)
    cards = loras or {}
    uses = tuple(LoraUse(lora.id, weight) for lora, weight in cards.items())
    return Order(replace(recipe, loras=uses, **changes), card, tuple(cards), preview=False)
