"""From the click to the picture: preview, stop, reload, queue, batch, a lost line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import App, free_port, serving
from tests.browser.line import Line
from tests.browser.visitor import LASTING, LONG, QUICK, Visitor, infotext, visiting


def test_a_click_draws_with_a_preview_into_a_file_that_says_how(visitor: Visitor):
    job = visitor.generate("a red apple on the beach", seed=11, **LASTING)
    assert visitor.stage.get_attribute("data-state") == "running"
    preview = visitor.page.wait_for_selector(f".stage .pic[src^='/preview/{job}']")
    assert preview is not None and preview.is_visible()
    expect(visitor.stage.get_by_role("progressbar", name="Progress")).to_be_visible()
    assert visitor.wait("done") == job
    expect(visitor.picture).to_have_attribute("src", f"/img/{visitor.live()['pictures'][0]['id']}")
    assert (visitor.picture.get_attribute("alt") or "").startswith("a red apple on the beach")
    assert visitor.picture.evaluate("(i) => i.complete && i.naturalWidth") == 256
    text = infotext(visitor.file(visitor.picture.get_attribute("src") or ""))
    assert text.startswith("a red apple on the beach\n") and "Steps: 60," in text and "Seed: 11," in text
    expect(visitor.page.locator("#easel-status")).to_contain_text("Ready")


HIDE = """(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange')); }"""


def test_the_title_tells_another_tab_how_far_it_is(visitor: Visitor):
    page = visitor.page
    expect(page).to_have_title("Easel")
    visitor.generate("a long train", **LASTING)
    page.evaluate(HIDE, True)
    expect(page).to_have_title(re.compile(r"^[1-9]\d? % · Easel$"))
    expect(page).to_have_title("Done · Easel")
    expect(visitor.picture).to_have_attribute("alt", "a long train")
    page.evaluate(HIDE, False)
    expect(page).to_have_title("Easel")


def test_control_enter_draws(visitor: Visitor):
    visitor.fill("a boat", **QUICK)
    visitor.prompt.press("Control+Enter")
    visitor.wait("done")
    expect(visitor.picture).to_have_attribute("alt", "a boat")


def test_stop_answers(visitor: Visitor):
    visitor.generate("a very long castle", **LONG)
    visitor.button("Stop").click()
    visitor.wait("stopped", timeout=3000)
    expect(visitor.stage.locator("figcaption")).to_have_text("Stopped")
    expect(visitor.page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    visitor.draw("a short castle")


def test_a_reload_and_a_second_tab_come_back_to_the_running_job(visitor: Visitor):
    job = visitor.generate("a lighthouse by the sea", **(LASTING | {"steps": 80}))
    visitor.reload()
    assert visitor.wait("running") == job
    second = visitor.tab().locator("#create-stage .stage")
    expect(second).to_have_attribute("data-job", job)
    assert visitor.wait("done") == job
    expect(second).to_have_attribute("data-state", "done")
    for stage in (visitor.stage, second):
        expect(stage.locator(".pic")).to_have_attribute("alt", "a lighthouse by the sea")
    visitor.reload()
    assert visitor.wait("done") == job
    expect(visitor.picture).to_be_visible()


def test_two_visitors_never_meet(visit: Callable[..., Visitor]):
    one, other = visit(), visit()
    mine = one.draw("a secret garden")
    theirs = other.draw("a hidden treasure")
    for path in (mine["src"], mine["thumb"], f"/pictures/{mine['id']}", f"/preview/{mine['job']}"):
        assert other.context.request.get(other.address + path[1:]).status == 404
    assert one.file(mine["src"])[:4] == b"\x89PNG"
    assert [p["id"] for p in other.get("pictures")["pictures"]] == [theirs["id"]]
    newcomer = visit()
    newcomer.open_tab("Gallery")
    expect(newcomer.page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    for somebody in (other, newcomer):
        assert "secret garden" not in somebody.page.content()


def ask_for_three(visitor: Visitor) -> None:
    """One is drawn, two wait."""
    visitor.generate("first", **LONG)
    for prompt in ("second", "third"):
        visitor.fill(prompt, **QUICK)
        visitor.button("Generate").click()
        expect(visitor.page.locator(".waiter:visible", has_text=prompt)).to_be_visible()


def test_clicks_queue_and_a_waiting_job_can_be_cancelled(visitor: Visitor):
    ask_for_three(visitor)
    expect(visitor.page.locator(".waiter:visible")).to_have_count(2)
    visitor.button("Cancel: second").click()
    expect(visitor.page.locator(".waiter:visible")).to_have_count(1)
    visitor.button("Stop").click()
    expect(visitor.picture).to_have_attribute("alt", "third")
    visitor.wait("done")
    assert [p["prompt"] for p in visitor.get("pictures")["pictures"]] == ["third"]


def test_all_that_waits_and_is_drawn_is_stopped_by_one_click(visitor: Visitor):
    ask_for_three(visitor)
    visitor.button("Stop all").click()
    expect(visitor.page.locator(".waiter:visible")).to_have_count(0)
    visitor.wait("stopped")
    assert visitor.get("pictures")["pictures"] == []


def test_a_batch_is_a_strip(visitor: Visitor):
    visitor.page.locator("#create-count").get_by_role("radio", name="3", exact=True).click()
    visitor.draw("three pears", seed=100)
    strip = visitor.stage.locator(".rail button")
    expect(strip).to_have_count(3)
    assert [p["seed"] for p in visitor.live()["pictures"]] == [100, 101, 102]
    strip.first.click()
    expect(strip.first).to_have_attribute("aria-current", "true")
    expect(visitor.picture).to_have_attribute("src", visitor.live()["pictures"][0]["src"])


def test_a_lost_line_is_found_again(app: App, chromium: Browser):
    with Line(app.port) as line, visiting(chromium, line.address) as visitor:
        job = visitor.generate("a bridge in the fog", **LASTING)
        state = visitor.page.locator("#easel-status")
        line.cut()
        expect(state).to_have_attribute("data-worker", "offline")
        expect(state).to_have_text("Reconnecting…")
        line.mend()
        assert visitor.wait("done") == job
        expect(visitor.picture).to_have_attribute("alt", "a bridge in the fog")
        expect(state).to_contain_text("Ready")
        assert all("net::ERR_" in words for words in visitor.broken)
        visitor.broken.clear()


def test_what_could_not_be_sent_is_sent_once_when_the_line_is_back(app: App, chromium: Browser):
    with Line(app.port) as line, visiting(chromium, line.address) as visitor:
        page, notice = visitor.page, visitor.page.locator("#create-reply .notice")
        made = visitor.draw("a first kite")
        page.evaluate("window.sameness = 1")
        line.cut()
        visitor.context.new_cdp_session(page).send("Network.clearBrowserCache")  # as a full one drops what it likes
        visitor.fill("a second kite")
        visitor.button("Generate").click()
        expect(notice).to_contain_text("This was not sent: Easel cannot be reached.")
        expect(visitor.stage.locator("figcaption")).to_have_text("Waiting for Easel…")
        page.wait_for_timeout(10_000)  # longer than hope lasts, and than Gradio waits before it reloads
        expect(visitor.stage.locator("figcaption")).to_have_text("Waiting for Easel…")
        expect(page.get_by_text("Connection to the server")).to_have_count(0)
        notice.get_by_role("button", name="Do not send").click()
        expect(notice).to_be_hidden()
        expect(visitor.picture).to_have_attribute("src", made["src"])
        visitor.button("Generate").click()
        expect(notice).to_be_visible()
        visitor.button("Stop").click()
        expect(notice).to_be_hidden()
        for prompt in ("a third kite", "a fourth kite"):
            visitor.fill(prompt)
            visitor.button("Generate").click()
            expect(notice).to_contain_text("This was not sent")
        line.mend()
        notice.get_by_role("button", name="Try again").click()
        expect(visitor.picture).to_have_attribute("alt", "a fourth kite")
        visitor.wait("done")
        expect(notice).to_be_hidden()
        page.wait_for_timeout(1500)
        assert [p["prompt"] for p in visitor.get("pictures")["pictures"]] == ["a fourth kite", "a first kite"]
        assert page.evaluate("window.sameness") == 1
        assert all("net::ERR_" in words for words in visitor.broken)
        visitor.broken.clear()


def test_an_easel_that_was_ended_is_waited_for_and_draws_on(tmp_path: Path, chromium: Browser):
    app = App(free_port(), tmp_path / "data", tmp_path / "models")
    with ExitStack() as stack:
        with serving(app, tmp_path):
            visitor = stack.enter_context(visiting(chromium, app.address))
            visitor.page.evaluate("window.sameness = 1")
            job = visitor.generate("a long road", **LONG)
        expect(visitor.stage.locator("figcaption")).to_have_text("Waiting for Easel…")
        visitor.fill("a red kite", **QUICK)
        visitor.button("Generate").click()
        notice = visitor.page.locator("#create-reply .notice")
        expect(notice).to_contain_text("This was not sent")
        with serving(app, tmp_path):
            expect(notice).to_be_hidden()
            expect(visitor.page.locator(".waiter")).to_have_count(1)
            assert visitor.wait("running") == job
            visitor.button("Stop").click()
            expect(visitor.picture).to_have_attribute("alt", "a red kite")
            visitor.wait("done")
            assert visitor.page.evaluate("window.sameness") == 1
            strange = [words for words in visitor.broken if "net::ERR_" not in words and "/preview/" not in words]
            assert strange == []
            visitor.broken.clear()


def test_a_call_whose_answer_was_lost_is_not_drawn_twice(visitor: Visitor):
    lost: list[int] = []

    def lose(route: Route) -> None:
        answer = route.fetch()
        lost.append(answer.status)
        route.abort() if len(lost) == 1 else route.fulfill(response=answer)

    visitor.page.route("**/gradio_api/run/predict", lose)
    visitor.fill("a red kite", **QUICK)
    visitor.button("Generate").click()
    visitor.wait("done")
    visitor.page.wait_for_function("() => !document.querySelector('#create-reply .notice').textContent")
    visitor.page.wait_for_timeout(500)
    assert lost == [200, 200] and len(visitor.get("pictures")["pictures"]) == 1
    visitor.broken.clear()  # the browser's own word on the request that failed


def test_a_picture_is_drawn_larger_until_its_model_draws_no_larger(visitor: Visitor):
    small = visitor.draw("a red apple", steps=12, seed=5)
    assert (small["width"], small["height"]) == (128, 128)
    visitor.button("Larger").click()
    expect(visitor.stage).not_to_have_attribute("data-job", small["job"])
    visitor.wait("done")
    picture = visitor.live()["pictures"][-1]
    assert (picture["width"], picture["height"]) == (256, 256)
    recipe = visitor.recipe(picture)
    assert (recipe["prompt"], recipe["seed"], recipe["strength"]) == ("a red apple", 5, 0.35)
    assert picture_like(visitor.file(small["src"]), visitor.file(picture["src"])) < 12
    expect(visitor.button("Larger")).to_be_disabled()
    expect(visitor.button("Larger")).to_have_attribute("title", "This picture is already as large as its model draws.")
    visitor.stage.locator(".rail button").last.click()
    expect(visitor.picture).to_have_attribute("src", small["src"])
    expect(visitor.button("Larger")).to_be_enabled()


def picture_like(one: bytes, other: bytes) -> float:
    """Mean difference of two pictures, 0 to 255, seen from afar."""
    seen = (Image.open(io.BytesIO(file)).convert("RGB").resize((32, 32), Image.Resampling.BOX) for file in (one, other))
    a, b = (np.asarray(image, float) for image in seen)
    return float(np.abs(a - b).mean())
