"""A service on a computer with a card of one's choice, and with models to offer from a hub of one's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.studio import ROOT, wait_for
from webui.core.model_presets import ModelPreset
from webui.core.presets import load_presets
from webui.core.settings import load_settings
from webui.core.types import DeviceFacts, GeneratedImage, ModelCard, Order, Progress
from webui.families import all_families
from webui.jobs.dispatcher import Link
from webui.jobs.service import Service
from webui.library.catalog import Catalog

ANN = "ann" * 8
RTX = DeviceFacts("cuda", "NVIDIA GeForce RTX 4070", 12 * 2**30, 11 * 2**30, "float16")


class IdleLink:
    """A device that has told its facts and is never asked to draw."""

    state, model = "ready", ""

    def __init__(self, facts: DeviceFacts | None) -> None:
        self.facts = facts

    def start(self, preload: ModelCard | None = None) -> None:
        """Nothing to start."""

    def draw(self, order: Order, on_progress: Callable[[Progress], None]) -> GeneratedImage:
        raise NotImplementedError

    def cancel(self) -> None:
        """Nothing to cancel."""

    def close(self) -> None:
        """Nothing to close."""


def offering(
    folder: Path,
    models: Sequence[ModelPreset],
    facts: DeviceFacts | None = RTX,
    route: Callable[[], bool] = lambda: True,
    flags: Sequence[str] = (),
    links: Sequence[Link] = (),
) -> Service:
    """A service whose first models folder is `folder`/models, with the starter in a second one.

    Its device has these facts and never draws, unless there are `links`.
    """
    folders = ["--data", str(folder), "--models", str(folder / "models"), "--models", str(ROOT / "models")]
    settings = load_settings([*folders, *flags], {}, ROOT)
    families = all_families()
    catalog = Catalog(settings.models, families)
    catalog.refresh()
    presets = replace(load_presets(ROOT / "presets", None), models={model.id: model for model in models})
    return Service(settings, presets, catalog, families, links or [IdleLink(facts)], route)


def ended(service: Service) -> dict[str, str]:
    """The line once nothing is coming any more."""
    wait_for(lambda: (service.live(ANN, here=True)["offer"] or {}).get("state") != "coming", 20)
    return service.live(ANN, here=True)["offer"]
