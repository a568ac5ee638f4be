"""Fetching a model from a hub on this computer."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.hub import Hub, running_hub
from webui.core.errors import FolderUnusable, Gone, NotTrusted, Offline, WrongContent
from webui.library.arrival import Headway, arrived, forget, has_route, part_file
from webui.library.download import Patience, fetch

CONTENT = random.Random(1).randbytes(300_000)
ONCE = Patience(connect=5, silence=5, pauses=())
PATIENT = Patience(connect=5, silence=5, pauses=(0.0, 0.0))


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub(CONTENT) as hub:
        yield hub


def get(hub: Hub, folder: Path, patience: Patience = ONCE, **changes: object) -> tuple[Path, list[Headway]]:
    seen: list[Headway] = []
    return asyncio.run(fetch(hub.model(**changes), folder, seen.append, patience)), seen


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_model_arrives_whole_under_its_name(hub: Hub, tmp_path: Path) -> None:
    path, seen = get(hub, tmp_path / "models" / "checkpoints")
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == {"tiny-model.safetensors"}
    coming = [h.done for h in seen if not h.checking]
    assert coming == sorted(coming) and coming[-1] == len(CONTENT)
    assert seen[-1].checking and seen[-1].fraction == 1
    assert hub.seen[0]["accept-encoding"] == "identity" and "range" not in hub.seen[0]


def test_after_a_broken_line_only_the_rest_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [100_000]
    with pytest.raises(Offline, match="broke"):
        get(hub, tmp_path)
    have = arrived(tmp_path, hub.model())
    assert 0 < have <= 100_000
    assert part_file(tmp_path, hub.model()).read_bytes() == CONTENT[:have]
    path, _ = get(hub, tmp_path)
    assert path.read_bytes() == CONTENT
    assert (hub.seen[1]["range"], hub.seen[1]["if-range"]) == (f"bytes={have}-", '"first"')


def test_a_line_that_breaks_now_and_then_is_taken_up_by_itself(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [100_000, 200_000]
    assert get(hub, tmp_path, PATIENT)[0].read_bytes() == CONTENT
    assert len(hub.seen) == 3


def test_it_gives_up_when_a_try_brings_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [100_000, 0, 0, 0]
    with pytest.raises(Offline):
        get(hub, tmp_path, PATIENT)
    assert len(hub.seen) == 2


def test_other_content_under_the_same_address_starts_anew(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [100_000]
    with pytest.raises(Offline):
        get(hub, tmp_path)
    hub.etag = '"second"'
    hub.content = CONTENT[::-1]
    assert get(hub, tmp_path)[0].read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("change", [{"ranges": False}, {"etag": 'W/"weak"'}, {"etag": ""}])
def test_without_ranges_or_a_firm_name_for_the_content_it_starts_anew(
    hub: Hub, tmp_path: Path, change: dict[str, object]
) -> None:
    for name, value in change.items():
        setattr(hub, name, value)
    hub.cuts = [100_000]
    with pytest.raises(Offline):
        get(hub, tmp_path)
    assert get(hub, tmp_path)[0].read_bytes() == CONTENT
    assert ("range" in hub.seen[1]) == ("ranges" in change)


def test_what_is_not_the_model_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(WrongContent, match="not Tiny Model"):
        get(hub, tmp_path, sha256="0" * 64)
    assert names(tmp_path) == set()


def test_a_log_in_page_does_not_cost_what_has_arrived(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [100_000]
    with pytest.raises(Offline):
        get(hub, tmp_path)
    have, model = arrived(tmp_path, hub.model()), hub.model()
    page = b"<html>Please log in</html>"
    hub.content, hub.etag = page, '"page"'
    with pytest.raises(WrongContent):
        asyncio.run(fetch(model, tmp_path, lambda _: None, ONCE))
    assert arrived(tmp_path, model) == have


class LogInPage(BaseHTTPRequestHandler):
    """A hotspot's: every address is this page, and its length is not told."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<html>Please log in</html>")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_log_in_page_of_unknown_length_does_not_cost_what_has_arrived(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [200_000]
    with pytest.raises(Offline):
        get(hub, tmp_path)
    have = arrived(tmp_path, hub.model())
    with HTTPServer(("127.0.0.1", 0), LogInPage) as hotspot:
        threading.Thread(target=hotspot.serve_forever, daemon=True).start()
        with pytest.raises(WrongContent):
            get(hub, tmp_path, address=f"http://127.0.0.1:{hotspot.server_port}/")
        hotspot.shutdown()
    assert arrived(tmp_path, hub.model()) == have > 0
    assert get(hub, tmp_path)[0].read_bytes() == CONTENT
    assert hub.seen[-1]["range"] == f"bytes={have}-"


