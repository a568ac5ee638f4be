"""The line about a better model, as the page is told it: plain JSON data with the words already made."""

from __future__ import annotations

import re
from typing import Any

from webui.core.model_presets import ModelPreset
from webui.core.types import Fault
from webui.jobs.views import in_words
from webui.library.arrival import Headway

Offer = dict[str, Any]

_MAKERS = re.compile(r"\b(NVIDIA|GeForce|AMD|Intel\(R\)|Laptop GPU)\b\s*")


def offered(model: ModelPreset, device: str, arrived: int) -> Offer:
    """`arrived`: bytes of it that an earlier try brought."""
    size = file_size(model.bytes)
    words = f"Your {card_name(device)} can draw far better: {model.title}, {size}."
    if arrived:
        words = f"{file_size(arrived)} of {size} of {model.title} are here already."
    return _line(model, "offered", words, get=model.id, get_label="Go on" if arrived else "Get it", **_licence(model))


def coming(model: ModelPreset, headway: Headway) -> Offer:
    percent = int(100 * headway.fraction)
    words = f"Getting {model.title}: {percent}\u00a0%"
    if headway.checking:
        words = f"Checking {model.title}: {percent}\u00a0%"
    elif headway.seconds_left is not None:
        words += f", {in_words(headway.seconds_left)} left".replace(" ", "\u00a0").replace(",\u00a0", ", ")
    return _line(model, "coming", words, percent=percent)


def here(model: ModelPreset, card: str) -> Offer:
    """`card`: its id in the catalog, "" when the catalog cannot use it."""
    return _line(model, "here", f"{model.title} is here.", card=card)


def failed(model: ModelPreset, fault: Fault, instead: ModelPreset | None) -> Offer:
    """`instead`: what else would serve this card, where trying again is of no use."""
    words = f"{fault.message} {fault.hint}".strip()
    if fault.fix:
        return _line(model, "failed", words, get=model.id, get_label=fault.fix_label)
    if instead is None:
        return _line(model, "failed", words)
    label = f"Get {instead.title}, {file_size(instead.bytes)}"
    return _line(model, "failed", fault.message, get=instead.id, get_label=label, **_licence(instead))


def card_name(device: str) -> str:
    """How people call their card: "NVIDIA GeForce RTX 4070" is an RTX 4070, and an Apple GPU a Mac."""
    return "Mac" if device.startswith("Apple") else " ".join(_MAKERS.sub("", device).split()) or "card"


def file_size(n: int) -> str:
    """Bytes as file managers say them: "6.9 GB", "410 MB"."""
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{max(1, round(n / 1e6))} MB"


def _licence(model: ModelPreset) -> dict[str, str]:
    return {"licence": model.licence.name, "terms": model.licence.commercial}


def _line(model: ModelPreset, state: str, words: str, **more: Any) -> Offer:
    nothing = {"get": "", "get_label": "", "licence": "", "terms": "", "percent": 0, "card": ""}
    return {"state": state, "id": model.id, "title": model.title, "words": words} | nothing | more
