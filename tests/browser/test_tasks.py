"""Ready-made tasks: one leaves nothing behind for the next, for no task, and for another photo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser import photo_app as lab
from webui.ui import img2img, inpaint

NAMES = [name for name in inpaint.USUAL if name != "extend"]
HINT = "getComputedStyle(document.querySelector('#inpaint-canvas .pane'), '::after').content"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    files = [folder / "one.png", folder / "two.png"]
    for file, size in zip(files, ((400, 300), (320, 320)), strict=True):
        Image.new("RGB", size, (70, 130, 90)).save(file)
    return files


@pytest.fixture
def page(address: str, chromium: Browser) -> Iterator[Page]:
    with lab.open_page(chromium, address) as page:
        yield page


def fields(page: Page) -> dict[str, Any]:
    return page.evaluate("(all) => Object.fromEntries(all.map((n) => [n, Easel.fieldValue('inpaint', n)]))", NAMES)


def tap(page: Page, task: str) -> None:
    page.locator("#inpaint-task").get_by_role("button", name=task).click()


def extension(page: Page) -> list[int]:
    return lab.canvas_value(page)["extend"]


def unchosen(page: Page) -> None:
    expect(page.locator("#inpaint-task [aria-pressed=true]")).to_have_count(0)
    assert fields(page) == {name: inpaint.USUAL[name] for name in NAMES}


def test_a_task_does_not_extend_for_the_one_before(page: Page, small: list[Path]):
    lab.open_tab(page, "Inpaint")
    lab.put_photo(page, small[0])
    tap(page, "Extend to a wallpaper")
    assert any(extension(page))
    tap(page, "Remove this")
    assert extension(page) == [0, 0, 0, 0]
    expect(page.locator("#inpaint-canvas .frame")).to_be_hidden()
    tap(page, "Extend to a wallpaper")
    tap(page, "Extend to a wallpaper")
    unchosen(page)
    assert extension(page) == [0, 0, 0, 0]


def test_a_task_chosen_first_waits_for_its_photo_and_ends_with_it(page: Page, small: list[Path]):
    lab.open_tab(page, "Inpaint")
    tap(page, "Extend to a wallpaper")
    lab.put_photo(page, small[0])
    left, _, right, _ = extension(page)
    assert (400 + left + right) / 300 == pytest.approx(16 / 9, abs=0.05)
    page.set_input_files("#inpaint-canvas [data-input=file]", small[1])
    page.wait_for_function("(Easel.fieldValue('inpaint', 'canvas') || {photo: {}}).photo.width === 320")
    unchosen(page)
    assert extension(page) == [0, 0, 0, 0]


def test_the_hint_says_what_the_paint_means(page: Page, small: list[Path]):
    lab.open_tab(page, "Inpaint")
    lab.put_photo(page, small[0])
    assert page.evaluate(HINT) == '"Paint over what should change"'
    tap(page, "Replace the background")
    expect(page.locator("#inpaint-canvas .pane")).to_have_attribute("aria-label", "Paint here what should stay")
    assert page.evaluate(HINT) == '"Paint over what should stay"'
    page.locator("#inpaint-prompt textarea").fill("a beach")
    page.locator("#inpaint-go").click()
    expect(page.get_by_role("alert").and_(page.locator(":visible"))).to_contain_text("Paint over what should stay")
    known = page.request.post(lab.home(page) + "photos", multipart={"photo": small[1]}).json()
    page.evaluate("(picture) => Easel.emit('onward', {tab: 'inpaint', picture: {...picture, prompt: ''}})", known)
    page.wait_for_function("(Easel.fieldValue('inpaint', 'canvas') || {photo: {}}).photo.width === 320")
    unchosen(page)
    assert page.evaluate(HINT) == '"Paint over what should change"'
    tap(page, "Replace the background")
    page.reload()
    lab.open_tab(page, "Inpaint")
    page.wait_for_selector("#inpaint-canvas .maskcanvas[data-state=ready]")
    expect(page.locator("#inpaint-task [aria-pressed=true]")).to_have_text("Replace the background")
    expect(page.locator("#inpaint-canvas .pane")).to_have_attribute("data-hint", "Paint over what should stay")


def test_another_photo_ends_a_task_of_image_to_image(page: Page, small: list[Path]):
    lab.open_tab(page, "Image to image")
    strength = "Easel.fieldValue('image', 'strength')"
    page.set_input_files(f"#{img2img.KEY}-photo [data-input=file]", small[0])
    page.wait_for_function("Easel.fieldValue('image', 'photo')")
    page.get_by_role("button", name="Restyle my photo").click()
    assert page.evaluate(strength) == 0.55
    page.set_input_files(f"#{img2img.KEY}-photo [data-input=file]", small[1])
    page.wait_for_function("(Easel.fieldValue('image', 'photo') || {}).width === 320")
    expect(page.locator("#image-task [aria-pressed=true]")).to_have_count(0)
    assert page.evaluate(strength) == 0.5
    page.get_by_role("button", name="Restyle my photo").click()
    page.get_by_role("button", name="Remove the photo").click()
    expect(page.locator("#image-task [aria-pressed=true]")).to_have_count(0)
