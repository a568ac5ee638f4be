"""The page as a whole: the top bar, one tab per file, and how it is mounted into the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr

from webui.jobs.service import Service
from webui.ui import choices, components, gallery, img2img, inpaint, models_tab, settings_tab, txt2img
from webui.ui.replies import QUIET

if TYPE_CHECKING:
    from fastapi import FastAPI

ASSETS = Path(__file__).parent / "assets"
STYLES = ("base.css", "bar.css", "fields.css", "desk.css", "stage.css", "viewer.css", "gallery.css", "panels.css",
          "photo.css", "mask_canvas.css", "offer.css", "share.css")  # fmt: skip
SCRIPTS = ("base.js", "fields.js", "ways.js", "viewer.js", "share.js", "live.js", "line.js", "stage.js", "dock.js",
           "gallery.js", "panels.js", "offer.js", "photo.js", "photo_desk.js", "mask_core.js", "mask_view.js",
           "palette.js", "mask_canvas.js")  # fmt: skip
UPLOAD_LIMIT = "64mb"
SESSIONS = 200  # whose components' state Gradio remembers, a quarter of a megabyte each


def build_page(service: Service) -> gr.Blocks:
    """The page for `service`. Loads no model and asks the worker nothing."""
    with gr.Blocks(title="Easel", fill_width=True, analytics_enabled=False, delete_cache=(3600, 6 * 3600)) as page:
        known = choices.lists(service)
        lists = components.lists(**known)
        components.part("topbar", elem_id="topbar")
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            desks = [tab.build_tab(service) for tab in (txt2img, img2img, inpaint)]
            gallery.build_tab()
            shelf = models_tab.build_tab(service, desks, lists)
            facts, chosen = settings_tab.build_tab(service)

        def load(request: gr.Request) -> list[Any]:
            now = choices.lists(service)
            return [
                models_tab.library(service, request),
                settings_tab.facts(service, request),
                *settings_tab.values(service),
                gr.skip() if now == known else gr.update(options=now),
            ]

        page.load(load, None, [shelf, facts, *chosen, lists], **QUIET)
    return page


def mount_arguments(service: Service) -> dict[str, Any]:
    """What `gr.mount_gradio_app` is told besides the page: look, scripts, and what of Gradio's own is left out."""
    return {
        "theme": _theme(),
        "head": _head(),
        "footer_links": [],
        "run_history": False,
        "show_error": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "pwa": False,
        "max_file_size": UPLOAD_LIMIT,
        "server_name": service.settings.host,
    }


def mount_page(app: FastAPI, service: Service) -> FastAPI:
    """Mounts the page at "/", behind the routes that `app` has already."""
    page = build_page(service)
    page.has_launched = True  # else Gradio takes any path for a file's, not only those of uploads
    page.state_session_capacity = SESSIONS
    return gr.mount_gradio_app(app, page, path="/", **mount_arguments(service))


def _theme() -> gr.themes.Base:
    fonts = [gr.themes.Font(name) for name in ("system-ui", "sans-serif")]
    return gr.themes.Base(primary_hue="violet", neutral_hue="zinc", font=fonts, font_mono=[gr.themes.Font("monospace")])


def _head() -> str:
    """Inline, so that the page is dressed before its first frame and nothing can arrive late or out of order."""
    icon = "data:image/svg+xml," + quote((ASSETS / "icon.svg").read_text("utf-8").strip())
    styles = "\n".join((ASSETS / name).read_text("utf-8") for name in STYLES) + f":root{{--mark:url('{icon}')}}"
    scripts = "".join(f"<script>{(ASSETS / name).read_text('utf-8')}</script>" for name in SCRIPTS)
    return (
        '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, '
        'interactive-widget=resizes-content">'  # else the keyboard of a phone lies on the prompt
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" type="image/svg+xml" href="{icon}">'
        f"<style>{styles}</style>{scripts}"
    )