@pytest.mark.parametrize(
    ("name", "value"), [("SSL_CERT_FILE", "/gone.pem"), ("ALL_PROXY", "ftp://127.0.0.1:9"), ("NO_PROXY", "[::1]")]
)
def test_network_settings_that_cannot_be_are_told_as_such(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # without a proxy nobody asks for exceptions
    monkeypatch.setenv(name, value)
    with pytest.raises(Offline, match=name):
        get(hub, tmp_path)


def test_more_than_was_said_is_cut_short(hub: Hub, tmp_path: Path) -> None:
    hub.tells_length = False
    with pytest.raises(WrongContent):
        get(hub, tmp_path, bytes=len(CONTENT) - 70_000)
    assert names(tmp_path) == set()


def test_a_stop_keeps_what_has_arrived(hub: Hub, tmp_path: Path) -> None:
    hub.gate_at = 150_000

    async def stop_midway() -> None:
        model = hub.model()
        task = asyncio.create_task(fetch(model, tmp_path, lambda _: None, ONCE))
        while arrived(tmp_path, model) == 0:
            assert not task.done()
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stop_midway())
    assert arrived(tmp_path, hub.model()) > 0
    assert not (tmp_path / "tiny-model.safetensors").exists()
    hub.gate.set()
    assert get(hub, tmp_path)[0].read_bytes() == CONTENT
    assert "range" in hub.seen[1]


def test_a_part_that_is_complete_already_is_only_checked(hub: Hub, tmp_path: Path) -> None:
    part_file(tmp_path, hub.model()).write_bytes(CONTENT)
    assert get(hub, tmp_path)[0].read_bytes() == CONTENT
    assert hub.seen == []


def test_a_file_of_that_name_is_used_if_it_is_the_model_and_left_alone_if_not(hub: Hub, tmp_path: Path) -> None:
    own = tmp_path / "tiny-model.safetensors"
    own.write_bytes(CONTENT)
    assert get(hub, tmp_path)[0] == own
    own.write_bytes(b"something of the person's")
    with pytest.raises(FolderUnusable, match="another file"):
        get(hub, tmp_path)
    assert own.read_bytes() == b"something of the person's"
    assert hub.seen == []


def test_an_address_that_leads_in_a_circle_ends(hub: Hub, tmp_path: Path) -> None:
    hub.leads_to = "/model.safetensors"
    with pytest.raises(Gone, match="circle"):
        get(hub, tmp_path)


def test_protection_is_never_given_up_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.hub import CERTIFICATE

    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with running_hub(CONTENT, tls=True) as safe, running_hub(CONTENT) as plain:
        assert get(safe, tmp_path / "a")[0].read_bytes() == CONTENT
        safe.leads_to = plain.address + "store/blob"
        with pytest.raises(NotTrusted, match="without protection"):
            get(safe, tmp_path / "b")
        assert plain.seen == []


@pytest.mark.parametrize("address", ["http://localhost:1/x", "http://example.org/x", "ftp://127.0.0.1/x"])
def test_addresses_without_protection_are_not_asked(hub: Hub, tmp_path: Path, address: str) -> None:
    with pytest.raises(NotTrusted):
        get(hub, tmp_path, address=address)


def test_headway_says_how_long_it_will_take() -> None:
    assert Headway(25, 100, 5.0).seconds_left == 15
    assert Headway(25, 100).seconds_left is None
    assert Headway(25, 100).fraction == 0.25


def test_forgetting_removes_part_and_name(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [100_000]
    with pytest.raises(Offline):
        get(hub, tmp_path)
    assert len(names(tmp_path)) == 2
    forget(tmp_path, hub.model())
    assert names(tmp_path) == set()


def test_a_route_is_known_without_a_packet() -> None:
    assert has_route(("127.0.0.1",))
    assert not has_route(())
    assert not has_route(("127.255.255.255",))  # to everybody, which the system refuses
