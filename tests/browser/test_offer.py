"""The line about a better model: from Get it to the first picture drawn with what came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import free_port, started
from tests.browser.offer_app import packed
from tests.browser.visitor import PHONE, Visitor, visiting
from tests.hub import Hub, running_hub
from tests.tiny import TinyModels
from webui.core.model_presets import ModelPreset


@contextmanager
def running(folder: Path, tiny: TinyModels, *models: ModelPreset) -> Iterator[str]:
    """An Easel with a card that is offered these models; yields its address."""
    port = free_port()
    module = ["tests.browser.offer_app", str(folder), str(port), str(tiny.configs), *map(packed, models)]
    with started(module, f"http://127.0.0.1:{port}/", folder) as address:
        yield address


@pytest.fixture
def hub(tiny_models: TinyModels) -> Iterator[Hub]:
    with running_hub(tiny_models.sd.read_bytes()) as hub:
        hub.gate_at = len(hub.content) // 2
        yield hub


def line(visitor: Visitor) -> Locator:
    return visitor.page.locator(".offer")


def test_get_it_and_use_it_while_the_starter_draws(
    hub: Hub, tmp_path: Path, tiny_models: TinyModels, chromium: Browser
) -> None:
    with running(tmp_path, tiny_models, hub.model()) as address, visiting(chromium, address) as visitor:
        expect(line(visitor)).to_contain_text("Your RTX 4070 can draw far better: Tiny Model")
        expect(line(visitor)).to_contain_text("License: Test licence")
        assert hub.seen == []
        visitor.button("Get it").focus()
        visitor.page.keyboard.press("Enter")
        expect(line(visitor)).to_contain_text("Getting Tiny Model: ")
        expect(visitor.button("Stop")).to_be_focused()
        bar = line(visitor).get_by_role("progressbar", name="Download")
        visitor.page.wait_for_function("() => Easel.live.now().offer.percent >= 40")
        assert 40 <= int(bar.get_attribute("aria-valuenow") or 0) <= 60

        starter = visitor.draw("a red apple", model="starter")
        assert starter["model"] == "Easel Starter"
        visitor.reload()
        expect(line(visitor)).to_contain_text("Getting Tiny Model: ")

        with visiting(chromium, address, extra_http_headers={"X-Forwarded-For": "203.0.113.9"}) as guest:
            assert guest.live()["offer"] is None
            expect(line(guest)).to_be_hidden()

        hub.gate.set()
        expect(line(visitor)).to_contain_text("Tiny Model is here.")
        visitor.button("Use it").click()
        expect(visitor.page.locator("#create-model select")).to_have_value("checkpoints/tiny-model")
        expect(line(visitor)).to_be_hidden()
        drawn = visitor.draw("a red apple", shape="256x256")
        assert drawn["model"] == "tiny-model"
        visitor.reload()
        expect(line(visitor)).to_be_hidden()


def test_the_models_tab_has_what_can_be_got_also_after_not_now(
    hub: Hub, tmp_path: Path, tiny_models: TinyModels, chromium: Browser
) -> None:
    with running(tmp_path, tiny_models, hub.model()) as address, visiting(chromium, address) as visitor:
        visitor.button("Not now").click()
        expect(line(visitor)).to_be_hidden()
        visitor.open_tab("Models")
        visitor.button("Look again").click()
        card = visitor.page.locator("[data-get=tiny]")
        expect(card).to_contain_text("Fits this computer well.")
        expect(card).to_contain_text("License: Test licence")
        card.get_by_role("button", name="Get it").click()
        expect(card).to_contain_text("Getting Tiny Model: ")
        expect(card.get_by_role("progressbar")).to_be_visible()
        card.get_by_role("button", name="Stop").click()
        expect(card.get_by_role("progressbar")).to_be_hidden()
        card.get_by_role("button", name="Get it").click()
        hub.gate.set()
        expect(visitor.page.locator("[data-id='checkpoints/tiny-model']")).to_be_visible()
        expect(card).to_have_count(0)

        with visiting(chromium, address, extra_http_headers={"X-Forwarded-For": "203.0.113.9"}) as guest:
            guest.open_tab("Models")
            expect(guest.page.get_by_role("heading", name="Where files go")).to_be_visible()
            assert guest.page.get_by_role("heading", name="More to get").count() == 0


def test_on_a_phone_a_fault_says_what_to_do_and_not_now_is_kept(
    hub: Hub, tmp_path: Path, tiny_models: TinyModels, chromium: Browser
) -> None:
    hub.status = 429
    with running(tmp_path, tiny_models, hub.model()) as address, visiting(chromium, address, **PHONE) as visitor:
        visitor.button("Get it").tap()
        expect(line(visitor)).to_contain_text("Too many people are loading from 127.0.0.1 just now.")
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        hub.status = 404
        visitor.button("Try again").tap()
        expect(line(visitor)).to_contain_text("Tiny Model is not at 127.0.0.1 any more.")
        for button in line(visitor).get_by_role("button").all():
            box = button.bounding_box()
            assert box is not None and box["height"] >= 44
        visitor.button("Not now").tap()
        expect(line(visitor)).to_be_hidden()
        visitor.reload()
        expect(line(visitor)).to_be_hidden()
        visitor.open_tab("Settings")
        suggest = visitor.page.locator("#suggest-models")
        expect(suggest.get_by_role("radio", name="No", exact=True)).to_have_attribute("aria-checked", "true")
