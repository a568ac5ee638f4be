"""Which model is offered to which card, and whether the planner agrees."""

from __future__ import annotations

import pytest

from tests.core.cards import presets
from tests.memory.test_plan import SD, SDXL, card, cpu, gib
from webui.core.types import DeviceFacts
from webui.families import all_families
from webui.memory.offer import best_model
from webui.memory.plan import plan

CHECKPOINTS = [model for model in presets().models.values() if model.kind == "checkpoint"]
SIZES = {"sd": (SD, 512), "sdxl": (SDXL, 1024)}


def mac(gb: float) -> DeviceFacts:
    return DeviceFacts("mps", "Apple GPU", gib(gb), gib(gb / 2), "float16")


@pytest.mark.parametrize(
    "facts, wanted",
    [
        (card(24), "sdxl-base-1.0"), (card(12), "sdxl-base-1.0"), (card(8), "sdxl-base-1.0"), (card(6), "sd-1.5"),
        (card(4), "sd-1.5"), (card(3), "sd-1.5"), (card(2), None),
        (mac(32), "sdxl-base-1.0"), (mac(16), "sdxl-base-1.0"), (mac(8), "sd-1.5"), (mac(4), None),
        (cpu(64), None), (cpu(8), None),
    ],
)  # fmt: skip
def test_each_card_gets_what_serves_it_best(facts: DeviceFacts, wanted: str | None) -> None:
    best = best_model(facts, CHECKPOINTS)
    assert (best.id if best else None) == wanted
    again = best_model(facts, reversed(CHECKPOINTS))
    assert again == best


def test_what_cannot_be_had_leaves_the_next_best() -> None:
    left = [model for model in CHECKPOINTS if model.id != "sdxl-base-1.0"]
    best = best_model(card(12), left)
    assert best is not None and best.id == "sd-1.5"
    xl = [model for model in CHECKPOINTS if model.family == "sdxl"]
    assert best_model(card(6), xl) == xl[0]
    assert best_model(card(4), xl) is None


@pytest.mark.parametrize("model", CHECKPOINTS, ids=lambda model: model.id)
def test_needs_are_what_the_planner_says(model) -> None:
    """Comfortable: whole, or in parts that take turns. Least: it draws on the card in smaller pieces."""
    families = {family.name: family for family in all_families()}
    sizes, side = SIZES[model.family]
    for total, rungs in (
        (model.needs.comfortable, {"resident", "text_encoder_leaves", "model_offload"}),
        (model.needs.least, {"resident", "model_offload", "group_offload_block", "group_offload_leaf"}),
    ):
        facts = DeviceFacts("cuda", "a card", total, total - gib(0.5), "float16")
        found = plan(sizes, facts, side, side, activations=families[model.family].activations)
        assert found.rung in rungs
