"""The photo tabs with a real browser, mouse, fingers and keys, on a phone's photo of 12 megapixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser import photo_app as lab
from tests.browser.visitor import PHONE

WIDTH, HEIGHT = 3024, 4032


@pytest.fixture(scope="module")
def phone_photo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    file = tmp_path_factory.mktemp("photo") / "IMG_0001.jpg"
    return file, lab.phone_photo(WIDTH, HEIGHT, file)


@pytest.fixture(scope="module")
def small_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photo") / "small.png"
    noise = np.random.default_rng(3).integers(0, 256, (384, 512, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    return file


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*lab.canvas_spot(page, *start))
    page.mouse.down()
    page.mouse.move(*lab.canvas_spot(page, *end), steps=6)
    page.mouse.up()


def touch(session: Any, kind: str, *points: tuple[float, float]) -> None:
    marks = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": marks})


def test_mouse_mask_lies_where_it_was_painted_and_all_else_is_untouched(
    address: str, chromium: Browser, phone_photo: Any
):
    file, upright = phone_photo
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, file)
        value = lab.canvas_value(page)
        assert (value["photo"]["width"], value["photo"]["height"]) == (WIDTH, HEIGHT)  # upright, at its own size
        stroke(page, (0.3, 0.3), (0.7, 0.3))
        radius, mask = lab.brush_radius(page), lab.sent_mask(page)
        wide, high = mask.shape[1], mask.shape[0]
        assert (wide, high) == (1536, 2048) and set(np.unique(mask)) == {0, 255}
        wanted = [0.3 * wide - radius, 0.3 * high - radius, 0.7 * wide + radius, 0.3 * high + radius]
        assert np.allclose(lab.box_of(mask), wanted, atol=3)

        lab.quick(page, "inpaint", "a glowing lantern")
        made = lab.draw(page, "inpaint")
        expect(page.locator("#inpaint-views .untouched")).to_contain_text("untouched, byte for byte")
        result = np.asarray(lab.fetch_picture(page, f"img/{made['id']}").convert("RGB"))
        kept = np.asarray(lab.fetch_picture(page, f"photos/{value['photo']['id']}").convert("RGB"))
        assert result.shape == kept.shape == upright.shape
        scale, feather = WIDTH / wide, 8 + 4
        left, top, right, bottom = lab.box_of(mask)
        inside = np.zeros((HEIGHT, WIDTH), bool)
        spread = slice(int(top * scale) - feather, int((bottom + 1) * scale) + feather + 1)
        inside[spread, int(left * scale) - feather : int((right + 1) * scale) + feather + 1] = True
        assert (result[~inside] == kept[~inside]).all()
        assert (result[inside] != kept[inside]).mean() > 0.2


def test_fingers_paint_pinch_and_move_on_a_phone(address: str, chromium: Browser, phone_photo: Any):
    with lab.open_page(chromium, address, **PHONE) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, phone_photo[0])
        session = page.context.new_cdp_session(page)
        touch(session, "touchStart", lab.canvas_spot(page, 0.3, 0.4))
        for part in range(1, 9):
            touch(session, "touchMove", lab.canvas_spot(page, 0.3 + 0.05 * part, 0.4))
        touch(session, "touchEnd")
        mask = lab.sent_mask(page)
        radius = (lab.box_of(mask)[3] - lab.box_of(mask)[1] + 1) / 2
        wide, high = mask.shape[1], mask.shape[0]
        wanted = [0.3 * wide - radius, 0.4 * high - radius, 0.7 * wide + radius, 0.4 * high + radius]
        assert np.allclose(lab.box_of(mask), wanted, atol=5)

        painted = page.get_attribute(".maskcanvas", "data-painted")
        x, y = lab.canvas_spot(page, 0.5, 0.6)
        touch(session, "touchStart", (x - 30, y))
        touch(session, "touchStart", (x - 30, y), (x + 30, y))
        for part in range(1, 7):
            touch(session, "touchMove", (x - 30 - 10 * part, y), (x + 30 + 10 * part, y))
        touch(session, "touchEnd")
        assert float(page.get_attribute(".maskcanvas", "data-zoom") or 0) > 2.5
        assert page.get_attribute(".maskcanvas", "data-painted") == painted  # the first finger of a pinch leaves no dot
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        small = page.evaluate(
            "[...document.querySelectorAll('.maskcanvas button, .maskcanvas input[type=range]')]"
            ".filter((e) => e.offsetParent).map((e) => [e.ariaLabel || e.textContent, e.getBoundingClientRect()])"
            ".filter(([, r]) => r.width < 44 || r.height < 44).map(([name]) => name)"
        )
        assert small == []


def test_keys_paint_undo_and_change_tools(address: str, chromium: Browser, small_photo: Path):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, small_photo)

        def painted() -> int:
            return int(page.get_attribute(".maskcanvas", "data-painted") or 0)

        page.get_by_role("application").focus()
        for key in ("Enter", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"):
            page.keyboard.press(key)
        line = painted()
        assert line > 0
        page.keyboard.press("i")
        assert painted() == 512 * 384 - line
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        assert painted() == 0
        page.keyboard.press("Control+y")
        assert painted() == line
        page.keyboard.press("e")
        expect(page.get_by_role("button", name="Eraser")).to_have_attribute("aria-pressed", "true")
        for key in ("Enter", "Shift+ArrowLeft", "Enter"):
            page.keyboard.press(key)
        assert 0 < painted() < line
        size = page.get_by_role("slider", name="Brush size")
        before = int(size.input_value())
        page.keyboard.press("]")
        assert int(size.input_value()) == before + 4
        page.get_by_role("button", name="Clear the mask").click()
        assert painted() == 0


def test_a_mask_from_a_file_fits_the_photo(address: str, chromium: Browser, small_photo: Path, tmp_path: Path):
    mask = np.zeros((192, 256), np.uint8)
    mask[20:60, 100:200] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, small_photo)
        page.set_input_files("#inpaint-canvas [data-input=mask]", tmp_path / "mask.png")
        assert lab.box_of(lab.sent_mask(page)) == [200, 40, 399, 119]


def test_photo_and_mask_are_there_again_after_a_reload(address: str, chromium: Browser, small_photo: Path):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, small_photo)
        stroke(page, (0.2, 0.5), (0.6, 0.5))
        before = lab.sent_mask(page)
        painted = page.get_attribute(".maskcanvas", "data-painted")
        page.reload()
        lab.open_tab(page, "Inpaint")
        page.wait_for_function("(n) => document.querySelector('.maskcanvas')?.dataset.painted === n", arg=painted)
        assert (lab.sent_mask(page) == before).all()


@pytest.mark.parametrize("kind", ["HEIF", "TIFF", "GIF", "AVIF", "WEBP"])
def test_row_29_every_kind_of_photo_comes_upright(address: str, chromium: Browser, tmp_path: Path, kind: str):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    photo = Image.new("RGB", (120, 200), (20, 80, 160))
    photo.paste((250, 240, 30), (0, 0, 120, 40))
    photo.save(tmp_path / f"photo.{kind.lower()}", kind)
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, tmp_path / f"photo.{kind.lower()}")
        assert lab.canvas_value(page)["photo"]["height"] == 200
        shown = page.evaluate("[...document.querySelector('.ground').getContext('2d').getImageData(60, 10, 1, 1).data]")
        assert shown[0] > 200 and shown[2] < 90  # the yellow edge is on top, whoever decoded it


def test_what_is_no_photo_is_refused_in_one_sentence(address: str, chromium: Browser, tmp_path: Path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    (tmp_path / "notes.txt").write_text("not a photo")
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        for name in ("broken.jpg", "notes.txt"):
            page.set_input_files("#inpaint-canvas [data-input=file]", tmp_path / name)
            alert = page.locator("#inpaint-canvas").get_by_role("alert")
            expect(alert).to_contain_text(".")
            assert len(alert.inner_text()) < 160
            expect(page.locator(".maskcanvas")).to_have_attribute("data-state", "empty")
            alert.get_by_role("button", name="Dismiss").click()
            expect(alert).to_have_count(0)
        page.locator("#inpaint-go").click()
        expect(page.locator("#inpaint-reply").get_by_role("alert")).to_contain_text("no photo yet")


def test_what_was_missing_is_asked_for_only_while_it_is_missing(address: str, chromium: Browser, small_photo: Path):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        alert = page.locator("#inpaint-reply").get_by_role("alert")
        page.locator("#inpaint-go").click()
        expect(alert).to_contain_text("no photo yet")
        with page.expect_file_chooser() as chooser:
            alert.get_by_role("button", name="Choose a photo").click()
        expect(alert).to_have_count(0)
        page.locator("#inpaint-go").click()
        expect(alert).to_contain_text("no photo yet")
        chooser.value.set_files(small_photo)
        expect(page.locator(".maskcanvas")).to_have_attribute("data-state", "ready")
        expect(alert).to_have_count(0)
        page.locator("#inpaint-go").click()
        expect(alert).to_contain_text("Nothing is painted yet")
        stroke(page, (0.3, 0.3), (0.7, 0.3))
        expect(alert).to_have_count(0)


@pytest.mark.parametrize("width", [1024, 1280, 1366, 1440])
def test_the_tools_of_a_laptop_stand_in_one_line(address: str, chromium: Browser, small_photo: Path, width: int):
    """From 1280 on; on less, what wraps stands together on the right, where its menu has room."""
    with lab.open_page(chromium, address, viewport={"width": width, "height": 800}) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, small_photo)
        modes, more = page.locator(".masktools .modes"), page.get_by_role("button", name="More", exact=True)
        left, right = modes.bounding_box(), more.bounding_box()
        assert left is not None and right is not None
        if width >= 1280:
            assert abs(left["y"] + left["height"] / 2 - right["y"] - right["height"] / 2) < 4
        more.click()
        menu, pane = page.locator(".moremenu").bounding_box(), page.locator(".pane").bounding_box()
        assert menu is not None and pane is not None
        assert menu["x"] > pane["x"] + pane["width"] / 2


def test_an_extended_photo_grows_by_what_was_asked(address: str, chromium: Browser, small_photo: Path):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, small_photo)
        page.get_by_role("button", name="Extend the photo").click()
        page.get_by_role("button", name="Extend to the right").click()
        handle = page.get_by_role("slider", name="Extend top")
        handle.focus()
        page.keyboard.press("ArrowUp")
        left, top, right, bottom = lab.canvas_value(page)["extend"]
        assert (left, top, right, bottom) == (0, 16, 128, 0)
        box = page.get_by_role("slider", name="Extend bottom").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 24, box["y"] + 24)
        page.mouse.down()
        page.mouse.move(box["x"] + 24, box["y"] + 64, steps=4)
        page.mouse.up()
        bottom = lab.canvas_value(page)["extend"][3]
        assert bottom >= 8 and bottom % 8 == 0
        lab.quick(page, "inpaint", "a field")
        made = lab.draw(page, "inpaint")
        assert (made["width"], made["height"]) == (512 + 128, 384 + 16 + bottom)


def test_image_to_image_sends_a_light_photo_and_shows_before_and_after(
    address: str, chromium: Browser, phone_photo: Any
):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Image to image")
        page.set_input_files("#image-photo [data-input=file]", phone_photo[0])
        page.wait_for_selector(".photo[data-state=ready]", timeout=lab.PATIENCE)
        sent = page.evaluate("Easel.fieldValue('image', 'photo')")
        assert (sent["width"], sent["height"]) == (1536, 2048)
        lab.quick(page, "image", "a green tree")
        page.get_by_role("radio", name="A lot").click()
        made = lab.draw(page, "image")
        detail = page.request.get(f"{address}pictures/{made['id']}").json()
        assert detail["recipe"]["init_image"] == sent["id"] and detail["recipe"]["strength"] == pytest.approx(0.75)
        assert made["height"] > made["width"]
        page.get_by_role("button", name="Before and after").click()
        slider = page.get_by_role("slider", name="Before and after")
        slider.focus()
        page.keyboard.press("Home")
        assert slider.get_attribute("aria-valuetext") == "0 percent before"
        page.wait_for_function("document.querySelector('.compare img').naturalWidth > 0")


def test_a_finished_picture_becomes_the_start_of_a_tab_never_opened(address: str, chromium: Browser):
    with lab.open_page(chromium, address) as page:
        lab.quick(page, "create", "a red apple")
        made = lab.draw(page, "create")
        page.locator("#create-stage").get_by_role("button", name="Inpaint").click()
        page.wait_for_selector(".maskcanvas[data-state=ready]")
        assert lab.canvas_value(page)["photo"]["id"] == made["id"]
        page.wait_for_function("document.querySelector('#inpaint-prompt textarea').value === 'a red apple'")


def test_a_task_sets_the_fields_and_asks_its_question(address: str, chromium: Browser, small_photo: Path):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, small_photo)
        page.get_by_role("button", name="Replace the background").click()
        assert page.evaluate("Easel.fieldValue('inpaint', 'invert')") is True
        page.get_by_role("button", name="Extend to a wallpaper").click()
        assert page.evaluate("Easel.fieldValue('inpaint', 'invert')") is False
        left, top, right, bottom = lab.canvas_value(page)["extend"]
        assert (512 + left + right) / (384 + top + bottom) == pytest.approx(16 / 9, abs=0.01)
        expect(page.locator("#inpaint-prompt textarea")).to_have_attribute(
            "placeholder", "What is beyond the sides? Leave it empty for more of the same."
        )
