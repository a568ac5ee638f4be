"""Every way in which a phone's photo of 12 megapixels comes to a photo tab: dropped, pasted, from the camera."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser import photo_app as lab
from tests.browser.visitor import PHONE

WIDTH, HEIGHT = 3024, 4032
SENT, SHOWN = (1536, 2048), (1200, 1600)
DROPPING = re.compile(r"\bdropping\b")
CORNERS = (
    "(canvas) => [0.97, 0.03].map((across) =>"
    " [...canvas.getContext('2d').getImageData(canvas.width * across, canvas.height * 0.02, 1, 1).data.slice(0, 3)])"
)
# The file as another program hands it over: bytes, name and type, nothing else.
BAG = (
    "([bytes, name, type]) => { const bag = new DataTransfer();"
    " bag.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, {type})); return bag; }"
)
PASTE = (
    "(box, clipboardData) => box.dispatchEvent("
    "new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}))"
)
COPY = (
    "async ([bytes, words]) => { const jpeg = new Blob([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))]);"
    " const image = await createImageBitmap(jpeg), canvas = new OffscreenCanvas(image.width, image.height);"
    " canvas.getContext('2d').drawImage(image, 0, 0);"
    " const kinds = {'image/png': await canvas.convertToBlob({type: 'image/png'})};"
    " if (words) for (const type of ['text/plain', 'text/html']) kinds[type] = new Blob([words], {type});"
    " await navigator.clipboard.write([new ClipboardItem(kinds)]); }"
)


@dataclass(frozen=True)
class Tab:
    """A photo tab: where its photo is shown, how large, and in which size the server gets it."""

    key: str
    name: str
    field: str
    canvas: str
    shown: tuple[int, int]
    sent: tuple[int, int]
    value: str

    def place(self, page: Page) -> Locator:
        return page.locator(self.field)

    def open(self, page: Page) -> None:
        lab.open_tab(page, self.name)
        expect(self.place(page)).to_have_attribute("data-state", "empty")


TABS = (
    Tab("image", "Image to image", "#image-photo .photo", "#image-photo .shown canvas", SHOWN, SENT,
        "Easel.fieldValue('image', 'photo')"),
    Tab("inpaint", "Inpaint", "#inpaint-canvas .maskcanvas", "#inpaint-canvas .ground", SENT, (WIDTH, HEIGHT),
        "(Easel.fieldValue('inpaint', 'canvas') || {}).photo"),
)  # fmt: skip
on_both_tabs = pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.key)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lying on its side, with the EXIF orientation that says so."""
    file = tmp_path_factory.mktemp("photo") / "IMG_0001.jpg"
    lab.phone_photo(WIDTH, HEIGHT, file)
    return file


def encoded(photo: Path) -> str:
    return base64.b64encode(photo.read_bytes()).decode()


def is_upright(corners: list[list[int]]) -> bool:
    """Whether the red corner is at the top right, and nowhere at the top left."""
    right, left = corners
    return right[0] > 220 and max(right[1:]) < 60 and left[0] < 120


def assert_arrived(page: Page, tab: Tab) -> None:
    """The photo stands upright on the page and on the server, in the sizes that are meant to be there."""
    expect(tab.place(page)).to_have_attribute("data-state", "ready")
    canvas = page.locator(tab.canvas)
    assert canvas.evaluate("(canvas) => [canvas.width, canvas.height]") == list(tab.shown)
    assert is_upright(canvas.evaluate(CORNERS))
    known = page.evaluate(tab.value)
    assert (known["width"], known["height"]) == tab.sent
    kept = lab.fetch_picture(page, f"photos/{known['id']}").convert("RGB")
    assert kept.size == tab.sent
    right, left = (kept.getpixel((int(kept.width * across), int(kept.height * 0.02))) for across in (0.97, 0.03))
    assert is_upright([list(right), list(left)])  # type: ignore[arg-type]


