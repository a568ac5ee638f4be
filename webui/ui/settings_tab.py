"""The tab "Settings": how pictures are saved, how the page looks, and what this is."""

from __future__ import annotations

from typing import Any

import gradio as gr

from webui import __version__
from webui.core.errors import NotYours
from webui.jobs.service import Service
from webui.ui import components
from webui.ui.replies import QUIET, Reply, answering, comes_from_here, reply

FORMATS = (
    {"value": "png", "title": "PNG", "spoken": "PNG, without loss"},
    {"value": "jpeg", "title": "JPEG", "spoken": "JPEG, smaller"},
    {"value": "webp", "title": "WebP", "spoken": "WebP, smallest"},
)
QUALITIES = (
    {"value": 80, "title": "Fair"},
    {"value": 90, "title": "Good"},
    {"value": 95, "title": "High"},
    {"value": 100, "title": "Best"},
)
SUGGEST = ({"value": "yes", "title": "Yes"}, {"value": "no", "title": "No"})


def build_tab(service: Service) -> tuple[gr.HTML, list[gr.HTML]]:
    """Adds the tab. Returns what is to be filled when a page loads: the facts about this Easel, and the choices."""
    settings = service.settings
    with (
        gr.Tab("Settings", id="settings", elem_id="tab-settings"),
        gr.Column(elem_id="settings", elem_classes=["page"]),
    ):
        components.part("heading", title="Settings")
        answer = components.part("reply", None, elem_id="settings-reply", desk="settings", tab="settings")
        with gr.Column(elem_classes=["tray"]):
            kind = components.choice(
                "",
                "picture_format",
                "Pictures are saved as",
                FORMATS,
                settings.picture_format,
                elem_id="picture-format",
                hint="All three carry their settings inside. PNG keeps every pixel.",
            )
            quality = components.choice(
                "",
                "picture_quality",
                "Quality of JPEG and WebP",
                QUALITIES,
                settings.picture_quality,
                numbers=True,
                elem_id="picture-quality",
            )
        with gr.Column(elem_classes=["tray"]):
            suggest = components.choice(
                "",
                "suggest_models",
                "Say when this computer could run a better model",
                SUGGEST,
                values(service)[-1],
                elem_id="suggest-models",
                hint="A line under the prompt. Nothing is fetched before you press Get it.",
            )
        with gr.Column(elem_classes=["tray"]):
            components.part("look", elem_id="look")
        facts = components.part("facts", None, elem_id="about", elem_classes=["tray"], title="About this Easel")

    @answering
    def change(picture_format: Any, picture_quality: Any, request: gr.Request) -> Reply:
        _change(service, request, picture_format=picture_format, picture_quality=picture_quality)
        return reply(said="Saved. The next picture is kept this way.")

    @answering
    def change_suggest(wanted: Any, request: gr.Request) -> Reply:
        _change(service, request, suggest_models=wanted)
        return reply(said="Saved.")

    for widget in (kind, quality):
        widget.input(change, [kind, quality], answer, **QUIET)
    suggest.input(change_suggest, suggest, answer, **QUIET)
    return facts, [kind, quality, suggest]


def values(service: Service) -> list[Any]:
    """What is chosen now, in the order of the tab's choices."""
    settings = service.settings
    return [settings.picture_format, settings.picture_quality, "yes" if settings.suggest_models else "no"]


def _change(service: Service, request: gr.Request, **changes: Any) -> None:
    if not comes_from_here(request):
        raise NotYours("Only the person at this computer can change this.")
    service.change_settings(**changes)
    service.changed()


def facts(service: Service, request: gr.Request) -> list[tuple[str, str]]:
    """What stands under "About": paths only for whoever sits at this computer."""
    worker = next(iter(service.health()["workers"]), {"device": "", "state": "", "model": ""})
    rows = [("Version", __version__), ("Device", worker["device"] or "getting ready…"), ("State", worker["state"])]
    if comes_from_here(request):
        rows += [
            ("Pictures", str(service.settings.data / "outputs")),
            ("Models", str(service.settings.models[0])),
            ("Your styles", str(service.settings.data / "styles")),
        ]
    return rows
