"""The page's own widgets: gr.HTML components whose drawing lives in assets/*.js.

Each is a *part*: an element, its props, and a function of that name in the browser. Templates stay empty, because
Gradio evaluates what they hold as JavaScript; all text reaches the page through textContent. A part's value is plain
JSON from the browser and as untrusted as any request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr


def part(
    kind: str,
    /,
    value: Any = None,
    *,
    events: Sequence[str] = (),
    elem_id: str | None = None,
    elem_classes: Sequence[str] = (),
    **props: Any,
) -> gr.HTML:
    """A component drawn by `Easel.part(kind, …)`. `events` are what it may trigger; each becomes a listener
    (`widget.again(…)`).
    """
    context = "{element, props, trigger, watch}"
    mount = (
        f"/* events: {json.dumps(list(events))} */"
        f"window.Easel ? window.Easel.mount({json.dumps(kind)}, {context})"
        f" : (window.easelMounts = window.easelMounts || []).push([{json.dumps(kind)}, {context}]);"
    )
    return gr.HTML(
        value,
        html_template="",
        js_on_load=mount,
        apply_default_css=False,
        padding=False,
        elem_id=elem_id,
        elem_classes=["easel-part", *elem_classes],
        **props,
    )


def cards(desk: str, name: str, label: str, options: Sequence[dict[str, Any]]) -> gr.HTML:
    """Pictures to choose one of, or none (""). options: {name, group, src, hue}."""
    return part("cards", "", elem_id=f"{desk}-{name}", desk=desk, name=name, label=label, options=list(options))


def choice(
    desk: str,
    name: str,
    label: str,
    options: Sequence[dict[str, Any]],
    value: Any,
    *,
    elem_id: str | None = None,
    **props: Any,
) -> gr.HTML:
    """A row of buttons, one chosen. options: {value, title, ratio?, spoken?}. A person's choice triggers "input"."""
    return part(
        "choice",
        value,
        events=["input"],
        elem_id=elem_id or f"{desk}-{name}",
        desk=desk,
        name=name,
        label=label,
        options=list(options),
        **props,
    )


def lists(**options: Sequence[dict[str, Any]]) -> gr.HTML:
    """Options that all desks share, by name. The one part outside all tabs through which they can be brought up to
    date: what Gradio updates in a tab that was not opened yet comes without its other props.
    """
    return part("lists", elem_id="lists", elem_classes=["hidden-part"], options=options)


def pick(
    desk: str, name: str, label: str, options: Sequence[dict[str, Any]] | str, value: str, *, term: str = ""
) -> gr.HTML:
    """The browser's own list. options: {value, title, note?, disabled?}, and whatever other fields want to know of the
    chosen one; or the name of one of the shared `lists`.
    """
    options = options if isinstance(options, str) else list(options)
    return part("pick", value, elem_id=f"{desk}-{name}", desk=desk, name=name, label=label, options=options, term=term)


def slide(
    desk: str,
    name: str,
    label: str,
    low: float,
    high: float,
    step: float,
    usual: float,
    *,
    words: str = "",
    term: str = "",
) -> gr.HTML:
    """A slider whose value is None until somebody moves it: then the model's own default is drawn and shown."""
    return part(
        "slide",
        None,
        elem_id=f"{desk}-{name}",
        desk=desk,
        name=name,
        label=label,
        min=low,
        max=high,
        step=step,
        usual=usual,
        words=words,
        term=term,
    )


def seed(desk: str, name: str, label: str) -> gr.HTML:
    """A seed that is random unless locked; value {seed: int | None, locked: bool}."""
    return part("seed", {"seed": None, "locked": False}, elem_id=f"{desk}-{name}", desk=desk, name=name, label=label)


def loras(desk: str, name: str) -> gr.HTML:
    """LoRAs of the shared `lists` with weights; value [{id, weight}]."""
    return part("loras", [], elem_id=f"{desk}-{name}", desk=desk, name=name)


def remembered_text(desk: str, name: str, target: str) -> gr.HTML:
    """Makes a gr.Textbox (by its CSS selector) one of the desk's fields."""
    return part("text", desk=desk, name=name, target=target)
