"""The dock under the stage: keys in the prompt, an empty prompt, and what was chosen and works on."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.visitor import LONG, PHONE, QUICK, Visitor

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


def test_an_empty_prompt_is_asked_for(visitor: Visitor):
    visitor.fill("  ", **QUICK)
    visitor.button("Generate").click()
    expect(visitor.prompt).to_be_focused()
    alert = visitor.page.get_by_role("alert").and_(visitor.page.locator(":visible"))
    expect(alert).to_contain_text("Say first what the picture should show.")
    assert visitor.live()["state"] == "idle" and visitor.get("pictures")["pictures"] == []
    alert.get_by_role("button", name="Surprise me").click()
    expect(alert).to_have_count(0)
    expect(visitor.prompt).not_to_have_value("")
    visitor.button("Generate").click()
    visitor.wait("done")


def test_what_works_on_is_seen_and_can_be_taken_away(visit: Callable[..., Visitor]):
    visitor = visit(**PHONE)
    page, chips = visitor.page, visitor.page.locator("#create-chosen .chip")
    expect(chips).to_have_count(0)
    visitor.fill("a fox", style="Gingerbread", seed=7)
    visitor.reload()
    expect(chips).to_have_text(["Gingerbread", "Same seed"])
    for chip in chips.all():
        box = chip.bounding_box()
        assert box and box["height"] >= 44 and box["width"] >= 44
    visitor.button("Remove style Gingerbread").tap()
    expect(chips).to_have_text(["Same seed"])
    assert visitor.value("style") == ""
    visitor.button("Remove same seed").tap()
    expect(page.locator("#create-chosen")).to_be_hidden()
    assert visitor.value("seed") == {"seed": 7, "locked": False}


def test_a_lora_that_works_on_has_its_title_there(visitor: Visitor):
    visitor.page.evaluate(
        "() => { const field = Easel.desk('create').fields.get('loras');"
        " field.options = () => [{value: 'w', title: 'watercolor wash'}]; field.get = () => [{id: 'w', weight: 1}];"
        " Easel.emit('field:create:loras', field.get()); }"
    )
    expect(visitor.button("Remove LoRA watercolor wash")).to_have_text("watercolor wash")


def test_the_chosen_style_is_in_sight_when_the_page_opens(visitor: Visitor):
    visitor.fill("a fox", style="Gingerbread")
    for tab in ("create", "image"):
        if tab == "image":
            visitor.open_tab("Image to image")
            visitor.page.wait_for_function("() => Easel.desk('image').fields.has('style')")
            visitor.page.evaluate("Easel.fill('image', {style: 'Gingerbread'})")
        visitor.reload()
        if tab == "image":
            visitor.open_tab("Image to image")
        card = visitor.page.locator(f"#{tab}-style").get_by_role("radio", name="Gingerbread", exact=True)
        expect(card).to_have_attribute("aria-checked", "true")
        visitor.page.wait_for_function(
            "(card) => { const [c, g] = [card, card.closest('.cards')].map((e) => e.getBoundingClientRect());"
            " return c.height && c.top >= g.top && c.bottom <= g.bottom; }",
            arg=card.element_handle(),
            timeout=20_000,
        )
    assert visitor.page.evaluate("scrollY") == 0


def test_the_prompt_shows_the_focus_by_its_card(visitor: Visitor):
    visitor.prompt.focus()
    shown = visitor.page.evaluate(
        "() => [document.activeElement, document.querySelector('#create-dock')]"
        ".map((e) => getComputedStyle(e)).map((s) => [s.outlineStyle, s.boxShadow, s.borderTopColor])"
    )
    visitor.prompt.blur()
    rest = visitor.page.evaluate("getComputedStyle(document.querySelector('#create-dock')).boxShadow")
    assert shown[0][0] == "none", "no square frame in the round card"
    assert shown[1][1] != rest


def test_the_first_stop_leads_to_the_prompt(visitor: Visitor):
    page = visitor.page
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="To the prompt")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(visitor.prompt).to_be_focused()
    visitor.open_tab("Inpaint")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#inpaint-prompt textarea")).to_be_focused()
    visitor.open_tab("Gallery")
    link.focus()
    page.keyboard.press("Enter")
    expect(visitor.prompt).to_be_focused()


def test_the_pictures_beside_the_stage_are_one_stop(visitor: Visitor):
    visitor.draw("a lemon", count=4)
    page, tiles = visitor.page, visitor.page.locator("#create-stage .rail button")
    expect(tiles).to_have_count(4)
    in_order = page.locator("#create-stage .rail button[tabindex='0']")
    expect(in_order).to_have_count(1)
    expect(in_order).to_have_attribute("aria-current", "true")
    in_order.focus()
    page.keyboard.press("Home")
    expect(tiles.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(tiles.nth(1)).to_be_focused()
    expect(tiles.nth(1)).to_have_attribute("aria-current", "true")
    expect(in_order).to_have_count(1)
    page.keyboard.press("Tab")
    assert page.evaluate("!document.activeElement.closest('.rail')")
    page.keyboard.press("Shift+Tab")
    expect(tiles.nth(1)).to_be_focused()


def test_a_running_job_keeps_the_pictures_one_stop(visitor: Visitor):
    visitor.draw("a lemon", count=2)
    visitor.generate("a lime", **LONG)
    expect(visitor.page.locator("#create-stage .rail button")).to_have_count(3)
    expect(visitor.page.locator("#create-stage .rail button[tabindex='0']")).to_have_count(1)
    visitor.button("Stop").click()
    visitor.wait("stopped")
