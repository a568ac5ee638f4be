"""Somebody at the page: a browser context with a cookie of its own, watched for everything that must never happen."""

from __future__ import annotations

import base64
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

PATIENCE = 180_000  # ms; other work may share the computer
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
QUICK: dict[str, Any] = {"steps": 3}
# Seconds of work whatever size the model likes best: enough to look at it, and to stop it.
LASTING: dict[str, Any] = {"steps": 60, "shape": "256x256"}
LONG: dict[str, Any] = {"steps": 150, "shape": "256x256"}
READY = (
    "() => window.Easel && Easel.live.now().worker.state && document.querySelector('#create-stage .stage')"
    " && ['prompt', 'negative_prompt', 'seed', 'loras', 'model'].every((n) => Easel.desk('create').fields.has(n))"
)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium: the one that EASEL_CHROMIUM names, the system's, or the one that Playwright installed."""
    chosen = os.environ.get("EASEL_CHROMIUM") or ("/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chosen, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """One visitor. `broken` collects console errors and exceptions, `urls` everything that was asked for."""

    context: BrowserContext
    address: str
    cookie: str
    page: Page = field(init=False)
    broken: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE)
        self.context.add_cookies([{"name": "easel", "value": self.cookie, "url": self.address}])
        self.context.on("request", lambda request: self.urls.append(request.url))
        self.page = self.tab()

    def tab(self) -> Page:
        """Opens the page in a new tab and waits until it is alive."""
        page = self.context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.broken.append(str(error)))
        page.on("websocket", lambda socket: self.urls.append(socket.url))
        page.goto(self.address)
        page.wait_for_function(READY)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.broken.append(f"{message.text} ({message.location.get('url', '')})")

    def reload(self) -> None:
        self.page.reload()
        self.page.wait_for_function(READY)

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    @property
    def stage(self) -> Locator:
        return self.page.locator("#create-stage .stage")

    @property
    def picture(self) -> Locator:
        return self.stage.locator(".pic")

    @property
    def prompt(self) -> Locator:
        return self.page.locator("#create-prompt textarea")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True).and_(self.page.locator(":visible"))

    def fill(self, prompt: str, **fields: Any) -> None:
        self.prompt.fill(prompt)
        self.page.evaluate("(fields) => Easel.fill('create', fields)", fields)

    def value(self, name: str) -> Any:
        return self.page.evaluate("(name) => Easel.fieldValue('create', name)", name)

    def live(self) -> dict[str, Any]:
        return self.page.evaluate("Easel.live.now()")

    def wait(self, state: str, timeout: float = PATIENCE) -> str:
        """Waits until the stage is in a state; returns the job's id."""
        expect(self.stage).to_have_attribute("data-state", state, timeout=timeout)
        return self.stage.get_attribute("data-job") or ""

    def generate(self, prompt: str, **fields: Any) -> str:
        """Fills in, clicks, and waits until the server has begun to draw; returns the job's id."""
        before = self.stage.get_attribute("data-job") or ""
        self.fill(prompt, **fields)
        self.button("Generate").click()
        self.page.wait_for_function(
            "(before) => { const now = Easel.live.now();"
            " return !['', before].includes(now.job) && !['queued', 'loading'].includes(now.state); }",
            arg=before,
        )
        return self.stage.get_attribute("data-job") or ""

    def draw(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """Draws a job to its end, quickly; returns its last picture as the page knows it."""
        self.generate(prompt, **(QUICK | fields))
        self.wait("done")
        return self.live()["pictures"][-1]

    def get(self, path: str) -> Any:
        """What the server answers this visitor, as JSON."""
        answer = self.context.request.get(self.address + path.lstrip("/"))
        assert answer.ok, answer.text()
        return answer.json()

    def drop(self, file: bytes, name: str, kind: str) -> None:
        """Lets a file fall onto the stage."""
        carried = self.page.evaluate_handle(
            "([bytes, name, type]) => { const bag = new DataTransfer();"
            " const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));"
            " bag.items.add(new File([data], name, {type})); return bag; }",
            [base64.b64encode(file).decode(), name, kind],
        )
        self.stage.dispatch_event("drop", {"dataTransfer": carried})

    def file(self, path: str) -> bytes:
        answer = self.context.request.get(self.address + path.lstrip("/"))
        assert answer.ok, answer.text()
        return answer.body()

    def recipe(self, picture: dict[str, Any]) -> dict[str, Any]:
        return self.get(f"pictures/{picture['id']}")["recipe"]

    def check(self) -> None:
        """Nothing broke, and nobody but our server was asked for anything."""
        home = urlsplit(self.address).netloc
        foreign = [u for u in self.urls if urlsplit(u).scheme not in ("data", "blob") and urlsplit(u).netloc != home]
        assert foreign == []
        assert self.broken == []


@contextmanager
def visiting(browser: Browser, address: str, **device: Any) -> Iterator[Visitor]:
    """A visitor with a context of their own; looks at the end whether anything broke."""
    context = browser.new_context(**(DESKTOP | device))
    try:
        visitor = Visitor(context, address, secrets.token_urlsafe(24))
        yield visitor
        visitor.check()
    finally:
        context.close()


def infotext(png: bytes) -> str:
    picture = Image.open(io.BytesIO(png))
    picture.load()
    assert picture.format == "PNG"
    return str(picture.info["parameters"])
