"""A hostile client talks to Gradio behind our page: no file of this computer, no address, no route left unused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.studio import finished, quick
from tests.visitors import ANN
from webui.api.page_door import CALL, CALL_LIMIT, UPLOAD
from webui.api.server import build_app, guarded
from webui.jobs import photos
from webui.jobs.service import Service
from webui.ui.app import mount_page

GENERATE = ["a red apple", "starter", "", "Square", 1, "", 1, 1, "DDIM", {"seed": 1, "locked": True}, []]


@pytest.fixture(scope="module")
def page(service: Service) -> Iterator[TestClient]:
    app = guarded(mount_page(build_app(service, service.settings.data), service), service.settings)
    with TestClient(app, "http://127.0.0.1:7860", raise_server_exceptions=False, cookies={"easel": ANN}) as client:
        yield client


def _call(page: TestClient, first: Any) -> int:
    data = {"fn_index": 0, "session_hash": "visitor", "data": [first, *GENERATE[1:]]}
    return int(page.post(CALL, json=data).status_code)


def _file(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def _prompts(service: Service) -> str:
    return " ".join(job.prompt for job in service.store.unfinished_jobs()) + str(service.live(ANN))


def test_the_page_can_ask_for_a_picture(page: TestClient, service: Service) -> None:
    assert _call(page, "a plain request") == 200
    view = service.live(ANN)
    assert view["prompt"] == "a plain request"
    assert finished(service, view["job"]).state == "done"


@pytest.mark.parametrize("stream", [False, True])
def test_no_file_of_this_computer_is_read(page: TestClient, service: Service, tmp_path: Path, stream: bool) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("six quiet words")
    for path in (str(secret), "/proc/self/environ", str(service.settings.data / "easel.db")):
        assert _call(page, _file(path, is_stream=stream)) != 200
        assert Path(path).name not in _prompts(service)
        assert page.get(f"/gradio_api/file={path}").status_code == 404


def test_no_address_is_fetched(page: TestClient) -> None:
    asked = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/x"
        for value in (_file(address), [_file(address)], {"deep": {"er": [_file(address)]}}):
            assert _call(page, value) == 422
        assert page.get(f"/gradio_api/proxy={address}").status_code == 404
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


@pytest.mark.parametrize(
    "path",
    ["file=x", "queue/join", "queue/data", "call/generate", "api/predict", "run/generate", "openapi.json", "info",
     "component_server", "process_recording", "run-history/records", "vibe-edit/", "reset", "cancel", "stream/x"],
)  # fmt: skip
def test_what_the_page_does_not_use_is_not_there(page: TestClient, path: str) -> None:
    assert page.get(f"/gradio_api/{path}").status_code == 404
    assert page.post(f"/gradio_api/{path}", json={}).status_code == 404


@pytest.mark.parametrize("path", ["/monitoring", "/monitoring/summary", "/login", "/deep_link", "/gradio_api"])
def test_nor_what_gradio_has_beside_it(page: TestClient, path: str) -> None:
    assert page.get(path).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b'{"data": "\xff"}'])
def test_what_is_no_call_is_refused(page: TestClient, body: bytes) -> None:
    assert page.post(CALL, content=body, headers={"content-type": "application/json"}).status_code == 422


def test_a_call_is_not_taken_in_without_end(page: TestClient) -> None:
    chunks = (b" " * 2**20 for _ in range(CALL_LIMIT // 2**20 + 2))
    assert page.post(CALL, content=chunks, headers={"content-type": "application/json"}).status_code == 413


def test_an_uploaded_picture_still_gives_its_settings(page: TestClient, service: Service) -> None:
    picture = service.pictures.page(ANN)[0]
    data = service.pictures.read(ANN, picture.id)
    [path] = page.post("/gradio_api/upload", files={"files": ("apple.png", data, "image/png")}).json()
    restore = next(
        k for k, call in enumerate(page.get("/config").json()["dependencies"]) if call["targets"][0][1] == "upload"
    )
    call = {"fn_index": restore, "session_hash": "visitor", "data": [_file(path, orig_name="apple.png")]}
    answer = page.post(CALL, json=call)
    assert answer.status_code == 200
    assert picture.recipe.prompt in answer.text
    assert not Path(path).exists()


def test_an_upload_that_would_fill_the_disk_is_refused(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = {"files": ("photo.png", b"bytes", "image/png")}
    assert page.post(UPLOAD, files=photo).status_code == 200
    monkeypatch.setattr(photos, "ROOM_LEFT", 2**70)
    assert page.post(UPLOAD, files=photo).status_code == 507


def test_the_page_goes_out_compressed_and_pictures_as_they_are(page: TestClient, service: Service) -> None:
    told = page.get("/", headers={"accept-encoding": "gzip"})
    assert told.headers["content-encoding"] == "gzip"
    assert "Easel" in told.text and int(told.headers["content-length"]) < len(told.content) / 3
    assert page.get("/", headers={"accept-encoding": "identity"}).headers.get("content-encoding") is None
    job = finished(service, service.submit(ANN, quick()))
    drawn = page.get(f"/pictures/{service.store.job_pictures(job.id)[0].id}", headers={"accept-encoding": "gzip"})
    assert drawn.status_code == 200 and "content-encoding" not in drawn.headers
