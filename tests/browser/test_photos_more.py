"""The photo tabs' helpers in a real browser: subject, cut-out, sketch, and settings that find their tab and photo."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser import photo_app as lab
from tests.browser.visitor import PHONE, READY
from tests.photos import scene
from webui.core.imaging import read_picture_text

WIDTH, HEIGHT = 600, 440


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A photo of a red ball, and where the ball is."""
    pixels = scene(WIDTH, HEIGHT)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = np.hypot(x - 300, y - 230) < 120
    pixels[inside] = (200, 40, 40)
    file = tmp_path_factory.mktemp("photo") / "ball.png"
    Image.fromarray(pixels).save(file)
    return file, inside


def spot(page: Page, across: float, down: float) -> tuple[float, float]:
    """The page's coordinates of a place on the sketch, both 0 to 1."""
    box = page.locator("#image-photo .ground").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"] * down


def line(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*spot(page, *start))
    page.mouse.down()
    page.mouse.move(*spot(page, *end), steps=6)
    page.mouse.up()


def sent_photo(page: Page, but: str = "") -> np.ndarray:
    """The picture that "Image to image" starts from, as the server has it, once it is another than `but`."""
    page.wait_for_function("(but) => (Easel.fieldValue('image', 'photo') || {id: but}).id !== but", arg=but)
    known = page.evaluate("Easel.fieldValue('image', 'photo').id")
    return np.asarray(lab.fetch_picture(page, f"photos/{known}").convert("RGB"))


def test_the_subject_becomes_the_mask_by_one_tap(
    address: str, chromium: Browser, ball: tuple[Path, np.ndarray], tmp_path: Path
):
    file, inside = ball
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, file)
        page.get_by_role("button", name="Select the subject").click()
        found = lab.sent_mask(page) > 127
        assert found.shape == inside.shape
        assert (found & inside).sum() > 0.95 * inside.sum()
        page.get_by_role("button", name="Undo").click()
        assert page.get_attribute(".maskcanvas", "data-painted") == "0"
        page.get_by_role("button", name="Redo").click()
        assert int(page.get_attribute(".maskcanvas", "data-painted") or 0) == found.sum()
        Image.new("RGB", (200, 150), (120, 160, 200)).save(tmp_path / "sky.png")
        page.set_input_files("#inpaint-canvas [data-input=file]", tmp_path / "sky.png")
        page.wait_for_function("(Easel.fieldValue('inpaint', 'canvas') || {photo: {}}).photo.width === 200")
        page.get_by_role("button", name="Select the subject").click()
        expect(page.locator("#inpaint-canvas [role=alert]")).to_contain_text("Nothing stands out", timeout=30_000)
        assert page.get_attribute(".maskcanvas", "data-painted") == "0"


def test_a_subject_is_cut_out_of_a_photo(address: str, chromium: Browser, ball: tuple[Path, np.ndarray]):
    file, inside = ball
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Image to image")
        page.set_input_files("#image-photo [data-input=file]", file)
        sent_photo(page)
        said = page.locator(".toast", has_text="Cutting out the subject…")
        held: list[Route] = []
        page.route("**/cutout", lambda route: held.append(route))
        with page.expect_download(timeout=30_000) as coming:
            page.locator("#image-photo").get_by_role("button", name="Cut out").click()
            page.wait_for_timeout(4000)
            expect(said).to_be_visible()
            held[0].continue_()
        assert coming.value.suggested_filename == "ball-cutout.png"
        expect(said).to_have_count(0)
        cut = np.asarray(Image.open(coming.value.path()))
        assert cut.shape == (HEIGHT, WIDTH, 4)
        assert cut[..., 3][inside].mean() > 240 and cut[:40, :200, 3].max() < 30


