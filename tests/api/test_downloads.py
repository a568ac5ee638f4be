"""Who may start, stop and decline a download: only whoever sits at this computer."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.hub import Hub, running_hub
from tests.offers import ANN, ended, offering
from tests.studio import wait_for
from webui.api.server import build_app, events, guarded
from webui.core.visitors import is_here
from webui.jobs.service import Service

CONTENT = random.Random(5).randbytes(200_000)
HERE, ELSEWHERE = ("127.0.0.1", 50_000), ("192.168.1.7", 50_000)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub(CONTENT) as hub:
        yield hub


@pytest.fixture
def service(hub: Hub, tmp_path: Path) -> Iterator[Service]:
    service = offering(tmp_path, [hub.model()])
    yield service
    service.close()


def visitor(service: Service, client: tuple[str, int] = HERE, **headers: str) -> TestClient:
    app = guarded(build_app(service, service.settings.data), service.settings)
    return TestClient(app, base_url="http://127.0.0.1:7860", cookies={"easel": ANN}, headers=headers, client=client)


def test_at_this_computer_a_model_is_got_and_stopped(service: Service, hub: Hub) -> None:
    hub.gate_at = 0
    here = visitor(service)
    assert here.post("/downloads/tiny/start").json() == {"status": "ok"}
    wait_for(lambda: hub.seen, 20)
    assert here.post("/downloads/stop").json() == {"status": "ok"}
    assert service.live(ANN, here=True)["offer"]["state"] == "offered"
    hub.gate.set()
    here.post("/downloads/tiny/start")
    assert ended(service)["state"] == "here"


def test_declining_is_remembered(service: Service) -> None:
    assert visitor(service).post("/downloads/decline").status_code == 200
    assert not service.settings.suggest_models


@pytest.mark.parametrize("path", ["/downloads/tiny/start", "/downloads/stop", "/downloads/decline"])
@pytest.mark.parametrize(
    "client, headers",
    [(ELSEWHERE, {}), (HERE, {"x-forwarded-for": "203.0.113.9"}), (HERE, {"forwarded": "for=203.0.113.9"})],
    ids=["from the network", "through a link", "through a proxy"],
)
def test_nobody_else_may(service: Service, hub: Hub, path: str, client: Any, headers: dict[str, str]) -> None:
    answer = visitor(service, client, **headers).post(path)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "not_yours"
    assert service.live(ANN, here=True)["offer"]["state"] == "offered"
    assert service.settings.suggest_models and hub.seen == []


def test_another_page_may_not_either(service: Service, hub: Hub) -> None:
    answer = visitor(service, origin="http://evil.example").post("/downloads/tiny/start")
    assert answer.status_code == 403
    assert hub.seen == []


@pytest.mark.parametrize("name", ["other", "..", "http%3A%2F%2F127.0.0.1%3A1%2Fx", "tiny%00"])
def test_only_what_is_known_by_name_can_be_got(service: Service, hub: Hub, name: str) -> None:
    answer = visitor(service).post(f"/downloads/{name}/start")
    assert answer.status_code in (404, 405)
    assert hub.seen == []


def first_event(service: Service, here: bool) -> dict[str, Any]:
    async def take() -> str:
        stream = events(service, ANN, here)
        try:
            return await anext(stream)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    return json.loads(asyncio.run(take()).removeprefix("data: "))


def test_the_line_travels_in_the_live_stream_of_this_computer_only(service: Service) -> None:
    assert first_event(service, here=True)["offer"]["state"] == "offered"
    assert first_event(service, here=False)["offer"] is None


@pytest.mark.parametrize(
    "host, client, headers, here",
    [
        ("127.0.0.1:7860", "127.0.0.1", {}, True),
        ("localhost:7860", "127.0.0.1", {}, True),
        ("[::1]:7860", "::1", {}, True),
        ("localhost:7860", "192.168.1.7", {}, False),
        ("0a1b2c.gradio.live", "127.0.0.1", {}, False),
        ("studio.lan:7860", "127.0.0.1", {}, False),
        ("127.0.0.1:7860", "127.0.0.1", {"x-real-ip": "203.0.113.9"}, False),
        ("", "127.0.0.1", {}, False),
    ],
)
def test_who_sits_at_this_computer(host: str, client: str, headers: dict[str, str], here: bool) -> None:
    pairs = [(b"host", host.encode()), *((name.encode(), value.encode()) for name, value in headers.items())]
    assert is_here({"type": "http", "headers": pairs, "client": (client, 1)}) == here


def test_without_an_address_nobody_sits_here() -> None:
    assert not is_here({"type": "http", "headers": [(b"host", b"127.0.0.1")], "client": None})
