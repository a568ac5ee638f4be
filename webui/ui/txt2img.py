"""The tab "Text to image"."""

from __future__ import annotations

import gradio as gr

from webui.jobs.service import Service
from webui.ui.desk import Desk, Plan, build_desk

KEY = "create"
IDEAS = (
    "a rainbow in the mountains",
    "a strawberry on a light blue background",
    "a red heart in the city at night",
    "a green tree in the snow",
)
STARTER_NOTE = (
    "Easel starts with a small model of its own: quick anywhere, and at home with everyday things drawn simply. "
    "A bigger one draws whatever you ask for: the Models tab has some, or takes yours."
)


def build_tab(service: Service) -> Desk:
    """Adds the tab to the tabs that are being built."""
    with gr.Tab("Text to image", id=KEY, elem_id=f"tab-{KEY}"):
        only_starter = all(card.id == "starter" for card in service.catalog.models() if card.problem is None)
        return build_desk(service, KEY, IDEAS, STARTER_NOTE if only_starter else "", Plan(offers=True))
