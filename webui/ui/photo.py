"""What the two photo tabs share: their parts, the ready-made tasks, and the way from fields to a request.

Photos and masks travel through the server's own routes; here only their ids are seen, which `Service` checks against
the visitor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.core.errors import InvalidRequest
from webui.core.presets import Presets
from webui.core.tasks import TaskPreset
from webui.core.types import GenerationRequest, Inpainting
from webui.ui import components
from webui.ui.fields import request_from, said

DETAILS = ("area", "content", "soft", "invert", "feather", "padding")
EXTEND = ("extend_left", "extend_top", "extend_right", "extend_bottom")


def tasks(key: str, presets: Presets, tab: str, usual: Mapping[str, Any]) -> gr.HTML:
    """The ready-made tasks of a tab as chips. A tap sets the fields: `usual` and then what the task says; one more tap,
    or another photo, `usual` alone.
    """
    own = [task for task in presets.tasks.values() if task.tab == tab]
    usual = dict.fromkeys(name for task in own for name in task_option(task, {})["fields"]) | dict(usual)
    options = [task_option(task, usual) for task in own]
    return components.part(
        "tasks", "", elem_id=f"{key}-task", elem_classes=["slim"], desk=key, name="task", options=options, usual=usual
    )


def task_option(task: TaskPreset, usual: Mapping[str, Any]) -> dict[str, Any]:
    """A task as its chip knows it."""
    settings = dict(task.settings)
    extend_to = settings.pop("extend_to", None)
    fields = {**usual, **settings.pop("inpaint", {}), **settings}
    return {
        "name": task.name,
        "icon": task.icon,
        "sentence": task.sentence,
        "ask": task.ask,
        "needs": task.needs,
        "fields": fields,
        "extend_to": list(extend_to) if extend_to else None,
    }


def task_words(request: GenerationRequest, presets: Presets, chosen: Any) -> GenerationRequest:
    """The request with the words that the chosen task adds.

    Its settings are in the fields already, where a person may have changed them since.
    """
    task = presets.tasks.get(chosen) if isinstance(chosen, str) else None
    return task.worded(request) if task else request


def require_photo(asked: GenerationRequest, then: str) -> None:
    """Raises InvalidRequest, with a button that chooses a photo, when there is none; `then` is what comes after."""
    if not asked.init_image:
        raise InvalidRequest("There is no photo yet.", f"Choose one, then {then}.", "photo", "Choose a photo")


def image_request(values: Mapping[str, Any]) -> GenerationRequest:
    """What the fields of "Image to image" ask for."""
    photo = _mapping(values.get("photo"))
    resize = values.get("resize") or None
    asked = request_from(values)
    if resize in (None, "keep"):
        asked = replace(asked, shape=None)
    return replace(asked, init_image=photo.get("id"), strength=said(values.get("strength")), resize=resize)


def inpaint_request(values: Mapping[str, Any]) -> GenerationRequest:
    """What the fields of "Inpaint" ask for. The size follows from the photo."""
    canvas = _mapping(values.get("canvas"))
    extend = canvas.get("extend")
    sides = extend if isinstance(extend, list) and len(extend) == len(EXTEND) else [0] * len(EXTEND)
    details = {name: values[name] for name in DETAILS if said(values.get(name)) is not None}
    asked = replace(request_from(values), shape=None, width=None, height=None)
    return replace(
        asked,
        init_image=_mapping(canvas.get("photo")).get("id"),
        mask_image=canvas.get("mask") or None,
        strength=said(values.get("strength")),
        inpaint=Inpainting(**details, **dict(zip(EXTEND, sides, strict=True))),
    )


def photo_part(key: str, title: str, text: str) -> dict[str, Component]:
    """One photo, value {id, width, height} or None."""
    return {
        "photo": components.part("photo", None, elem_id=f"{key}-photo", desk=key, name="photo", title=title, text=text)
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
