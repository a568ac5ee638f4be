"""A visitor of the photo tabs: photos to bring, and what is on the canvas."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.visitor import PATIENCE

ORIENTATION = 0x0112


@contextmanager
def open_page(browser: Browser, address: str, **device: Any) -> Iterator[Page]:
    """A visitor of their own. Fails when the page's scripts did."""
    context = browser.new_context(**(device or {"viewport": {"width": 1440, "height": 900}}))
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(address)
    try:
        yield page
        assert broken == []
    finally:
        context.close()


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def phone_photo(width: int, height: int, file: Path) -> np.ndarray:
    """Writes a JPEG as phones do, lying on its side with EXIF orientation 6; returns it upright, height x width x 3."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = 120 + 50 * (np.sin(x / width * 40) + np.cos(y / height * 30))
    upright = Image.fromarray(
        np.stack([40 + 200 * x / width, 40 + 180 * y / height, wave], -1).clip(0, 255).astype(np.uint8)
    )
    upright.paste((255, 0, 0), (width - width // 9, 0, width, width // 9))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(file, quality=90, exif=exif)
    return np.asarray(Image.open(file).transpose(Image.Transpose.ROTATE_270))


def quick(page: Page, key: str, prompt: str) -> None:
    page.locator(f"#{key}-prompt textarea").fill(prompt)
    page.evaluate(f"Easel.fill('{key}', {{steps: 2}})")


def put_photo(page: Page, file: Path) -> None:
    """Chooses the photo on the canvas of the tab "Inpaint" and waits until the server has it."""
    page.set_input_files("#inpaint-canvas [data-input=file]", file)
    page.wait_for_selector(".maskcanvas[data-state=ready]", timeout=PATIENCE)


def canvas_value(page: Page) -> dict[str, Any]:
    return page.evaluate("Easel.fieldValue('inpaint', 'canvas')")


def sent_mask(page: Page) -> np.ndarray:
    """The mask that the server got, once what was painted last has been sent; height x width, 0 to 255."""
    page.wait_for_function(
        "() => { const value = Easel.fieldValue('inpaint', 'canvas');"
        " const { painted, sent } = document.querySelector('.maskcanvas').dataset;"
        " return value && value.mask && +painted && sent === painted; }"
    )
    return np.asarray(fetch_picture(page, f"photos/{canvas_value(page)['mask']}").convert("L"))


def home(page: Page) -> str:
    """The address of Easel, whichever of its tabs is open."""
    return page.url.partition("#")[0].partition("?")[0]


def fetch_picture(page: Page, path: str) -> Image.Image:
    """A picture as this visitor gets it from the server."""
    answer = page.request.get(home(page) + path)
    assert answer.ok, answer.text()
    return Image.open(io.BytesIO(answer.body()))


def box_of(mask: np.ndarray) -> list[int]:
    """Left, top, right, bottom of what is painted, inclusive."""
    ys, xs = np.nonzero(mask > 127)
    return [int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())]


def canvas_spot(page: Page, across: float, down: float) -> tuple[float, float]:
    """The page's coordinates of a place on the photo, both 0 to 1."""
    box = page.locator(".maskcanvas .ground").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"] * down


def brush_radius(page: Page) -> float:
    """In pixels of the canvas, as it is shown by the ring."""
    return page.evaluate(
        "() => { const ring = document.querySelector('.brushring'), ground = document.querySelector('.ground');"
        " return parseFloat(ring.style.width) / 2 * ground.width / ground.getBoundingClientRect().width; }"
    )


def draw(page: Page, key: str) -> dict[str, Any]:
    """Presses Generate on the tab and waits for its picture; returns the live view's newest picture."""
    before = page.evaluate("Easel.live.now().job")
    page.locator(f"#{key}-go").click()
    page.wait_for_function(
        "(before) => { const now = Easel.live.now();"
        " return now.job && now.job !== before && ['done', 'error'].includes(now.state); }",
        arg=before,
        timeout=PATIENCE,
    )
    now = page.evaluate("Easel.live.now()")
    assert now["state"] == "done", now["fault"]
    return now["pictures"][-1]
