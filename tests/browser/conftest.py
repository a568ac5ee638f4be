"""The real app, once for all tests of this folder, and visitors of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.visitor import Visitor, running_browser, visiting

ROOT = Path(__file__).resolve().parents[2]
STARTING = 120.0  # seconds


@dataclass(frozen=True)
class App:
    """A running Easel: its address, its data folder, and a models folder of its own besides the one that ships."""

    port: int
    data: Path
    models: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def running(folder: Path) -> Iterator[App]:
    app = App(free_port(), folder / "data", folder / "models")
    with serving(app, folder):
        yield app


@contextmanager
def serving(app: App, folder: Path) -> Iterator[None]:
    """The app, once or once more."""
    (app.models / "checkpoints").mkdir(parents=True, exist_ok=True)
    folders = ["--data", str(app.data), "--models", str(ROOT / "models"), "--models", str(app.models)]
    with started(["webui", "--no-open", "--port", str(app.port), *folders], app.address, folder):
        yield


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def started(module: list[str], address: str, folder: Path) -> Iterator[str]:
    """A module with its arguments as a process, once it answers at the address; its log lies in the folder."""
    log = folder / "app.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], cwd=ROOT, env=dict(os.environ), stdout=out, stderr=out
        )
        try:
            _wait_until_up(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait(60)


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTING
    while True:
        try:
            with urllib.request.urlopen(address + "healthz", timeout=5):
                return
        except OSError:
            assert process.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.1)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("easel")) as app:
        yield app


@pytest.fixture(scope="session")
def address(app: App) -> str:
    return app.address


# Of the module, not of the session: Playwright allows one of itself at a time, and other modules bring their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def visit(app: App, chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """Brings visitors, each on a device of their own: visit(), visit(**PHONE), visit(color_scheme="dark")."""
    with ExitStack() as stack:

        def come(**device: Any) -> Visitor:
            return stack.enter_context(visiting(chromium, app.address, **device))

        yield come


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()