@pytest.mark.parametrize("phone", [False, True])
def test_a_sketch_on_an_empty_sheet_is_what_is_drawn_from(address: str, chromium: Browser, phone: bool):
    with lab.open_page(chromium, address, **(PHONE if phone else {})) as page:
        lab.open_tab(page, "Image to image")
        page.get_by_role("button", name="Color my sketch").click()
        page.get_by_role("radio", name="Blue", exact=True).click()
        if phone:
            fingers = page.context.new_cdp_session(page)
            for kind, at in (("touchStart", 0.2), ("touchMove", 0.5), ("touchMove", 0.8), ("touchEnd", None)):
                marks = [] if at is None else [dict(zip("xy", spot(page, at, 0.25), strict=True))]
                fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": marks})
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        else:
            line(page, (0.2, 0.25), (0.8, 0.25))
        page.get_by_role("button", name="Done").click()
        lab.quick(page, "image", "a blue line over the sea")
        made = lab.draw(page, "image")  # the click waits for the sketch
        sketch = sent_photo(page)
        assert sketch.shape == (1024, 1024, 3)
        assert tuple(sketch[256, 512]) == (0x24, 0x63, 0xC9) and tuple(sketch[900, 512]) == (255, 255, 255)
        recipe = page.request.get(f"{address}pictures/{made['id']}").json()["recipe"]
        assert recipe["init_image"] == page.evaluate("Easel.fieldValue('image', 'photo').id")


def test_paint_lies_on_the_photo_and_can_be_erased_and_undone(
    address: str, chromium: Browser, ball: tuple[Path, np.ndarray]
):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Image to image")
        page.set_input_files("#image-photo [data-input=file]", ball[0])
        photo = sent_photo(page)
        first = page.evaluate("Easel.fieldValue('image', 'photo').id")
        page.get_by_role("button", name="Draw on it").click()
        page.get_by_role("radio", name="Yellow", exact=True).click()
        line(page, (0.1, 0.5), (0.9, 0.5))
        painted = sent_photo(page, but=first)
        assert painted.shape == photo.shape and tuple(painted[220, 300]) == (0xF7, 0xD5, 0x3B)
        assert (painted[:100] == photo[:100]).all()
        second = page.evaluate("Easel.fieldValue('image', 'photo').id")
        page.get_by_role("button", name="Eraser").click()
        line(page, (0.4, 0.5), (0.9, 0.5))
        erased = sent_photo(page, but=second)
        assert (erased[220, 300] == photo[220, 300]).all() and tuple(erased[220, 100]) == (0xF7, 0xD5, 0x3B)
        page.get_by_role("button", name="Undo").click()
        page.get_by_role("button", name="Undo").click()
        page.wait_for_function("(id) => Easel.fieldValue('image', 'photo').id === id", arg=first)
        page.get_by_role("button", name="Redo").click()
        page.get_by_role("button", name="Done").click()
        assert (sent_photo(page, but=first) == painted).all()


def restore_from(page: Page, file: Path) -> None:
    """Lets the page read the settings in a picture."""
    page.set_input_files("#create-restore ~ input[type=file], :has(> #create-restore) > input", file)


def test_a_soft_mask_and_an_extension_come_back_from_a_picture_also_to_somebody_else(
    address: str, chromium: Browser, ball: tuple[Path, np.ndarray], tmp_path: Path
):
    how = {"soft": True, "invert": True, "feather": 12}
    asked = "Object.fromEntries(['soft', 'invert', 'feather'].map((name) => [name, Easel.fieldValue('inpaint', name)]))"
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, ball[0])
        page.get_by_role("button", name="Extend the photo").click()
        for side in ("top", "left"):
            page.get_by_role("slider", name=f"Extend {side}").press("Shift+ArrowUp")
        page.evaluate("(how) => Easel.fill('inpaint', how)", how)
        extend = lab.canvas_value(page)["extend"]
        assert extend == [64, 64, 0, 0]
        lab.quick(page, "inpaint", "a wide field")
        lab.draw(page, "inpaint")
        with page.expect_download() as coming:
            page.locator("#inpaint-resultview").get_by_role("button", name="Download", exact=True).click()
        coming.value.save_as(tmp_path / "wide.png")

        page.evaluate("localStorage.clear()")
        page.reload()
        page.wait_for_function(READY)
        restore_from(page, tmp_path / "wide.png")
        page.wait_for_function("Easel.fieldValue('inpaint', 'canvas')")
        page.wait_for_selector(".maskcanvas[data-state=ready]")
        assert lab.canvas_value(page)["extend"] == extend and page.evaluate(asked) == how
    with lab.open_page(chromium, address) as page:  # a stranger, who has the picture and not the photo
        page.wait_for_function(READY)
        restore_from(page, tmp_path / "wide.png")
        expect(page.get_by_role("tab", name="Inpaint", exact=True)).to_have_attribute("aria-selected", "true")
        page.wait_for_function("(Easel.fieldValue('inpaint', 'prompt') || '') === 'a wide field'")
        lab.put_photo(page, ball[0])
        assert lab.canvas_value(page)["extend"] == extend and page.evaluate(asked) == how


