"""What can be chosen on the page: styles, shapes, models, LoRAs, samplers, as the options of its components."""

from __future__ import annotations

import zlib
from typing import Any

from webui.core.presets import Presets, Style
from webui.core.types import LoraCard, ModelCard
from webui.jobs.service import Service

COUNTS = (1, 2, 3, 4, 6, 9)


def styles(presets: Presets) -> list[dict[str, Any]]:
    return [_style(style, style.preview in presets.drawn) for style in presets.styles.values()]


def _style(style: Style, drawn: bool) -> dict[str, Any]:
    hue = zlib.crc32(style.name.encode()) % 360  # the ground colour of a card that has no picture (yet)
    src = f"/style-preview/{style.preview}" if drawn else ""
    return {"name": style.name, "group": style.group, "src": src, "hue": hue}


def shapes(presets: Presets) -> list[dict[str, Any]]:
    return [
        {
            "value": shape.name,
            "title": shape.name,
            "ratio": f"{shape.ratio_w}/{shape.ratio_h}",
            "spoken": f"{shape.name}, {shape.ratio_w} to {shape.ratio_h}",
        }
        for shape in presets.shapes.values()
    ]


def counts() -> list[dict[str, Any]]:
    return [{"value": count, "title": str(count)} for count in COUNTS]


def models(service: Service) -> list[dict[str, Any]]:
    """Every model with what it likes best; those with a problem are shown but cannot be chosen."""
    return [_model(card) for card in service.catalog.models()]


def _model(card: ModelCard) -> dict[str, Any]:
    likes = card.defaults
    return {
        "value": card.id,
        "title": card.title,
        "disabled": card.problem is not None,
        "note": "cannot be used" if card.problem else "",
        "steps": likes.steps,
        "guidance_scale": likes.guidance_scale,
        "sampler": likes.sampler,
        "width": likes.width,
        "height": likes.height,
    }


def first_model(service: Service) -> str:
    return next((card.id for card in service.catalog.models() if card.problem is None), "")


def loras(service: Service) -> list[dict[str, Any]]:
    """Sound LoRAs, each with the ids of the models that it fits."""
    usable = [card for card in service.catalog.models() if card.problem is None]
    return [
        {"value": lora.id, "title": lora.title, "models": [card.id for card in usable if _fits(service, lora, card)]}
        for lora in service.catalog.loras()
        if lora.problem is None
    ]


def _fits(service: Service, lora: LoraCard, card: ModelCard) -> bool:
    family = service.families.get(card.family)
    return family is not None and family.lora_fits(lora, card)


def samplers(presets: Presets) -> list[dict[str, Any]]:
    automatic = {"value": "", "title": "Automatic", "note": "what the model likes best"}
    return [
        automatic,
        *(
            {"value": sampler.name, "title": sampler.name, "note": sampler.hint}
            for sampler in presets.samplers.values()
        ),
    ]
