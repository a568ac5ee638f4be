"""Everybody can use it: on a phone, in the dark, with the keys alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import LASTING, LONG, PHONE, QUICK, Visitor

TABS = ("Text to image", "Image to image", "Inpaint", "Gallery", "Models", "Settings")
TOO_SMALL = """() => [...document.querySelectorAll('button, select, textarea, [role], input:not([type=file])')]
  .filter((e) => e.matches('button, select, textarea, input, [role=tab], [role=radio], [role=button], [role=slider]'))
  .filter((e) => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().width)
  .map((e) => [e.ariaLabel || e.textContent.trim() || e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
  .filter(([, r]) => r.width < 43.5 || r.height < 43.5).map(([name, r]) => `${name} ${r.width} x ${r.height}`)"""
FOCUS = """() => { const e = document.activeElement, s = getComputedStyle(e);
  return {name: e.getAttribute('aria-label') || e.textContent.trim().slice(0, 40), id: e.closest('[id]')?.id || '',
    ring: s.outlineStyle !== 'none' ? parseFloat(s.outlineWidth) : 0, seen: e.getBoundingClientRect().height > 0}; }"""
LUMINANCE = """() => { const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const s = getComputedStyle(document.body); return [light(s.backgroundColor), light(s.color)]; }"""


def tab_to(page: Page, name: str) -> dict[str, object]:
    """Presses Tab until what is called so has the focus; everything on the way shows that it has it."""
    for _ in range(150):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUS)
        assert at["seen"], f"the focus went to something that cannot be seen: {at}"
        if at["name"] == name or at["id"] == name:
            return at
    raise AssertionError(f"Tab never came to {name}")


@pytest.mark.parametrize("look", ["light", "dark"])
def test_on_a_phone_nothing_moves_sideways_and_every_target_fits_a_thumb(visit: Callable[..., Visitor], look: str):
    visitor = visit(**PHONE, color_scheme=look)
    visitor.button("More options").tap()
    for tab in TABS:
        visitor.open_tab(tab)
        expect(visitor.page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390, tab
        assert visitor.page.evaluate(TOO_SMALL) == [], tab
    ground, ink = visitor.page.evaluate(LUMINANCE)
    low, high = sorted((ground, ink))
    assert (ground < ink) == (look == "dark") and (high + 0.05) / (low + 0.05) > 7


def test_a_tap_draws_on_a_phone(visit: Callable[..., Visitor]):
    visitor = visit(**PHONE)
    visitor.prompt.tap()
    visitor.prompt.fill("a lemon")
    visitor.page.evaluate("(fields) => Easel.fill('create', fields)", LASTING)
    visitor.button("Generate").tap()
    visitor.wait("running")
    expect(visitor.button("Stop")).to_be_in_viewport()
    assert visitor.page.evaluate(TOO_SMALL) == []
    visitor.wait("done")
    expect(visitor.picture).to_have_attribute("alt", "a lemon")
    expect(visitor.picture).to_be_in_viewport(ratio=0.9)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visitor.page.evaluate(TOO_SMALL) == []
    visitor.picture.tap()
    expect(visitor.page.locator("dialog.viewer img")).to_be_visible()
    assert visitor.page.evaluate(TOO_SMALL) == []


def test_keys_alone_draw_stop_and_reach_what_can_be_done(visitor: Visitor):
    page = visitor.page
    tab_to(page, "create-prompt")
    page.keyboard.type("a green frog")
    page.evaluate("(fields) => Easel.fill('create', fields)", LONG)
    page.keyboard.press("Control+Enter")
    visitor.wait("running")
    expect(visitor.prompt).to_be_focused()
    assert float(str(tab_to(page, "Stop")["ring"])) >= 2
    page.keyboard.press("Enter")
    visitor.wait("stopped")
    page.evaluate("(fields) => Easel.fill('create', fields)", QUICK)
    visitor.prompt.focus()
    page.keyboard.press("Control+Enter")
    visitor.wait("done")
    assert float(str(tab_to(page, "Download")["ring"])) >= 2
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert re.fullmatch(r"a-green-frog.*\.png", download.value.suggested_filename)


def test_arrow_keys_choose_a_style_and_tabs_change(visitor: Visitor):
    page = visitor.page
    at = tab_to(page, "No style")
    assert float(str(at["ring"])) >= 2
    first = page.locator("#create-style [role=radio]").nth(1)
    page.keyboard.press("ArrowRight")
    expect(first).to_be_focused()
    expect(first).to_have_attribute("aria-checked", "true")
    assert visitor.value("style") == first.get_attribute("data-v")
    page.keyboard.press("End")
    expect(page.locator("#create-style [role=radio]").last).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#create-style') === null")
    page.get_by_role("tab", name="Text to image", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Gallery", exact=True)).to_have_attribute("aria-selected", "true")


BRITISH = re.compile(
    r"colour|favourit|gr[e]y\b|gr[e]ys\b|licence|centre|neighbour|behaviour|(organ|recogn|optim|initial)is", re.I
)
SAID = """() => [...document.querySelectorAll('.gradio-container *, dialog *')].flatMap((e) => [
  ...[...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data),
  ...['aria-label', 'title', 'placeholder', 'aria-valuetext', 'alt'].map((name) => e.getAttribute(name) || '')])"""


def test_the_page_spells_as_americans_do(visitor: Visitor):
    visitor.draw("a lemon")
    said: set[str] = set()
    for tab in TABS:
        visitor.open_tab(tab)
        visitor.page.wait_for_timeout(300)
        if tab == "Image to image":
            visitor.button("Start with an empty sheet").click()
        said |= set(visitor.page.evaluate(SAID))
    wrong = {word[0] for text in said for word in BRITISH.finditer(text)}
    assert wrong == set() and len(said) > 300


def test_settings_stand_close_and_say_what_they_are(visit: Callable[..., Visitor]):
    for device in ({"viewport": {"width": 1280, "height": 800}}, PHONE):
        visitor = visit(**device)
        visitor.open_tab("Settings")
        expect(visitor.page.locator("#look")).to_be_visible()
        title, first = (visitor.page.locator(f"#settings {name}").first.bounding_box() for name in ("h1", ".tray"))
        assert title and first and first["y"] - title["y"] - title["height"] < 40
        choices = visitor.page.locator("#settings [role=radio]")
        assert {round(choice.bounding_box()["height"]) for choice in choices.all()} == {44}  # type: ignore[index]
        lines = "(all) => all.map((e) => { const r = document.createRange(); r.selectNodeContents(e);"
        assert choices.evaluate_all(lines + " return r.getBoundingClientRect().height; })") < [24] * choices.count()


def test_a_screen_reader_hears_how_it_goes(visitor: Visitor):
    visitor.draw("a small drum")
    expect(visitor.page.locator("#easel-voice")).to_have_text("Done. a small drum")
    expect(visitor.stage.get_by_role("img", name="a small drum")).to_be_visible()


def test_on_a_phone_every_tab_is_in_sight_and_has_its_whole_name(visit: Callable[..., Visitor]):
    page = visit(**PHONE).page
    names = ["Text to image", "Image to image", "Inpaint", "Gallery", "Models", "Settings"]
    tabs = [page.get_by_role("tab", name=name, exact=True) for name in names]
    for width in (768, 390, 360, 320):
        page.set_viewport_size({"width": width, "height": 844})
        row = [page.locator(".brand"), *tabs, page.get_by_role("button", name="Share", exact=True)]
        boxes = [item.bounding_box() for item in row]
        assert all(box and box["width"] >= 28 and box["height"] >= 28 for box in boxes), boxes
        ends = [0.0, *(end for box in boxes if box for end in (box["x"], box["x"] + box["width"])), width]
        assert ends == sorted(ends)
    tabs[-1].tap()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()


def test_on_a_phone_all_of_the_viewer_is_in_reach(visit: Callable[..., Visitor]):
    visitor = visit(**PHONE)
    visitor.draw("a lemon", count=2)
    visitor.open_tab("Gallery")
    visitor.page.locator(".tile .open").first.tap()
    tools = visitor.page.locator("dialog.viewer .tools")
    expect(tools.locator(".count")).to_have_text("1 / 2")
    for width in (390, 320):
        visitor.page.set_viewport_size({"width": width, "height": 844})
        boxes = [item.bounding_box() for item in tools.locator("> *").all()]
        assert all(box and box["width"] > 36 for box in boxes), boxes
        ends = [0.0, *(end for box in boxes if box for end in (box["x"], box["x"] + box["width"])), width]
        assert ends == sorted(ends)
    tools.get_by_role("button", name="Use these settings").tap()
    expect(visitor.prompt).to_have_value("a lemon")


@pytest.mark.parametrize("width", [1280, 1440, 2560])
def test_messages_leave_the_buttons_free(visit: Callable[..., Visitor], width: int):
    visitor = visit(viewport={"width": width, "height": 800})
    visitor.page.evaluate(
        "() => { for (const seconds of [60, 61]) Easel.toast('A longer message than most.', null, seconds); }"
    )
    shelf = visitor.page.locator(".toasts").bounding_box()
    dock = visitor.page.locator("#create-dock").bounding_box()
    tools = visitor.page.locator("#create-stage .under").bounding_box()
    assert shelf and dock and tools and shelf["y"] + shelf["height"] <= min(dock["y"], tools["y"])
    assert abs(shelf["x"] + shelf["width"] / 2 - dock["x"] - dock["width"] / 2) < 2
    visitor.open_tab("Gallery")
    visitor.page.wait_for_function(
        "document.querySelector('.toasts').getBoundingClientRect().bottom > innerHeight - 60"
    )
