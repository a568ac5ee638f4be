"""The tab "Image to image"."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.core.types import GenerationRequest
from webui.jobs.service import Service
from webui.ui import components, photo
from webui.ui.desk import Desk, Plan, build_desk
from webui.ui.replies import QUIET, Reply, answering, comes_from_here, once_of, owner_of, reply

KEY = "image"
TRY_STRENGTHS = (0.3, 0.5, 0.75)
TRY_STEPS = 8
ONWARD = (
    {"tab": KEY, "label": "Again from this one", "icon": "image"},
    {"tab": "inpaint", "label": "Inpaint", "icon": "brush"},
)
RESIZE = (
    {"value": "keep", "title": "Keep", "spoken": "Keep the photo’s shape"},
    {"value": "crop", "title": "Crop", "spoken": "Crop to the shape"},
    {"value": "fit", "title": "Fit", "spoken": "Fit the whole photo into the shape"},
    {"value": "fill", "title": "Fill", "spoken": "Fill the shape and draw what is missing"},
)


def build_tab(service: Service) -> Desk:
    """Adds the tab to the tabs that are being built."""

    def above() -> dict[str, Component]:
        well = photo.photo_part(
            KEY, "Start from a photo", "It becomes a new picture, as near to the photo or as far from it as you like."
        )
        return well | {"task": photo.tasks(KEY, service.presets, "image_to_image", {"strength": 0.5, "resize": "keep"})}

    def ask(values: Mapping[str, Any]) -> GenerationRequest:
        return asked_of(service, values)

    with gr.Tab("Image to image", id=KEY, elem_id=f"tab-{KEY}"):
        plan = Plan(
            above=above, choices=_choices, ask=ask, onward=ONWARD, shape_when=("resize", ("crop", "fit", "fill"))
        )
        desk = build_desk(service, KEY, (), "", plan)
        _connect(service, desk)
        return desk


def asked_of(service: Service, values: Mapping[str, Any]) -> GenerationRequest:
    """The request of the tab's fields. Raises InvalidRequest without a photo."""
    asked = photo.task_words(photo.image_request(values), service.presets, values.get("task"))
    photo.require_photo(asked, then="press Generate")
    return asked


def tries_of(asked: GenerationRequest, seed: int) -> list[GenerationRequest]:
    """The same three times, quick, alone and from one seed, at three strengths."""
    steps = min(TRY_STEPS, asked.steps) if isinstance(asked.steps, int) else TRY_STEPS
    return [replace(asked, count=1, steps=steps, seed=seed, strength=strength) for strength in TRY_STRENGTHS]


def _choices() -> dict[str, Component]:
    strength = components.part("strength", 0.5, elem_id=f"{KEY}-strength", desk=KEY, name="strength")
    tries = components.part("tries", events=["ask"], elem_id=f"{KEY}-tries", desk=KEY)
    hint = "Keep takes the size from the photo. Fill draws what the photo lacks."
    resize = components.choice(KEY, "resize", "Shape of the photo", RESIZE, "keep", hint=hint)
    return {"strength": strength, "tries": tries, "resize": resize}


def _connect(service: Service, desk: Desk) -> None:
    names = {widget: name for name, widget in desk.widgets.items()}

    @answering
    def tries(values: dict[Component, Any], request: gr.Request) -> Reply:
        owner, here, seed = owner_of(request), comes_from_here(request), random.randrange(2**32)
        sent = once_of(request)
        wanted = tries_of(asked_of(service, {names[widget]: value for widget, value in values.items()}), seed)
        jobs = [
            {"job": service.submit(owner, one, here, sent and f"{sent} {one.strength}"), "strength": one.strength}
            for one in wanted
        ]
        return reply(tries=jobs, seed=seed)

    quick: Any = desk.widgets["tries"]
    quick.ask(tries, set(names), desk.reply, **QUIET)
