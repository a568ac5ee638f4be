"""From the click to the picture: preview, stop, reload, queue, batch, a lost line."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.conftest import App
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


def test_clicks_queue_and_a_waiting_job_can_be_cancelled(visitor: Visitor):
    visitor.generate("first", **LONG)
    for prompt in ("second", "third"):
        visitor.fill(prompt, **QUICK)
        visitor.button("Generate").click()
        expect(visitor.page.locator(".waiter:visible", has_text=prompt)).to_be_visible()
    expect(visitor.page.locator(".waiter:visible")).to_have_count(2)
    visitor.button("Cancel: second").click()
    expect(visitor.page.locator(".waiter:visible")).to_have_count(1)
    visitor.button("Stop").click()
    expect(visitor.picture).to_have_attribute("alt", "third")
    visitor.wait("done")
    assert [p["prompt"] for p in visitor.get("pictures")["pictures"]] == ["third"]


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
    visitor.button("Larger").click()
    notice = visitor.page.locator("#create-reply .notice")
    expect(notice).to_contain_text("This picture is already as large as its model draws.")
    expect(visitor.stage).to_have_attribute("data-state", "done")


def picture_like(one: bytes, other: bytes) -> float:
    """Mean difference of two pictures, 0 to 255, seen from afar."""
    seen = (Image.open(io.BytesIO(file)).convert("RGB").resize((32, 32), Image.Resampling.BOX) for file in (one, other))
    a, b = (np.asarray(image, float) for image in seen)
    return float(np.abs(a - b).mean())
