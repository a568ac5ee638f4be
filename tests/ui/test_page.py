"""The page as it is built for a real service, before any browser sees it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from webui.core.errors import NotFound
from webui.core.presets import load_presets
from webui.core.settings import load_settings
from webui.families import all_families
from webui.jobs.service import Service
from webui.library.catalog import Catalog
from webui.ui.app import ASSETS, build_page, mount_arguments
from webui.ui.replies import answering

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = load_settings(["--data", str(tmp_path_factory.mktemp("data"))], {}, ROOT)
    families = all_families()
    catalog = Catalog(settings.models, families)
    catalog.refresh()
    service = Service(settings, load_presets(ROOT / "presets", None), catalog, families, [])
    yield service
    service.close()


@pytest.fixture(scope="module")
def page(service: Service) -> gr.Blocks:
    return build_page(service)


def test_the_tabs_are_called_as_promised(page: gr.Blocks) -> None:
    tabs = [block.label for block in page.blocks.values() if isinstance(block, gr.Tab)]
    assert tabs == ["Text to image", "Image to image", "Inpaint", "Gallery", "Models", "Settings"]


def test_no_handler_has_a_public_name_or_waits_in_gradios_queue(page: gr.Blocks) -> None:
    handlers = [fn for fn in page.fns.values() if fn.fn is not None]
    assert handlers
    assert {fn.api_visibility for fn in handlers} == {"private"}
    assert not any(fn.queue for fn in handlers)


def test_gradio_evaluates_nothing_of_ours(page: gr.Blocks) -> None:
    """Its HTML templates are JavaScript template literals: ours are empty, so no text can become a program."""
    parts = [block for block in page.blocks.values() if isinstance(block, gr.HTML)]
    assert len(parts) > 20
    assert {part.html_template for part in parts} == {""}


def test_text_reaches_the_page_as_text_only() -> None:
    markup = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")
    assert [script.name for script in ASSETS.glob("*.js") if markup.search(script.read_text("utf-8"))] == []


def test_nothing_on_the_page_names_another_host(service: Service) -> None:
    hosts = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", mount_arguments(service)["head"]))
    assert {host.removeprefix("http:") for host in hosts} <= {"//www.w3.org"}  # the name of SVG, which nobody fetches


def test_building_the_page_needs_no_torch() -> None:
    code = "import sys, webui.ui.app; sys.exit(any(m in sys.modules for m in ('torch', 'diffusers', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_failure_becomes_a_sentence_and_a_bug_a_number() -> None:
    def refuse() -> None:
        raise NotFound("It is gone.", "Look elsewhere.")

    def break_down() -> None:
        raise ZeroDivisionError

    refused, broken = answering(refuse)(), answering(break_down)()
    assert (refused["fault"]["message"], refused["fault"]["hint"]) == ("It is gone.", "Look elsewhere.")
    assert re.search(r"under [0-9a-f]{8}\.", broken["fault"]["hint"])
