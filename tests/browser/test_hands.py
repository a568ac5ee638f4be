"""What hands do: keys in a hurry, double clicks, swipes, undo where one is, and what takes its words back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Route, expect

from tests.browser.visitor import PHONE, QUICK, Visitor


def jobs(visitor: Visitor) -> list[str]:
    """The jobs of this visitor's pictures, each once, when all is drawn."""
    visitor.page.wait_for_function(
        "() => { const now = Easel.live.now(); return now.state === 'done' && !now.hoped && !now.waiting.length; }"
    )
    return sorted({picture["job"] for picture in visitor.get("pictures")["pictures"]})


def test_control_enter_draws_with_the_number_just_typed(visitor: Visitor):
    visitor.fill("a red kite", **QUICK)
    visitor.button("More options").click()
    steps = visitor.page.locator("#create-steps .exact")
    steps.click()
    steps.press("Control+a")
    steps.press_sequentially("2")
    steps.press("Control+Enter")
    visitor.wait("done")
    assert visitor.recipe(visitor.live()["pictures"][-1])["steps"] == 2


def test_a_held_key_and_a_double_click_draw_one_picture(visitor: Visitor):
    visitor.fill("a red kite", **QUICK)
    keys = visitor.page.keyboard
    visitor.prompt.focus()
    keys.down("Control")
    for _ in range(5):
        keys.down("Enter")
    keys.up("Enter")
    keys.up("Control")
    visitor.wait("done")
    assert len(jobs(visitor)) == 1
    visitor.page.wait_for_timeout(500)
    visitor.button("Generate").dblclick()
    visitor.page.wait_for_function("(n) => Easel.live.now().recent.length >= n", arg=1)
    assert len(jobs(visitor)) == 2
    visitor.button("Same again").dblclick()
    visitor.page.wait_for_function("(n) => Easel.live.now().recent.length >= n", arg=2)
    assert len(jobs(visitor)) == 3


def test_deleting_in_full_screen_is_undone_there_and_keys_go_on_working(visitor: Visitor):
    visitor.draw("a red kite", count=3)
    page, viewer = visitor.page, visitor.page.locator("dialog.viewer")
    for name in ("Text to image", "Gallery"):
        visitor.open_tab(name)
        opener = visitor.button("View full screen") if name == "Text to image" else page.locator(".tile .open").nth(1)
        opener.click()
        shown = viewer.get_attribute("data-id")
        viewer.get_by_role("button", name="Delete").click()
        expect(viewer).not_to_have_attribute("data-id", shown or "")
        viewer.get_by_role("button", name="Undo").click()
        expect(viewer).to_have_attribute("data-id", shown or "")
        expect(viewer.locator(".count")).to_contain_text("/ 3")
        while viewer.get_by_role("button", name="Next picture").is_enabled():
            viewer.get_by_role("button", name="Next picture").click()
        last = viewer.get_attribute("data-id")
        page.keyboard.press("ArrowLeft")
        expect(viewer).not_to_have_attribute("data-id", last or "")
        page.keyboard.press("Delete")
        expect(viewer.get_by_text("Picture deleted")).to_be_visible()
        page.keyboard.press("Escape")
        expect(viewer).to_have_count(0)
        page.locator("body > .toasts").get_by_role("button", name="Undo").click()
        page.wait_for_function("() => fetch('/pictures').then((a) => a.json()).then((a) => a.pictures.length === 3)")


def test_back_closes_what_lies_over_the_page_and_then_goes_to_the_former_tab(visitor: Visitor):
    visitor.draw("a red kite", count=2)
    page, viewer, sheet = visitor.page, visitor.page.locator("dialog.viewer"), visitor.page.locator("dialog.sheet")
    tab = page.locator("#tabs [role=tab][aria-selected=true]")
    page.evaluate("window.sameness = 1")

    def look() -> None:
        page.locator(".tile .open").first.click()
        expect(viewer).to_be_visible()

    visitor.open_tab("Gallery")
    steps = page.evaluate("history.length")
    look()
    viewer.get_by_role("button", name="Info").click()
    expect(sheet).to_be_visible()
    page.go_back()
    expect(sheet).to_have_count(0)
    expect(viewer).to_be_visible()
    page.go_back()
    expect(viewer).to_have_count(0)
    expect(tab).to_have_text("Gallery")
    page.go_forward()  # to what is closed
    page.wait_for_timeout(300)
    for close in ("Close", "Escape"):  # takes its step out of the history
        look()
        if close == "Close":
            viewer.get_by_role("button", name="Close").click()
        else:
            page.keyboard.press("Escape")
        expect(viewer).to_have_count(0)
        page.wait_for_function("history.state && !history.state.easel")
    assert page.evaluate("history.length") <= steps + 2
    look()
    viewer.get_by_role("button", name="Use these settings").click()
    expect(tab).to_have_text("Text to image")
    expect(page).to_have_url(visitor.address + "#create")
    page.go_back()
    expect(tab).to_have_text("Gallery")
    page.go_back()
    expect(tab).to_have_text("Text to image")
    assert page.evaluate("window.sameness") == 1


