"""The dock under the stage: keys in the prompt, an empty prompt, and what was chosen and works on."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.visitor import PHONE, QUICK, Visitor

COMPOSING = """(area) => area.dispatchEvent(
  new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true, isComposing: true}))"""


def test_enter_draws_and_shift_enter_begins_a_line(visitor: Visitor):
    visitor.fill("", **QUICK)
    visitor.prompt.press_sequentially("a red barn")
    visitor.prompt.press("Shift+Enter")
    visitor.prompt.press_sequentially("in the snow")
    expect(visitor.prompt).to_have_value("a red barn\nin the snow")
    visitor.prompt.evaluate(COMPOSING)
    assert visitor.live()["state"] == "idle", "an input method takes Enter for a word, not for the picture"
    visitor.prompt.press("Enter")
    visitor.wait("done")
    expect(visitor.prompt).to_have_value("a red barn\nin the snow")
    assert visitor.live()["prompt"] == "a red barn\nin the snow"


def test_under_a_thumb_enter_begins_a_line(visit: Callable[..., Visitor]):
    visitor = visit(**PHONE)
    visitor.fill("", **QUICK)
    visitor.prompt.press_sequentially("a red barn")
    visitor.prompt.press("Enter")
    visitor.prompt.press_sequentially("in the snow")
    expect(visitor.prompt).to_have_value("a red barn\nin the snow")
    assert visitor.live()["state"] == "idle"
    visitor.prompt.press("Control+Enter")
    visitor.wait("done")
