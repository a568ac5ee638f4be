"""The tab "Models": what is there, what it would cost to draw with, and where files go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import gradio as gr

from webui.core.errors import UserError
from webui.core.types import Forecast, GenerationRequest, LoraCard, ModelCard
from webui.jobs.service import Service
from webui.ui import choices, components
from webui.ui.desk import Desk
from webui.ui.replies import QUIET, comes_from_here

FOLDERS = (("Checkpoints", "checkpoints"), ("LoRAs", "loras"))
FORECASTS = 40


def build_tab(service: Service, desks: Sequence[Desk], lists: gr.HTML) -> gr.HTML:
    """Adds the tab; looking again there, or on one of the `desks`, brings the shared `lists` up to date too. Returns
    the tab's part.
    """
    with gr.Tab("Models", id="models", elem_id="tab-models"):
        shelf = components.part("library", None, events=["refresh"], elem_id="models")

    def refresh(request: gr.Request) -> list[Any]:
        service.catalog.refresh()
        return [library(service, request), gr.update(options=choices.lists(service))]

    offers = [desk.offer for desk in desks if desk.offer]
    for part in (shelf, *(desk.reply for desk in desks), *offers):
        part.refresh(refresh, None, [shelf, lists], **QUIET)
    return shelf


def library(service: Service, request: gr.Request) -> dict[str, Any]:
    """The tab's content. Paths are for whoever sits at this computer only."""
    models, loras = service.catalog.models(), service.catalog.loras()
    forecasts = {card.id: _forecast(service, card) for card in models[:FORECASTS]}
    return {
        "n": time.monotonic_ns(),  # what has not changed would not be told, and the page waits for word
        "models": [_model(service, card, forecasts.get(card.id)) for card in models],
        "loras": [_lora(service, card) for card in loras],
        "folders": _folders(service, comes_from_here(request)),
        "machine": _machine(service, [f for f in forecasts.values() if f]),
        "more": _more(service, comes_from_here(request)),
        "note": "What is on this computer. The name of the file is the name of the model.",
    }


def _more(service: Service, local: bool) -> list[dict[str, Any]]:
    """Models that Easel can fetch: for whoever sits at this computer, unless it is to stay without network."""
    if not local or service.settings.offline:
        return []
    return [
        {
            "id": model.id,
            "title": model.title,
            "purpose": model.purpose,
            "bytes": model.bytes,
            "licence": model.licence.name,
            "terms": model.licence.commercial,
            "fit": service.how_it_would_draw(model),
        }
        for model in service.downloads.left()
    ]


def _forecast(service: Service, card: ModelCard) -> Forecast | None:
    if card.problem:
        return None
    try:
        return service.forecast(GenerationRequest(prompt="a picture", model=card.id))
    except UserError:
        return None


def _model(service: Service, card: ModelCard, forecast: Forecast | None) -> dict[str, Any]:
    size = "" if card.problem else f"draws {card.defaults.width} × {card.defaults.height}"
    fit = "" if forecast is None else "Fits" if forecast.rung in ("resident", "cpu") else "Fits, slower"
    return {
        "id": card.id,
        "title": card.title,
        "family": _family(service, card.family),
        "bytes": card.sizes.total,
        "size": size,
        "problem": asdict(card.problem) if card.problem else None,
        "fit": fit if forecast and forecast.fits else "Too big" if forecast else "",
        "fits": forecast.fits if forecast else None,
    }


def _lora(service: Service, card: LoraCard) -> dict[str, Any]:
    made_for = _family(service, card.family)
    return {
        "id": card.id,
        "title": card.title,
        "family": f"for {made_for}" if made_for else "",
        "bytes": card.bytes,
        "trigger": card.trigger,
        "problem": asdict(card.problem) if card.problem else None,
    }


def _family(service: Service, name: str) -> str:
    family = service.families.get(name)
    return family.title if family else name


def _folders(service: Service, local: bool) -> list[dict[str, Any]]:
    home = service.settings.models[0]
    return [
        {"label": label, "path": str(home / name) if local else f"models/{name}", "copy": local}
        for label, name in FOLDERS
    ]


def _machine(service: Service, forecasts: Sequence[Forecast]) -> list[tuple[str, str]]:
    devices = [worker["device"] for worker in service.health()["workers"] if worker["device"]]
    rows = [("Draws with", ", ".join(devices) or "getting ready…")]
    if forecasts and forecasts[0].bytes_free:
        rows.append(("Free memory", f"{forecasts[0].bytes_free / 2**30:.1f} GB"))
    return rows
