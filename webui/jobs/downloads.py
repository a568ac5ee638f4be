"""The one model that may be offered, and the one download that may run: in a thread of its own, whoever watches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from webui.core.errors import BUG, Gated, Gone, InvalidRequest, NotFound, UserError
from webui.core.model_presets import ModelPreset
from webui.core.types import DeviceFacts, Fault
from webui.jobs import offer_views
from webui.library.arrival import Headway, arrived, forget
from webui.library.catalog import STARTER, Catalog
from webui.memory.offer import best_model

CLOSING_SECONDS = 5.0


@dataclass(eq=False)
class _Run:
    """A download that goes on. `loop` and `task` are there once its thread has begun."""

    model: ModelPreset
    headway: Headway
    before: threading.Thread | None
    thread: threading.Thread | None = None
    loop: asyncio.AbstractEventLoop | None = None
    task: asyncio.Task[Path] | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class _Ended:
    """How the last download came out: the id of its card in the catalog, or a fault."""

    model: ModelPreset
    card: str = ""
    fault: Fault | None = None


class Downloads:
    """Any thread may call it. Nothing is contacted before `start`.

    `folder` is where checkpoints go; `route` tells, without sending anything, whether there is a network.
    """

    def __init__(
        self,
        models: Mapping[str, ModelPreset],
        catalog: Catalog,
        folder: Path,
        changed: Callable[[], None],
        route: Callable[[], bool],
    ) -> None:
        self._models = {id: model for id, model in models.items() if model.kind == "checkpoint"}
        self._catalog, self._folder, self._changed, self._route = catalog, folder, changed, route
        self._lock = threading.RLock()
        self._run: _Run | None = None
        self._last: threading.Thread | None = None
        self._ended: _Ended | None = None
        self._closed_doors: frozenset[str] = frozenset()

    def start(self, model_id: str) -> None:
        """Begins, or goes on with what has arrived. Raises NotFound, and InvalidRequest while another one is coming."""
        model = self._models.get(model_id)
        if model is None:
            raise NotFound("There is no such model to get.")
        with self._lock:
            if self._run is not None and self._run.model != model:
                raise InvalidRequest(f"{self._run.model.title} is still coming.", "One model at a time.")
            if self._run is None:
                self._begin(model)
        self._changed()

    def _begin(self, model: ModelPreset) -> None:
        run = _Run(model, Headway(arrived(self._folder, model), model.bytes), self._last)
        run.thread = threading.Thread(target=self._work, args=(run,), name="easel-download", daemon=True)
        self._run, self._last, self._ended = run, run.thread, None
        run.thread.start()

    def stop(self) -> None:
        """Ends the download at once; what has arrived is kept."""
        with self._lock:
            run, self._run = self._run, None
            if run is not None:
                run.stopped = True
                if run.loop is not None and run.task is not None:
                    with suppress(RuntimeError):  # it has just ended by itself
                        run.loop.call_soon_threadsafe(run.task.cancel)
        self._changed()

    def clear(self) -> bool:
        """Takes the last word off the page; whether that word was a model that has come."""
        with self._lock:
            ended, self._ended = self._ended, None
        self._changed()
        return ended is not None and ended.fault is None

    def throw_away(self) -> None:
        """Removes what was left of downloads that nobody wants to end."""
        with self._lock:
            for model in self._models.values():
                if self._run is None or self._run.model != model:
                    forget(self._folder, model)

    def close(self) -> None:
        self.stop()
        if self._last is not None:
            self._last.join(CLOSING_SECONDS)

    def left(self) -> list[ModelPreset]:
        """The models that can be got and are not here yet, smallest first."""
        models = sorted(self._models.values(), key=lambda model: model.bytes)
        return [model for model in models if not (self._folder / model.file).is_file()]

    def view(self, facts: DeviceFacts | None, welcome: bool) -> offer_views.Offer | None:
        """What the page's line says; None for no line. `welcome`: whether anything may be offered at all."""
        with self._lock:
            run, ended = self._run, self._ended
        best = self._best(facts)
        if run is not None:
            return offer_views.coming(run.model, run.headway)
        if ended is not None and ended.fault:
            return offer_views.failed(ended.model, ended.fault, best)
        if ended is not None:
            return offer_views.here(ended.model, ended.card)
        if best is None or facts is None or not welcome or self._has_a_model() or not self._route():
            return None
        return offer_views.offered(best, facts.name, arrived(self._folder, best))

    def _best(self, facts: DeviceFacts | None) -> ModelPreset | None:
        """The best that was not refused to us since the start."""
        left = [model for model in self._models.values() if model.id not in self._closed_doors]
        return best_model(facts, left) if facts else None

    def _has_a_model(self) -> bool:
        return any(card.id != STARTER and card.problem is None for card in self._catalog.models())

    def _work(self, run: _Run) -> None:
        """The thread of one download. One that was stopped may still be winding down: they never write together."""
        if run.before is not None:
            run.before.join()
        ended = _Ended(run.model, fault=BUG)
        try:
            path = asyncio.run(self._fetch(run))
            self._catalog.refresh()
            ended = replace(ended, fault=None, card=self._card_at(path))
        except UserError as error:
            ended = replace(ended, fault=error.fault)
            if isinstance(error, Gated | Gone):
                self._closed_doors |= {run.model.id}
        except asyncio.CancelledError:
            return
        finally:
            with self._lock:
                if self._run is run:
                    self._run, self._ended = None, ended
            self._changed()

    async def _fetch(self, run: _Run) -> Path:
        from webui.library.download import fetch

        with self._lock:
            run.loop, run.task = asyncio.get_running_loop(), asyncio.current_task()
        if run.stopped:
            raise asyncio.CancelledError

        def report(headway: Headway) -> None:
            run.headway = headway
            self._changed()

        return await fetch(run.model, self._folder, report)

    def _card_at(self, path: Path) -> str:
        cards = self._catalog.models()
        return next((card.id for card in cards if Path(card.path) == path and card.problem is None), "")