def assert_drawn_from(page: Page, tab: Tab) -> None:
    """A picture is made of it, upright as well."""
    if tab.key == "inpaint":
        x, y = lab.canvas_spot(page, 0.5, 0.5)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 30, y, steps=3)
        page.mouse.up()
    lab.quick(page, tab.key, "a green tree")
    made = lab.draw(page, tab.key)
    recipe = page.request.get(f"{lab.home(page)}pictures/{made['id']}").json()["recipe"]
    assert recipe["init_image"] == page.evaluate(tab.value)["id"]
    assert made["height"] > made["width"]
    if tab.key == "inpaint":
        corner = np.asarray(lab.fetch_picture(page, f"img/{made['id']}").convert("RGB"))[
            HEIGHT // 50, WIDTH * 97 // 100
        ]
        assert corner[0] > 220 and corner[1:].max() < 60


@on_both_tabs
def test_a_dropped_file_is_the_photo(address: str, chromium: Browser, photo: Path, tab: Tab):
    with lab.open_page(chromium, address) as page:
        tab.open(page)
        box = tab.place(page).bounding_box()
        assert box is not None
        hand = page.context.new_cdp_session(page)
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        carried = {"items": [], "files": [str(photo)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver"):
            hand.send("Input.dispatchDragEvent", {"type": kind, **at, "data": carried})
        expect(tab.place(page)).to_have_class(DROPPING)
        hand.send("Input.dispatchDragEvent", {"type": "drop", **at, "data": carried})
        assert_arrived(page, tab)
        expect(tab.place(page)).not_to_have_class(DROPPING)
        assert_drawn_from(page, tab)


@on_both_tabs
def test_a_picture_in_the_clipboard_is_pasted_as_the_photo(address: str, chromium: Browser, photo: Path, tab: Tab):
    with lab.open_page(chromium, address) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        tab.open(page)
        page.evaluate(COPY, [encoded(photo), ""])
        page.keyboard.press("Control+v")
        assert_arrived(page, tab)


@on_both_tabs
def test_a_file_in_the_clipboard_is_pasted_as_the_photo_wherever_the_cursor_is(
    address: str, chromium: Browser, photo: Path, tab: Tab
):
    with lab.open_page(chromium, address) as page:
        tab.open(page)
        prompt = page.locator(f"#{tab.key}-prompt textarea")
        prompt.fill("a green tree")
        bag = page.evaluate_handle(BAG, [encoded(photo), "IMG_0001.jpg", "image/jpeg"])
        prompt.evaluate(PASTE, bag)
        assert_arrived(page, tab)
        expect(prompt).to_have_value("a green tree")


@on_both_tabs
def test_words_that_were_copied_with_a_picture_of_them_are_pasted_as_words(
    address: str, chromium: Browser, photo: Path, tab: Tab
):
    """Office programs put both into the clipboard: who pastes into a text field means the words."""
    with lab.open_page(chromium, address) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        tab.open(page)
        page.evaluate(COPY, [encoded(photo), "a green tree"])
        prompt = page.locator(f"#{tab.key}-prompt textarea")
        prompt.focus()
        page.keyboard.press("Control+v")
        expect(prompt).to_have_value("a green tree")
        expect(tab.place(page)).to_have_attribute("data-state", "empty")


@on_both_tabs
def test_the_camera_of_a_phone_gives_the_photo(address: str, chromium: Browser, photo: Path, tab: Tab):
    with lab.open_page(chromium, address, **PHONE) as page:
        tab.open(page)
        with page.expect_file_chooser() as coming:
            tab.place(page).get_by_role("button", name="Take a photo").tap()
        asked = coming.value.element.evaluate("(input) => [input.type, input.accept, input.getAttribute('capture')]")
        assert asked == ["file", "image/*", "environment"]
        coming.value.set_files(photo)
        assert_arrived(page, tab)


@on_both_tabs
def test_the_photo_is_seen_before_it_has_been_sent(address: str, chromium: Browser, photo: Path, tab: Tab):
    """However slow the line is: what the browser can read, it shows."""
    with lab.open_page(chromium, address) as page:
        tab.open(page)
        held: list[Route] = []
        page.route("**/photos", lambda route: held.append(route))
        with page.expect_request("**/photos"):
            page.set_input_files(f"{tab.field} [data-input=file]", photo)
        expect(tab.place(page)).to_have_attribute("data-state", "loading")
        expect(page.locator(tab.canvas)).to_be_visible()
        assert is_upright(page.locator(tab.canvas).evaluate(CORNERS))
        assert held and not page.evaluate(tab.value)
        held[0].continue_()
        assert_arrived(page, tab)
