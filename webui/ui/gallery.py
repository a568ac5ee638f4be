"""The tab "Gallery": drawn in the browser from GET /pictures, page by page."""

from __future__ import annotations

import gradio as gr

from webui.ui import components


def build_tab() -> None:
    """Adds the tab to the tabs that are being built."""
    with gr.Tab("Gallery", id="gallery", elem_id="tab-gallery"):
        components.part("gallery", elem_id="gallery")
