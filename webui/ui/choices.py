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


def lists(service: Service) -> dict[str, list[dict[str, Any]]]:
    """What is in the model folders, for all desks: models with what they like best, and the sound LoRAs.

    A model has a "kind", and a LoRA the kinds that it fits: of thousands of LoRAs each fits dozens of models.
    """
    cards = service.catalog.models()
    kinds = {_kind(card): card for card in cards if card.problem is None}
    return {
        "models": [_model(card) for card in cards],
        "loras": [
            {
                "value": lora.id,
                "title": lora.title,
                "trigger": lora.trigger,
                "kinds": [kind for kind, card in kinds.items() if _fits(service, lora, card)],
            }
            for lora in service.catalog.loras()
            if lora.problem is None
        ],
    }


def _kind(card: ModelCard) -> str:
    """Models of one kind take the same LoRAs."""
    return f"{card.family} {card.variant}".strip()


def _model(card: ModelCard) -> dict[str, Any]:
    likes = card.defaults
    return {
        "value": card.id,
        "title": card.title,
        "kind": _kind(card),
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
