"""The tab "Inpaint": paint over what should change, or extend the photo beyond its sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.core.errors import InvalidRequest
from webui.core.types import GenerationRequest
from webui.jobs.service import Service
from webui.ui import components, photo
from webui.ui.desk import Desk, Plan, build_desk
from webui.ui.mask_canvas import mask_canvas

KEY = "inpaint"
ONWARD = (
    {"tab": KEY, "label": "Again from this one", "icon": "image"},
    {"tab": "image", "label": "Image to image", "icon": "use"},
)
USUAL: dict[str, Any] = {
    "strength": None,
    "area": "masked",
    "content": "original",
    "feather": None,
    "padding": None,
    "soft": False,
    "invert": False,
    "extend": [0, 0, 0, 0],
}
AREAS = (
    {"value": "masked", "title": "Painted part", "spoken": "Only the painted part, at full detail"},
    {"value": "whole", "title": "Whole picture", "spoken": "The whole picture"},
)
CONTENTS = (
    {"value": "original", "title": "Photo", "spoken": "Start from what is there"},
    {"value": "fill", "title": "Fill", "spoken": "Start from the surrounding colors"},
    {"value": "noise", "title": "Noise", "spoken": "Start from noise"},
    {"value": "empty", "title": "Empty", "spoken": "Start from nothing"},
)
INVERT = ({"value": False, "title": "What I paint"}, {"value": True, "title": "All the rest"})
SOFT = ({"value": False, "title": "Off"}, {"value": True, "title": "On"})


def build_tab(service: Service) -> Desk:
    """Adds the tab to the tabs that are being built."""

    def above() -> dict[str, Component]:
        canvas = mask_canvas(
            KEY,
            "Change a part of a photo",
            "Paint over what should change and say what should be there. The rest stays as it is, to the last pixel.",
        )
        return canvas | {"task": photo.tasks(KEY, service.presets, "inpaint", USUAL)}

    def ask(values: Mapping[str, Any]) -> GenerationRequest:
        return asked_of(service, values)

    with gr.Tab("Inpaint", id=KEY, elem_id=f"tab-{KEY}"):
        words = "Describe what should be in the painted place…"
        plan = Plan(above=above, choices=_choices, more=_more, ask=ask, onward=ONWARD, placeholder=words, shapes=False)
        return build_desk(service, KEY, (), "", plan)


def asked_of(service: Service, values: Mapping[str, Any]) -> GenerationRequest:
    """The request of the tab's fields. Raises InvalidRequest without a photo, or with nothing to change."""
    asked = photo.task_words(photo.inpaint_request(values), service.presets, values.get("task"))
    photo.require_photo(asked, then="paint over what should change")
    if not asked.mask_image and not (asked.inpaint and any(asked.inpaint.extend)):
        what = "stay" if asked.inpaint and asked.inpaint.invert else "change"
        raise InvalidRequest("Nothing is painted yet.", f"Paint over what should {what}, or extend the photo.")
    return asked


def _choices() -> dict[str, Component]:
    invert = components.choice(KEY, "invert", "What changes", INVERT, False)
    area = components.choice(
        KEY,
        "area",
        "Area",
        AREAS,
        "masked",
        hint="The painted part is drawn large and set back in, so small things get full detail.",
    )
    content = components.choice(KEY, "content", "Start from", CONTENTS, "original")
    strength = components.slide(
        KEY, "strength", "Strength", 0.05, 1, 0.05, 0.75, words="How much to change", term="strength"
    )
    return {"invert": invert, "area": area, "content": content, "strength": strength}


def _more() -> dict[str, Component]:
    feather = components.slide(
        KEY, "feather", "Feather", 0, 128, 1, 8, words="Soft edge", term="feather, in pixels of the photo"
    )
    padding = components.slide(
        KEY,
        "padding",
        "Padding",
        0,
        1024,
        16,
        0,
        words="Surroundings drawn along",
        term="padding, in pixels; 0 chooses by itself",
    )
    soft = components.choice(KEY, "soft", "Soft mask", SOFT, False, term="the mask’s grays say how much changes")
    return {"feather": feather, "padding": padding, "soft": soft}
