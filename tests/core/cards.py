"""A model and LoRAs as the catalog would list them, and the presets that ship."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from webui.core.presets import Presets, load_presets
from webui.core.settle import settle
from webui.core.types import ComponentSizes, Defaults, GenerationRequest, LoraCard, ModelCard, Recipe

PRESETS = Path(__file__).resolve().parents[2] / "presets"

SMALL = ModelCard(
    id="starter",
    title="Easel starter",
    family="sd1",
    path="/nowhere/starter",
    layout="folder",
    sizes=ComponentSizes(1, 2, 3),
    defaults=Defaults(256, 256, 12, 5.0, "DDIM", 128, 512),
    tasks=frozenset({"text_to_image", "image_to_image", "inpaint"}),
)
BIG = replace(SMALL, id="checkpoints/dream", title="dream", defaults=Defaults(1024, 1024, 30, 7.0, "Euler", 512, 2048))

LORAS = {
    lora.id: lora
    for lora in (
        LoraCard("loras/ink", "Ink Lines", "sd1", "/nowhere/ink", 1),
        LoraCard("loras/sub/soft", "Soft: light, warm", "", "/nowhere/soft", 1),
        LoraCard("loras/xl", "Big one", "sdxl", "/nowhere/xl", 1),
    )
}


@cache
def presets() -> Presets:
    return load_presets(PRESETS, None)


def settled(card: ModelCard = SMALL, /, **asked: Any) -> Recipe:
    return settle(GenerationRequest(**asked), card, LORAS, presets(), random.Random(0))[0]
