"""Sharing by clicks: a link, a guest with a phone who draws, and the end of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import free_port, started
from tests.browser.share_app import packed
from tests.browser.visitor import PHONE, QUICK, READY, Visitor, visiting
from tests.tunnel import TunnelService, running_tunnels


@contextmanager
def running(folder: Path, tunnels: TunnelService) -> Iterator[str]:
    """An Easel that makes its links there; yields its address."""
    port = free_port()
    module = ["tests.browser.share_app", str(folder), str(port), packed(tunnels.preset())]
    with started(module, f"http://127.0.0.1:{port}/", folder) as address:
        yield address


@pytest.fixture
def tunnels() -> Iterator[TunnelService]:
    with running_tunnels() as service:
        yield service


@pytest.fixture
def ann(tunnels: TunnelService, tmp_path: Path, chromium: Browser) -> Iterator[Visitor]:
    with running(tmp_path, tunnels) as address, visiting(chromium, address) as visitor:
        yield visitor


def sheet(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("dialog", name="Share Easel")


def link(visitor: Visitor) -> str:
    """Clicks until there is a link."""
    visitor.button("Share").click()
    sheet(visitor).get_by_role("button", name="Make a link").click()
    shown = sheet(visitor).get_by_role("textbox", name="Link")
    expect(shown).to_be_visible()
    return shown.input_value()


def test_a_guest_draws_and_leaves_and_the_link_ends(ann: Visitor, chromium: Browser) -> None:
    address = link(ann)
    code = sheet(ann).get_by_role("img", name="QR code of the link")
    expect(code).to_be_visible()
    assert code.evaluate("(image) => image.complete && image.naturalWidth > 0")
    expect(sheet(ann)).to_contain_text("Nobody else is here.")

    phone = chromium.new_context(**PHONE)
    guest = phone.new_page()
    guest.goto(address)
    guest.wait_for_function(READY)
    assert "welcome" not in guest.url, "the key is out of sight"
    expect(sheet(ann)).to_contain_text("One person is here.")
    assert guest.get_by_role("button", name="Share", exact=True).count() == 0
    guest.locator("#create-prompt textarea").fill("a red apple")
    guest.evaluate("(fields) => Easel.fill('create', fields)", QUICK)
    guest.get_by_role("button", name="Generate", exact=True).and_(guest.locator(":visible")).click()
    expect(guest.locator("#create-stage .stage")).to_have_attribute("data-state", "done")
    assert guest.locator("#create-stage .pic").evaluate("(image) => image.naturalWidth") > 0
    guest.reload()
    guest.wait_for_function(READY)
    expect(guest.locator("#create-stage .stage")).to_have_attribute("data-state", "done")
    assert ann.page.evaluate("Easel.live.now().pictures.length") == 0, "galleries are apart"

    sheet(ann).get_by_role("button", name="Stop sharing").click()
    expect(sheet(ann).get_by_role("button", name="Make a link")).to_be_visible()
    expect(guest.get_by_text("This link has ended. Ask for a new one.")).to_be_visible()
    expect(guest.locator("#easel-status")).to_have_text("This link has ended")
    phone.close()


def test_the_button_is_there_after_each_reload(ann: Visitor) -> None:
    for _ in range(5):
        expect(ann.button("Share")).to_be_visible(timeout=10_000)
        ann.reload()


def test_a_double_click_makes_a_link_and_does_not_cancel_it(ann: Visitor, tunnels: TunnelService) -> None:
    tunnels.gate.clear()
    ann.button("Share").click()
    place = sheet(ann).get_by_role("button", name="Make a link").bounding_box()
    assert place is not None
    ann.page.mouse.dblclick(place["x"] + 30, place["y"] + 12, delay=60)
    expect(sheet(ann)).to_contain_text("for an address")
    ann.page.wait_for_timeout(500)
    expect(sheet(ann)).to_contain_text("for an address")
    tunnels.gate.set()
    expect(sheet(ann).get_by_role("textbox", name="Link")).to_be_visible()


def test_what_comes_of_it_is_told_when_the_sheet_is_closed(ann: Visitor, tunnels: TunnelService) -> None:
    tunnels.gate.clear()
    ann.button("Share").click()
    sheet(ann).get_by_role("button", name="Make a link").click()
    expect(sheet(ann)).to_contain_text("for an address")
    ann.page.keyboard.press("Escape")
    tunnels.gate.set()
    ann.page.get_by_role("status").get_by_role("button", name="Show it").click()
    sheet(ann).get_by_role("button", name="Stop sharing").click()
    tunnels.refuses = "no"
    sheet(ann).get_by_role("button", name="Make a link").click()
    ann.page.keyboard.press("Escape")
    expect(ann.page.get_by_role("alert")).to_contain_text("not giving out addresses")


def test_whoever_has_half_a_link_stays_outside(ann: Visitor, chromium: Browser) -> None:
    address = link(ann)
    with chromium.new_context() as context:
        stranger = context.new_page()
        stranger.goto(address.partition("welcome")[0])
        expect(stranger.get_by_role("heading", name="This Easel is by invitation")).to_be_visible()
        stranger.goto(address[:-2])
        expect(stranger.get_by_role("heading")).to_contain_text("incomplete")
    ann.page.keyboard.press("Escape")
    expect(sheet(ann)).to_have_count(0)
    assert "Nobody else is here" in (ann.button("Share").get_attribute("title") or "")


def test_cancel_and_a_failure_that_can_be_tried_again(ann: Visitor, tunnels: TunnelService) -> None:
    tunnels.gate.clear()
    ann.button("Share").click()
    sheet(ann).get_by_role("radio", name="1 hour").click()
    sheet(ann).get_by_role("button", name="Make a link").click()
    expect(sheet(ann)).to_contain_text("for an address")
    sheet(ann).get_by_role("button", name="Cancel").click()
    expect(sheet(ann).get_by_role("radio", name="1 hour")).to_have_attribute("aria-checked", "true")

    tunnels.refuses = "no"
    tunnels.gate.set()
    sheet(ann).get_by_role("button", name="Make a link").click()
    expect(sheet(ann).get_by_role("alert")).to_contain_text("tunnel.test is not giving out addresses")
    tunnels.refuses = ""
    sheet(ann).get_by_role("button", name="Try again").click()
    expect(sheet(ann).get_by_role("textbox", name="Link")).to_be_visible()


def test_a_link_that_breaks_off_is_told_where_one_looks(ann: Visitor, tunnels: TunnelService) -> None:
    link(ann)
    # It may break off before the page has heard that the sheet is closed; here it never hears of it.
    ann.page.evaluate("addEventListener('close', (event) => event.stopImmediatePropagation(), { capture: true })")
    ann.page.keyboard.press("Escape")
    tunnels.drop()
    ann.page.get_by_role("alert").get_by_role("button", name="Look").click()
    expect(sheet(ann)).to_contain_text("The link broke off. Make a new one and pass it on.")
    sheet(ann).get_by_role("button", name="Make a new link").click()
    expect(sheet(ann).get_by_role("textbox", name="Link")).to_be_visible()
