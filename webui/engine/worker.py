"""The worker: one device, one model in memory, one picture at a time.

It runs in a process of its own (`python -m webui.engine.serve`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from webui.core.errors import NotEnoughMemory, Stopped
from webui.core.presets import Presets, load_presets
from webui.core.types import DeviceFacts, GeneratedImage, ModelCard, Order, Progress, Recipe
from webui.engine import device as devices
from webui.engine.attention import AttentionChoice
from webui.engine.cores import Cores
from webui.engine.ladder import climb_down, is_out_of_memory, slower_note
from webui.engine.model import Model
from webui.engine.model_manager import ModelManager
from webui.engine.photo import PhotoWork, draw_photo, photo_work
from webui.engine.run import Desk, Work, draw
from webui.families import all_families
from webui.families.base import Family
from webui.memory.estimate import BYTES
from webui.memory.plan import VramPlan, budget_of, cap_bytes, plan, refusal, size_that_fits

shipped_presets = Path(__file__).resolve().parents[2] / "presets"

OnProgress = Callable[[Progress], None]


def nobody(_: Progress) -> None:
    """Nobody watches."""


class Worker:
    """Draws orders. Not thread-safe; `stopped` may be set from any thread.

    `place_on` is the torch device to compute on, and `free` tells its free bytes, where they are not those of the
    facts' device (tests try a card's plans on a CPU).
    """

    def __init__(
        self,
        device: str = "auto",
        *,
        vram: float | None = None,
        threads: int | None = None,
        families: Sequence[Family] | None = None,
        presets: Presets | None = None,
        facts: DeviceFacts | None = None,
        place_on: Any = None,
        free: Callable[[], int] | None = None,
        pulse: Callable[[], None] | None = None,
    ) -> None:
        self.facts = facts or devices.find_device(device, vram, threads)
        devices.prepare(self.facts)
        self.device = place_on or devices.torch_device(self.facts)
        self.models = ModelManager(families or all_families(), self.facts)
        self._presets = presets or load_presets(shipped_presets, None)
        self._cap = cap_bytes(vram)
        self._free = free or (lambda: devices.free_bytes(self.facts))
        self._attention = AttentionChoice()
        self._pulse = pulse or (lambda: None)
        self._cores = Cores(self.facts.threads if self.facts.kind == "cpu" else 1)

    @property
    def model(self) -> str:
        """The id of the model in memory, "" when there is none."""
        return self.models.current.card.id if self.models.current else ""

    def draw(
        self, order: Order, on_progress: OnProgress = nobody, stopped: threading.Event | None = None
    ) -> GeneratedImage:
        """One picture. Raises UserError children and Stopped; whatever it raises, the next order is drawn as if
        nothing had been."""
        desk = Desk(
            self.device, self._presets, on_progress, self._check(stopped), order.preview, attention=self._attention
        )
        try:
            model = self._ready(order, desk)
            work = photo_work(order) if order.recipe.init_image else Work(order.recipe)
            pixels, used = self._drawn(work, model, desk)
        except Stopped:
            devices.sweep(self.facts)
            raise
        recipe, seconds = order.recipe, {k: round(v, 4) for k, v in desk.seconds.items()}
        return GeneratedImage(recipe, *work.size, pixels, seconds, used.rung, tuple(dict.fromkeys(desk.notes)))

    def _check(self, stopped: threading.Event | None) -> Callable[[], None]:
        def check() -> None:
            self._pulse()
            self._cores.settle()
            if stopped is not None and stopped.is_set():
                raise Stopped

        return check

    def _ready(self, order: Order, desk: Desk) -> Model:
        """The model with its LoRAs, in memory. When even that has no room, the words for it."""
        with desk.at("loading"):
            full = False
            try:
                model = self.models.get(order.model, _loading(desk), desk.check)
                self.models.use_loras(model, order.recipe.loras, order.loras)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                full = True
            if full:
                self.models.drop()
                raise self._refusal(order.recipe, order.model, None)
            return model

    def _drawn(self, work: Work, model: Model, desk: Desk) -> tuple[bytes | memoryview, VramPlan]:
        recipe = work.recipe
        first = self._plan(recipe, model)
        drawn = climb_down(first, lambda rung: _attempt(work, model, rung, desk), lambda: desk.stage, self.facts)
        if drawn is None:
            self.models.drop()
            raise self._refusal(recipe, model.card, first)
        if drawn[1] != first:
            desk.notes.append(slower_note)
        return drawn

    def facts_now(self) -> DeviceFacts:
        """The device, with what is free there now or would be without the model in memory."""
        return self._facts_with(self.models.current)

    def _facts_with(self, model: Model | None) -> DeviceFacts:
        """Free memory as the planner wants it: what the model holds there now would be given back."""
        return replace(self.facts, free=min(self.facts.total, self._free() + (self._held(model) if model else 0)))

    def _held(self, model: Model) -> int:
        """Bytes of the model on the device, as its numbers are kept there, not as they lie in the file."""
        sizes, rung = model.card.sizes, (model.placed or ("",))[0]
        if self.facts.kind == "cuda" and rung not in ("resident", "text_encoder_leaves"):
            return 0
        there = sizes.total - (sizes.text_encoders if rung == "text_encoder_leaves" else 0)
        return int(there * BYTES[self.facts.dtype] / sizes.bytes_per_parameter)

    def _plan(self, recipe: Recipe, model: Model) -> VramPlan:
        return plan(
            model.card.sizes,
            self._facts_with(model),
            recipe.width,
            recipe.height,
            cfg=recipe.guidance_scale > 1,
            activations=model.family.activations,
            vram_cap=self._cap,
        )

    def _refusal(self, recipe: Recipe, card: ModelCard, tried: VramPlan | None) -> NotEnoughMemory:
        """The planner's words: what it needs, and the smaller size that would fit."""
        facts = self._facts_with(None)
        family = self.models.family(card)
        fitting = size_that_fits(
            card.sizes,
            facts,
            recipe.width,
            recipe.height,
            activations=family.activations,
            vram_cap=self._cap,
            below=True,
        )
        needed = max(tried.peak_bytes if tried else 0, card.sizes.total)
        return refusal(needed, budget_of(facts, self._cap), fitting)

    def preload(
        self, card: ModelCard, check: Callable[[], None], waited_for: Callable[[], bool] = lambda: False
    ) -> None:
        """Load a model before anybody asks, and draw one step with it: the first picture is quick then.

        When `waited_for` says that somebody has asked meanwhile, nothing is drawn: that picture is the first.
        """
        best = card.defaults
        recipe = Recipe(card.id, "", "", best.width, best.height, 1, best.guidance_scale, best.sampler, 0)
        desk = Desk(self.device, self._presets, nobody, check, attention=self._attention)
        model = self.models.get(card, lambda _: self._pulse(), check)
        if waited_for():
            return
        draw(Work(recipe), model, self._plan(recipe, model), desk)

    def close(self) -> None:
        self.models.drop()


def _attempt(work: Work, model: Model, rung: VramPlan, desk: Desk) -> bytes | memoryview:
    return draw_photo(work, model, rung, desk) if isinstance(work, PhotoWork) else draw(work, model, rung, desk)


def _loading(desk: Desk) -> Callable[[float], None]:
    """At most ten messages a second, whatever the number of tensors."""
    last = [0.0]

    def report(fraction: float) -> None:
        if time.monotonic() - last[0] >= 0.1 or fraction >= 1:
            last[0] = time.monotonic()
            desk.report(Progress("loading", fraction=fraction))

    return report
