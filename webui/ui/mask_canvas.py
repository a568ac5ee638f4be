"""The canvas to paint a mask on a photo; drawn by assets/mask_canvas.js."""

from __future__ import annotations

from gradio.components import Component

from webui.ui import components

# Long side of the canvas and of the mask that it sends. The server has the photo in its own size, and scales the mask.
CANVAS_SIDE = 2048


def mask_canvas(key: str, title: str, text: str) -> dict[str, Component]:
    """Its value is {photo: {id, width, height}, mask: id or "", painted: 0 to 1, extend: [left, top, right, bottom]}.

    Lengths are pixels of the photo. None without a photo. Untrusted, like everything from the browser.
    """
    canvas = components.part(
        "maskcanvas", None, elem_id=f"{key}-canvas", desk=key, name="canvas", side=CANVAS_SIDE, title=title, text=text
    )
    return {"canvas": canvas}