def test_a_reload_and_a_link_open_the_tab(visitor: Visitor):
    page, tab = visitor.page, visitor.page.locator("#tabs [role=tab][aria-selected=true]")
    visitor.draw("a red kite", count=1)
    visitor.open_tab("Gallery")
    visitor.reload()
    expect(tab).to_have_text("Gallery")
    page.locator(".tile .open").first.click()
    expect(page.locator("dialog.viewer")).to_be_visible()
    visitor.reload()
    expect(tab).to_have_text("Gallery")
    page.wait_for_function("history.state && !history.state.easel")
    page.go_back()
    expect(tab).to_have_text("Text to image")
    page.goto("about:blank")
    page.goto(visitor.address + "#inpaint")
    expect(tab).to_have_text("Inpaint")
    page.goto("about:blank")
    page.goto(visitor.address + "#nowhere")
    expect(tab).to_have_text("Text to image")
    visitor.draw("a blue kite")


def test_a_swipe_turns_the_page_on_a_phone(visit: Callable[..., Visitor]):
    visitor = visit(**PHONE)
    visitor.draw("a red kite", count=2)
    page, viewer = visitor.page, visitor.page.locator("dialog.viewer")
    visitor.open_tab("Gallery")
    page.locator(".tile .open").first.tap()
    first = viewer.get_attribute("data-id")
    fingers = page.context.new_cdp_session(page)

    def swipe(start: float, end: float) -> None:
        fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": start, "y": 400}]})
        for part in range(1, 9):
            at = {"x": start + (end - start) * part / 8, "y": 402}
            fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
            page.wait_for_timeout(16)
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe(320, 80)
    expect(viewer).not_to_have_attribute("data-id", first or "")
    swipe(80, 320)
    expect(viewer).to_have_attribute("data-id", first or "")


def test_the_picture_that_is_shown_is_the_one_that_is_chosen(visitor: Visitor):
    visitor.draw("a red kite", count=3)
    page, tiles = visitor.page, visitor.stage.locator(".rail button")
    page.reload()  # nothing is in the browser's memory of pictures
    expect(tiles).to_have_count(3)
    ids = [tile.get_attribute("data-id") for tile in tiles.all()]
    expect(visitor.picture).to_have_attribute("src", f"/img/{ids[2]}")
    held: list[Route] = []
    page.route(f"**/img/{ids[0]}", lambda route: held.append(route))
    with page.expect_request(f"**/img/{ids[0]}"):
        tiles.nth(0).click()
    tiles.nth(1).click()
    tiles.nth(0).click()
    held[0].continue_()
    expect(visitor.picture).to_have_attribute("src", f"/img/{ids[0]}")
    page.wait_for_timeout(300)
    expect(visitor.picture).to_have_attribute("src", f"/img/{ids[0]}")


def test_typed_words_that_were_replaced_come_back(visitor: Visitor):
    visitor.prompt.press_sequentially("my own words")
    visitor.button("Surprise me").click()
    expect(visitor.prompt).not_to_have_value("my own words")
    visitor.page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(visitor.prompt).to_have_value("my own words")
    assert visitor.value("prompt") == "my own words"
    visitor.prompt.fill("")
    for _ in range(2):  # what a dice has thrown nobody misses
        visitor.button("Surprise me").click()
    expect(visitor.page.locator(".toast")).to_have_count(0)


def test_a_gallery_that_could_not_be_fetched_says_so(visitor: Visitor):
    visitor.draw("a red kite", count=1)
    visitor.page.route("**/pictures?*", lambda route: route.abort())
    visitor.open_tab("Gallery")
    expect(visitor.page.get_by_role("heading", name="Could not load")).to_be_visible()
    expect(visitor.page.locator(".toast")).to_contain_text("The line to Easel is gone")
    visitor.page.unroute("**/pictures?*")
    visitor.button("Try again").click()
    expect(visitor.page.locator(".tile .open")).to_have_count(1)
    visitor.broken.clear()  # the browser's own word on the request that failed


def test_styles_that_were_searched_are_reached_by_tab(visitor: Visitor):
    find = visitor.page.locator("#create-style").get_by_role("searchbox", name="Find a style")
    find.fill("watercolor")
    cards = visitor.page.locator("#create-style [role=radio]:visible")
    stops = cards.evaluate_all("(all) => all.map((card) => card.tabIndex)")
    assert sorted(stops)[-1] == 0 and stops.count(0) == 1


def test_looking_again_ends_also_when_nothing_is_new(visitor: Visitor):
    visitor.open_tab("Models")
    for _ in range(2):
        again = visitor.button("Look again")
        again.evaluate("(button) => { window.before = button; }")
        again.focus()
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_function("() => !window.before.isConnected")
        expect(visitor.page.locator(".turning")).to_have_count(0)
        expect(again).to_be_focused()


def test_of_a_deleted_picture_the_neighbour_is_seen(visit: Callable[..., Visitor]):
    visitor = visit()
    page, older, newer = visitor.page, visitor.draw("a red kite", count=2), visitor.draw("a blue whale", count=1)
    other = visitor.tab()
    delete = visitor.button("Delete")
    delete.click()
    for stage in (visitor.stage, other.locator("#create-stage .stage")):
        expect(stage.locator(".pic")).to_have_attribute("src", older["src"])
        expect(stage.locator(".empty")).to_be_hidden()
    visitor.button("Undo").click()
    expect(visitor.picture).to_have_attribute("src", newer["src"])
    delete.click()
    expect(visitor.picture).to_have_attribute("src", older["src"])
    visitor.reload()
    expect(visitor.picture).to_have_attribute("src", older["src"])
    delete.click()
    expect(visitor.picture).not_to_have_attribute("src", older["src"])
    expect(visitor.picture).to_be_visible()
    delete.click()
    expect(page.get_by_role("heading", name="Describe a picture to begin")).to_be_visible()