def test_settings_of_a_picture_from_a_photo_fill_the_tab_they_belong_to(
    address: str, chromium: Browser, ball: tuple[Path, np.ndarray], tmp_path: Path
):
    with lab.open_page(chromium, address) as page:
        lab.open_tab(page, "Inpaint")
        lab.put_photo(page, ball[0])
        page.get_by_role("button", name="Select the subject").click()
        mask = lab.sent_mask(page)
        lab.quick(page, "inpaint", "a green apple")
        page.evaluate("Easel.fill('inpaint', {feather: 20, content: 'fill', strength: 0.6})")
        made = lab.draw(page, "inpaint")
        started = lab.canvas_value(page)
        with page.expect_download() as coming:
            page.locator("#inpaint-resultview").get_by_role("button", name="Download", exact=True).click()
        coming.value.save_as(tmp_path / "made.png")

        lab.open_tab(page, "Image to image")
        page.set_input_files("#image-photo [data-input=file]", ball[0])
        sent_photo(page)
        lab.quick(page, "image", "a painted ball")
        page.evaluate("Easel.fill('image', {strength: 0.65})")
        photo = page.evaluate("Easel.fieldValue('image', 'photo')")
        lab.draw(page, "image")

        page.evaluate("localStorage.clear()")
        page.reload()  # nothing is in the fields, and the photo tabs are not built yet
        page.wait_for_selector("#create-stage .stage", state="attached")
        page.wait_for_timeout(1500)
        restore_from(page, tmp_path / "made.png")
        page.wait_for_function("(Easel.fieldValue('inpaint', 'canvas') || {}).mask", timeout=20_000)
        expect(page.get_by_role("tab", name="Inpaint", exact=True)).to_have_attribute("aria-selected", "true")
        fields = page.evaluate(
            "Object.fromEntries(['prompt', 'feather', 'content', 'strength', 'steps', 'seed']"
            ".map((name) => [name, Easel.fieldValue('inpaint', name)]))"
        )
        assert fields.pop("seed") == {"seed": made["seed"], "locked": True}
        wanted = {"prompt": "a green apple", "feather": 20, "content": "fill", "strength": 0.6, "steps": 2}
        assert fields == wanted
        assert lab.canvas_value(page)["photo"] == started["photo"] and lab.canvas_value(page)["mask"] == started["mask"]
        assert (np.asarray(page.get_attribute(".maskcanvas", "data-painted"), int)) == (mask > 127).sum()

        lab.open_tab(page, "Gallery")
        tile = page.locator(".tile", has=page.get_by_role("button", name="a painted ball"))
        tile.hover()
        tile.get_by_role("button", name="Use these settings").click()
        page.wait_for_function("(Easel.fieldValue('image', 'photo') || {}).id", timeout=20_000)
        expect(page.get_by_role("tab", name="Image to image", exact=True)).to_have_attribute("aria-selected", "true")
        assert page.evaluate("Easel.fieldValue('image', 'photo')") == photo
        assert page.evaluate("Easel.fieldValue('image', 'strength')") == 0.65

        lab.open_tab(page, "Gallery")
        tile.hover()
        tile.get_by_role("button", name="Info").click()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Download without the prompt").click()
        data = coming.value.path().read_bytes()
        assert coming.value.suggested_filename.startswith("picture.") and read_picture_text(data) == ""
        assert Image.open(io.BytesIO(data)).size[0] > 0
