"""Which model would serve a card best."""

from __future__ import annotations

from collections.abc import Iterable

from webui.core.model_presets import CardNeeds, ModelPreset
from webui.core.types import DeviceFacts

SHARED_PART = 2 / 3
"""Of a Mac's memory, which the system and other programs live in, too."""


def best_model(facts: DeviceFacts, models: Iterable[ModelPreset]) -> ModelPreset | None:
    """The largest model that this device holds comfortably, else the one that just fits and asks for the least.

    None where nothing fits, and on a processor alone: what is large takes minutes a picture there.
    """
    room = card_bytes(facts)
    asked = [(model.needs, model) for model in models if model.needs is not None and model.needs.least <= room]
    comfortable = [pair for pair in asked if pair[0].comfortable <= room]
    if comfortable:
        return max(comfortable, key=_comfort)[1]
    return min(asked, key=_comfort)[1] if asked else None


def how_it_would_draw(facts: DeviceFacts, model: ModelPreset) -> str:
    """What to expect of a model on this device, in one sentence."""
    if facts.kind == "cpu":
        return "Draws on this processor, too, but takes minutes for a picture."
    room = card_bytes(facts)
    if model.needs is None or model.needs.comfortable <= room:
        return "Fits this computer well."
    return "Fits this computer, a bit slower." if model.needs.least <= room else "This computer is too small for it."


def card_bytes(facts: DeviceFacts) -> int:
    """Bytes that a model may count on: a card's own memory, a part of a Mac's, nothing on a processor."""
    if facts.kind == "cuda":
        return facts.total
    return int(facts.total * SHARED_PART) if facts.kind == "mps" else 0


def _comfort(pair: tuple[CardNeeds, ModelPreset]) -> int:
    return pair[0].comfortable
