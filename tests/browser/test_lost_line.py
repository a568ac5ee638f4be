"""What a failing request must not cost: the photo, its mask, what was painted, and what was chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser import photo_app as lab
from tests.browser.visitor import LONG, READY

PHOTO_IS = "(id) => (Easel.fieldValue('inpaint', 'canvas') || {photo: {}}).photo.id === id"
READY_CANVAS = "document.querySelector('.maskcanvas').dataset.state === 'ready'"
KEPT = "(key) => JSON.parse(localStorage.getItem('easel.desk.' + key))"
TABS = {"image": ("Image to image", "#image-photo"), "inpaint": ("Inpaint", "#inpaint-canvas")}
on_both_tabs = pytest.mark.parametrize("key", TABS)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two of the same size."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (192, 256, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def place(page: Page, key: str) -> Locator:
    return page.locator(f"{TABS[key][1]} [data-state]").first


def choose(page: Page, key: str, file: Path) -> None:
    page.set_input_files(f"{TABS[key][1]} [data-input=file]", file)


def come_with(page: Page, key: str, file: Path) -> None:
    lab.open_tab(page, TABS[key][0])
    choose(page, key, file)
    expect(place(page, key)).to_have_attribute("data-state", "ready")


def come_back(page: Page, key: str) -> None:
    page.reload()
    page.wait_for_function(READY)
    lab.open_tab(page, TABS[key][0])


def paint(page: Page, down: float = 0.5) -> None:
    page.mouse.move(*lab.canvas_spot(page, 0.3, down))
    page.mouse.down()
    page.mouse.move(*lab.canvas_spot(page, 0.6, down), steps=4)
    page.mouse.up()


def photo_of(page: Page, key: str) -> str:
    value = page.evaluate(f"Easel.fieldValue('{key}', '{'photo' if key == 'image' else 'canvas'}')")
    return (value if key == "image" else value["photo"])["id"]


@on_both_tabs
def test_a_photo_that_cannot_be_fetched_just_now_is_asked_for_again(
    address: str, chromium: Browser, photos: list[Path], key: str
):
    with lab.open_page(chromium, address) as page:
        come_with(page, key, photos[0])
        first = photo_of(page, key)
        page.route("**/photos/*", lambda route: route.fulfill(status=503, body="{}"))
        come_back(page, key)
        alert = page.locator(TABS[key][1]).get_by_role("alert")
        expect(alert).to_contain_text("could not be fetched")
        assert first in str(page.evaluate(KEPT, key))
        page.unroute("**/photos/*")
        alert.get_by_role("button", name="Try again").click()
        expect(place(page, key)).to_have_attribute("data-state", "ready")
        assert photo_of(page, key) == first
        expect(alert).to_have_count(0)


@on_both_tabs
def test_a_photo_that_is_gone_is_forgotten(address: str, chromium: Browser, photos: list[Path], key: str):
    with lab.open_page(chromium, address) as page:
        come_with(page, key, photos[0])
        first = photo_of(page, key)
        page.route("**/photos/*", lambda route: route.fulfill(status=404, body="{}"))
        come_back(page, key)
        expect(page.locator(TABS[key][1]).get_by_role("alert")).to_contain_text("Choose it again")
        expect(place(page, key)).to_have_attribute("data-state", "empty")
        assert first not in str(page.evaluate(KEPT, key))


def test_a_mask_outlives_reloads_that_come_before_it_has(address: str, chromium: Browser, photos: list[Path]):
    with lab.open_page(chromium, address) as page:
        come_with(page, "inpaint", photos[0])
        paint(page)
        before, value = lab.sent_mask(page), lab.canvas_value(page)
        held: list[Route] = []
        page.route(f"**/photos/{value['mask']}", lambda route: held.append(route))
        come_back(page, "inpaint")
        page.wait_for_function("() => document.querySelector('.maskcanvas')?.dataset.photo")
        assert page.evaluate(KEPT, "inpaint")["canvas"] == value
        page.unroute(f"**/photos/{value['mask']}")
        page.route(f"**/photos/{value['mask']}", lambda route: route.abort())
        come_back(page, "inpaint")
        expect(page.locator("#inpaint-canvas").get_by_role("alert")).to_contain_text("mask could not be fetched")
        assert page.evaluate(KEPT, "inpaint")["canvas"] == value == lab.canvas_value(page)
        page.unroute(f"**/photos/{value['mask']}")
        page.get_by_role("button", name="Try again").click()
        page.wait_for_function("() => +document.querySelector('.maskcanvas').dataset.painted")
        assert (lab.sent_mask(page) == before).all() and lab.canvas_value(page)["mask"] == value["mask"]


@on_both_tabs
def test_a_second_photo_that_fails_leaves_the_first(address: str, chromium: Browser, photos: list[Path], key: str):
    with lab.open_page(chromium, address) as page:
        come_with(page, key, photos[0])
        if key == "inpaint":
            paint(page)
            lab.sent_mask(page)
        seen = page.locator(f"{TABS[key][1]} canvas").first
        shown = seen.evaluate("(canvas) => canvas.toDataURL()")
        kept, first = page.evaluate(KEPT, key), photo_of(page, key)
        page.route("**/photos", lambda route: route.abort())
        choose(page, key, photos[1])
        expect(page.locator(TABS[key][1]).get_by_role("alert")).to_contain_text("The line to Easel is gone")
        expect(place(page, key)).to_have_attribute("data-state", "ready")
        assert photo_of(page, key) == first and page.evaluate(KEPT, key) == kept
        assert seen.evaluate("(canvas) => canvas.toDataURL()") == shown


def test_the_mask_does_not_move_to_another_photo_of_the_same_size(address: str, chromium: Browser, photos: list[Path]):
    with lab.open_page(chromium, address) as page:
        come_with(page, "inpaint", photos[0])
        first = lab.canvas_value(page)["photo"]
        paint(page)
        lab.sent_mask(page)
        choose(page, "inpaint", photos[1])
        page.wait_for_function(f"!({PHOTO_IS})('{first['id']}') && {READY_CANVAS}")
        assert lab.canvas_value(page)["mask"] == ""
        paint(page)
        lab.sent_mask(page)
        page.evaluate("(picture) => Easel.emit('onward', {tab: 'inpaint', picture})", first)
        page.wait_for_function(PHOTO_IS, arg=first["id"])
        assert lab.canvas_value(page)["painted"] == 0


def test_the_mask_stays_on_what_was_made_of_its_photo(address: str, chromium: Browser, photos: list[Path]):
    with lab.open_page(chromium, address) as page:
        come_with(page, "inpaint", photos[0])
        paint(page)
        before = lab.sent_mask(page)
        lab.quick(page, "inpaint", "a red ball")
        made = lab.draw(page, "inpaint")
        page.locator("#inpaint-resultview").get_by_role("button", name="Again from this one").click()
        page.wait_for_function(PHOTO_IS, arg=made["id"])
        assert (lab.sent_mask(page) == before).all()


def test_strokes_that_could_not_be_sent_are_sent_later(address: str, chromium: Browser, photos: list[Path]):
    with lab.open_page(chromium, address) as page:
        come_with(page, "inpaint", photos[0])
        page.route("**/masks", lambda route: route.abort())
        with page.expect_event("requestfailed"):
            paint(page)
        page.unroute("**/masks")
        assert lab.sent_mask(page).any()


def test_clicks_that_wait_for_the_mask_are_one_and_a_mask_that_fails_is_told(
    address: str, chromium: Browser, photos: list[Path]
):
    with lab.open_page(chromium, address) as page:
        come_with(page, "inpaint", photos[0])
        lab.quick(page, "inpaint", "a red ball")
        held: list[Route] = []
        page.route("**/masks", lambda route: held.append(route))
        paint(page)
        for _ in range(3):
            page.locator("#inpaint-go").click(delay=200)
            page.wait_for_timeout(300)
        expect(page.locator("#inpaint-canvas .sending")).to_contain_text("Sending the mask")
        held[0].abort()
        expect(page.locator("#inpaint-canvas").get_by_role("alert")).to_contain_text("The line to Easel is gone")
        page.unroute("**/masks")
        lab.draw(page, "inpaint")
        assert len(page.request.get(f"{address}pictures").json()["pictures"]) == 1


@on_both_tabs
def test_generate_waits_for_a_photo_that_is_on_its_way(address: str, chromium: Browser, photos: list[Path], key: str):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, TABS[key][0])
        held: list[Route] = []
        page.route("**/photos", lambda route: held.append(route))
        choose(page, key, photos[0])
        expect(place(page, key)).to_have_attribute("data-state", "loading")
        page.locator(f"#{key}-go").click()
        expect(page.locator(".toast")).to_contain_text("still on its way")
        held[0].continue_()
        expect(place(page, key)).to_have_attribute("data-state", "ready")
        expect(page.locator(f"#{key}-reply").get_by_role("alert")).to_have_count(0)


def test_strength_and_task_are_there_again_after_a_reload(address: str, chromium: Browser):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Image to image")
        task = page.locator("#image-task button").nth(1)
        task.click()
        name = task.get_attribute("data-v")
        page.get_by_role("radio", name="A lot").click()
        come_back(page, "image")
        expect(page.locator("#image-strength .exact")).to_have_value("0.75")
        page.wait_for_timeout(1500)  # Gradio has put its first values in by now
        expect(page.locator("#image-strength .exact")).to_have_value("0.75")
        assert page.evaluate("[Easel.fieldValue('image', 'strength'), Easel.fieldValue('image', 'task')]") == [
            0.75,
            name,
        ]
        expect(page.locator("#image-task [aria-pressed=true]")).to_have_attribute("data-v", name or "")


def test_quick_tries_that_were_stopped_can_be_asked_for_again(address: str, chromium: Browser, photos: list[Path]):
    with lab.open_page(chromium, address) as page:
        page.locator("#create-prompt textarea").fill("what keeps the queue waiting")
        page.evaluate("(fields) => Easel.fill('create', fields)", LONG)
        page.locator("#create-go").click()
        page.wait_for_function("() => Easel.live.now().state === 'running'")
        come_with(page, "image", photos[0])
        lab.quick(page, "image", "a red ball")
        ask = page.get_by_role("button", name="Show me three strengths")
        ask.click()
        expect(ask).to_be_hidden()
        page.wait_for_function("() => Easel.live.now().waiting.length === 3")
        page.evaluate("Easel.live.now().waiting.forEach((one) => Easel.post(`/jobs/${one.job}/stop`))")
        expect(ask).to_be_visible(timeout=20_000)
        page.evaluate("Easel.post(`/jobs/${Easel.live.now().job}/stop`)")


def test_a_seed_stays_on_the_desk_that_drew_with_it(address: str, chromium: Browser, photos: list[Path]):
    with lab.open_page(chromium, address) as page:
        come_with(page, "image", photos[0])
        lab.quick(page, "image", "a red ball")
        made = lab.draw(page, "image")
        seeds = "['create', 'image'].map((key) => Easel.fieldValue(key, 'seed').seed)"
        assert page.evaluate(seeds) == [None, made["seed"]]
