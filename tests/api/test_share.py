"""The public link, from Make a link to its end: a real tunnel process, a real server, and guests who try the door."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psutil
import pytest
import uvicorn

from tests.studio import finished, quick, wait_for
from tests.tunnel import PROGRAM, TunnelService, running_tunnels
from tests.visitors import ANN
from webui.__main__ import open_door
from webui.api import share as share_module
from webui.api import tunnel as tunnel_module
from webui.api import tunnel_keeper
from webui.api.guest_door import TwoDoors
from webui.api.server import build_app, with_guests
from webui.api.share import Share
from webui.core.tunnel_preset import TunnelPreset, load_tunnel
from webui.jobs.service import Service

DOOR = ("127.0.0.1", 1)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tunnels() -> Iterator[TunnelService]:
    with running_tunnels() as service:
        yield service


@dataclass
class Shared:
    """A running server that can be shared: the person at it, and what they see of the link."""

    share: Share
    home: httpx.Client

    def view(self) -> dict[str, Any]:
        with self.home.stream("GET", "/live") as lines:
            told: dict[str, Any] = next(json.loads(line[6:]) for line in lines.iter_lines() if line.startswith("data"))
        shared: dict[str, Any] = told["share"]
        return shared

    def reach(self, state: str) -> dict[str, Any]:
        """The view, once it is in this state."""
        view = soon(lambda: view if (view := self.view())["state"] in (state, "failed") else None)
        assert view["state"] == state, view["fault"]
        return cast(dict[str, Any], view)

    def open(self, hours: int = 1) -> str:
        """The link."""
        assert self.home.post("/share/open", json={"hours": hours}).status_code == 200
        address: str = self.reach("open")["address"]
        return address


def soon(look: Callable[[], Any]) -> Any:
    """What is seen, once there is something to see."""
    seen: list[Any] = []
    wait_for(lambda: seen.append(look()) or seen[-1])
    return seen[-1]


@contextmanager
def serving(service: Service, preset: TunnelPreset, offline: bool = False) -> Iterator[Shared]:
    """The server of `webui.__main__`, in a thread of this process and without the page."""
    door, guests = open_door("127.0.0.1", 0), open_door("127.0.0.1", 0)
    folder = service.settings.data / "tunnel"
    share = Share(preset, folder, guests.getsockname(), service.changed, offline)
    app = with_guests(build_app(service, service.settings.data, share), service.settings, share)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door, guests]})
    thread.start()
    address = f"http://127.0.0.1:{door.getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, cookies={"easel": ANN}, timeout=30) as home:
            yield Shared(share, home)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def shared(service: Service, tunnels: TunnelService) -> Iterator[Shared]:
    with serving(service, tunnels.preset()) as shared:
        yield shared


@contextmanager
def guest_at(link: str) -> Iterator[httpx.Client]:
    """Somebody who opened the link and was let in."""
    with httpx.Client(base_url=link.partition("/welcome/")[0], timeout=30) as guest:
        answer = guest.get(link)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "HttpOnly" in answer.headers["set-cookie"]
        yield guest


def test_nobody_comes_in_without_the_whole_link(shared: Shared) -> None:
    link = shared.open()
    origin, _, key = link.partition("/welcome/")
    assert len(key) >= 20
    with httpx.Client(base_url=origin, timeout=30) as stranger:
        for path in ("/", "/healthz", "/live", "/pictures", "/welcome/", f"/welcome/{key[:-1]}", f"/welcome/{key}x"):
            answer = stranger.get(path)
            assert answer.status_code == 403, path
            assert "text/html" in answer.headers["content-type"] and key not in answer.text
        for cookie in ("", key[:-1], key.swapcase(), '"', "\u00e9"):
            assert stranger.get("/healthz", headers={b"cookie": f"easel_guest={cookie}".encode()}).status_code == 403
        assert stranger.post("/share/close").status_code == 403
        among = {"cookie": f'a={{"x": 1}}; b c=2; easel_guest={key}; d[1]=3'}
        assert stranger.get("/healthz", headers=among).status_code == 200, "cookies of others do not matter"
    with guest_at(link) as guest:
        assert guest.get("/healthz").json()["status"] == "ok"


def test_a_guest_is_never_at_home(shared: Shared, service: Service) -> None:
    """Even through a tunnel that hands requests on as if they came from here."""
    picture = finished(service, service.submit(ANN, quick("a red apple")))
    (mine,) = service.store.job_pictures(picture.id)
    with guest_at(shared.open()) as guest:
        assert shared.home.get(f"/img/{mine.id}").status_code == 200
        assert guest.get(f"/img/{mine.id}").status_code == 404
        for path in ("/share/open", "/share/close", "/downloads/stop", "/downloads/any/start"):
            answer = guest.post(path, json={"hours": 1})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_yours"), path
        assert guest.get("/share/qr").status_code == 403
        forged = {"host": "localhost", "x-forwarded-for": "127.0.0.1"}
        assert guest.post("/share/close", headers=forged).status_code == 403
        with guest.stream("GET", "/live") as lines:
            heard = lines.iter_lines()  # for as long as it is held, the guest listens
            told = json.loads(next(line for line in heard if line.startswith("data"))[6:])
            assert "share" not in told and told["offer"] is None
            wait_for(lambda: shared.view()["guests"] == 1)
        wait_for(lambda: shared.view()["guests"] == 0)
    assert shared.view()["state"] == "open"


@pytest.mark.parametrize(
    ("server", "kind", "expected"),
    [
        (("127.0.0.1", 7), "http", "guests"),
        (None, "http", "guests"),
        (("127.0.0.1", 8), "http", "home"),
        (("127.0.0.2", 7), "http", "home"),
        (None, "lifespan", "home"),
    ],
)
def test_who_arrives_at_which_door(server: Any, kind: str, expected: str) -> None:
    seen: list[str] = []

    def app(name: str) -> Any:
        async def take(*_: Any) -> None:
            seen.append(name)

        return take

    doors = TwoDoors(app("home"), app("guests"), ("127.0.0.1", 7))
    asyncio.run(doors({"type": kind, "server": server}, None, None))
    assert seen == [expected]


def test_writes_from_another_page_are_refused_at_the_guests_door(shared: Shared) -> None:
    link = shared.open()
    origin = link.partition("/welcome/")[0]
    with guest_at(link) as guest:
        ours = {"origin": origin, "sec-fetch-site": "same-origin"}
        assert guest.post("/pictures/delete", json={"ids": []}, headers=ours).status_code == 200
        assert (
            guest.post("/pictures/delete", json={"ids": []}, headers={"origin": "https://evil.test"}).status_code == 403
        )


def test_stop_ends_it_for_everybody_and_for_good(shared: Shared, tunnels: TunnelService) -> None:
    first = shared.open()
    with guest_at(first) as guest:
        client = tunnel_process()
        assert shared.home.post("/share/close").status_code == 200
        assert shared.view()["state"] == "closed" and shared.view()["address"] == ""
        with pytest.raises(httpx.TransportError):
            guest.get("/healthz")
        wait_for(lambda: not client.is_running() or client.status() == psutil.STATUS_ZOMBIE)
        at_the_port = f"http://127.0.0.1:{shared.share.door[1]}"
        assert httpx.get(at_the_port + "/healthz", cookies=dict(guest.cookies)).status_code == 410
        second = shared.open()
        assert second.partition("/welcome/")[2] != first.partition("/welcome/")[2]
        assert httpx.get(at_the_port + "/healthz", cookies=dict(guest.cookies)).status_code == 403
    assert tunnels.seen.count("/client") <= 1, "the program stays, and may be there from an earlier test"


def tunnel_process() -> psutil.Process:
    """The tunnel's program, which runs below its keeper."""
    (keeper,) = [p for p in psutil.Process().children() if "tunnel_keeper.py" in " ".join(p.cmdline())]
    (client,) = keeper.children()
    return client


def test_a_qr_code_only_while_there_is_a_link(shared: Shared) -> None:
    assert shared.home.get("/share/qr").status_code == 404
    shared.open()
    code = shared.home.get("/share/qr")
    assert code.headers["content-type"] == "image/svg+xml" and code.text.startswith("<svg")


def test_other_hours_than_those_on_the_page_are_refused(shared: Shared) -> None:
    answer = shared.home.post("/share/open", json={"hours": 10_000})
    assert answer.status_code == 422 and "1, 8 or 72 hours" in answer.json()["error"]["message"]
    assert shared.view()["state"] == "closed"


def test_the_link_ends_when_its_time_is_over(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the computer slept meanwhile: the clock has then gone on and the seconds have not."""
    slept = 0.0
    monkeypatch.setattr(share_module, "LOOK_SECONDS", 0.05)
    clock = SimpleNamespace(time=lambda: time.time() + slept, monotonic=time.monotonic)
    monkeypatch.setattr(share_module, "time", clock)
    with guest_at(shared.open(hours=1)) as guest:
        slept = 3500.0
        assert guest.get("/healthz").status_code == 200
        slept = 3601.0
        assert shared.reach("closed")["fault"] is None
        with suppress(httpx.TransportError):  # while the tunnel stands the door answers
            assert guest.get("/healthz").status_code == 410


def test_a_clock_that_is_set_back_prolongs_no_link(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    passed, wound = 0.0, 0.0
    clock = SimpleNamespace(time=lambda: time.time() + passed - wound, monotonic=lambda: time.monotonic() + passed)
    monkeypatch.setattr(share_module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(share_module, "time", clock)
    shared.open(hours=1)
    wound = 86_400.0
    passed = 3601.0
    assert shared.reach("closed")["fault"] is None


def test_guests_are_told_that_the_link_has_ended(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "FAREWELL_SECONDS", 3.0)
    with guest_at(shared.open()) as guest, guest.stream("GET", "/live") as lines:
        heard = lines.iter_lines()
        assert next(heard).startswith("data: ")
        closing = threading.Thread(target=shared.home.post, args=("/share/close",))
        closing.start()
        assert "event: ended" in heard
        view = shared.view()
        assert view["state"] == "closed", "it is not opening while it says farewell"
        closing.join()


def test_a_line_that_is_lost_for_a_while_is_shown(shared: Shared, tunnels: TunnelService) -> None:
    shared.open()
    tunnels.tell("lose")
    soon(lambda: shared.view()["lost"])
    tunnels.move()
    soon(lambda: not shared.view()["lost"])
    assert shared.view()["state"] == "open"


def test_a_program_that_says_much_changes_nothing(shared: Shared, tunnels: TunnelService) -> None:
    link = shared.open()
    for _ in range(3):
        tunnels.tell("chat 300000")
    tunnels.move()
    second = soon(lambda: new if (new := shared.view()["address"]) != link else None)
    with guest_at(second) as guest:
        assert guest.get("/healthz").status_code == 200
    assert shared.home.post("/share/close").status_code == 200


def test_the_tunnel_ends_although_its_keeper_was_killed(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel_module, "CLOSING_SECONDS", 1.0)
    shared.open()
    client = tunnel_process()
    keeper = client.parent()
    assert keeper is not None
    keeper.kill()
    assert shared.home.post("/share/close").status_code == 200
    _gone, alive = psutil.wait_procs([client], timeout=20)
    assert not alive and shared.view()["state"] == "closed"


def test_clicks_in_any_order_leave_nothing_behind(tmp_path: Path, tunnels: TunnelService) -> None:
    """Opened and closed at each moment of the making, twice at once too: afterwards a link can be made and ended."""

    async def closed_after(share: Share, turns: int) -> None:
        share.open()
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(share.close(), share.close()), 20)
        assert share.view()["state"] == "closed" and share.key == ""

    async def play() -> None:
        share = Share(tunnels.preset(), tmp_path, DOOR, lambda: None)
        for turns in (0, 1, 2, 5, 50, 500, 5000, 50_000):
            await closed_after(share, turns)
            assert not tunnels_running(), turns
        share.open()
        ending = asyncio.create_task(share.close())
        await asyncio.sleep(0)
        share.open()
        assert share.view()["state"] == "opening", "a click while the last one ends is not lost"
        await ending
        await asyncio.wait_for(share._decided.wait(), 60)
        assert share.view()["state"] == "open"
        await share.close()
        assert not tunnels_running()

    asyncio.run(play())


def test_cancelled_in_the_moment_in_which_the_address_comes(tmp_path: Path, tunnels: TunnelService) -> None:
    async def play() -> None:
        share = Share(tunnels.preset(), tmp_path, DOOR, lambda: None)
        tunnels.gate.clear()
        share.open()
        await asyncio.to_thread(wait_for, lambda: tunnels.controls)
        tunnels.gate.set()
        _sleep(0.5)  # the loop, too: the address waits in the pipe
        await asyncio.sleep(0)
        await asyncio.wait_for(share.close(), 20)
        assert share.view()["state"] == "closed" and not tunnels_running()

    asyncio.run(play())


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def tunnels_running() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just gone
            if "--proxy_name" in process.cmdline():
                found.append(process)
    return found


def test_a_new_address_after_a_lost_line_is_shown(shared: Shared, tunnels: TunnelService) -> None:
    first = shared.open()
    tunnels.move()
    second = soon(lambda: new if (new := shared.view()["address"]) != first else None)
    assert second.partition("/welcome/")[2] == first.partition("/welcome/")[2]
    with guest_at(second) as guest:
        assert guest.get("/healthz").status_code == 200


def test_how_a_link_ends_by_itself_is_said_at_once(tmp_path: Path, tunnels: TunnelService) -> None:
    """The page says that a link has ended when it was open before and is not any more."""
    states: list[str] = []

    def changed() -> None:
        state = share.view()["state"]
        if states[-1:] != [state]:
            states.append(state)

    async def play() -> None:
        task = share.open(1)
        await share._decided.wait()
        tunnels.drop()
        await asyncio.wait([task])

    share = Share(tunnels.preset(), tmp_path, DOOR, changed)
    asyncio.run(play())
    assert states == ["opening", "open", "failed"]


def test_a_tunnel_that_breaks_off_is_told_and_can_be_made_anew(shared: Shared, tunnels: TunnelService) -> None:
    shared.open()
    tunnels.drop()
    fault = shared.reach("failed")["fault"]
    assert (fault["message"], fault["fix_label"]) == ("The link broke off.", "Make a new link")
    shared.open()


def test_cancel_while_it_is_made(shared: Shared, tunnels: TunnelService) -> None:
    tunnels.gate.clear()
    shared.home.post("/share/open", json={"hours": 8})
    wait_for(lambda: "for an address" in shared.view()["words"] and tunnels.controls)
    assert shared.home.post("/share/close").status_code == 200
    assert shared.view()["state"] == "closed"
    tunnels.gate.set()
    shared.open()


def nothing(port: int) -> list[dict[str, Any]]:
    return [{"host": "127.0.0.1", "port": port, "root_ca": "-----BEGIN CERTIFICATE-----"}]


def make_foreign(preset: TunnelPreset) -> TunnelPreset:
    return replace(preset, client=None)


def make_other(preset: TunnelPreset) -> TunnelPreset:
    assert preset.client
    return replace(preset, client=replace(preset.client, sha256="0" * 64))


def make_gone(preset: TunnelPreset) -> TunnelPreset:
    return replace(preset, servers="http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("behaviour", "change", "words"),
    [
        ({}, make_foreign, "no program for this kind of computer"),
        ({}, make_other, "is not the test's tunnel"),
        ({}, make_gone, "cannot be reached"),
        ({"answer": {"odd": True}}, None, "in a way that this Easel does not know"),
        ({"answer": [{"host": "127.0.0.1; rm", "port": 7000, "root_ca": "-----BEGIN CERTIFICATE-----"}]}, None, "odd"),
        ({"answer": [{"host": "127.0.0.1", "port": 0, "root_ca": "-----BEGIN CERTIFICATE-----"}]}, None, "odd"),
        ({"answer": nothing(9)}, None, "does not let the tunnel through"),
        ({"refuses": "router config conflict"}, None, "tunnel.test is not giving out addresses"),
        ({"program": b"\x7fNOTELF" + bytes(64)}, None, "was not allowed to run"),
        ({"program": b"#!/bin/sh\nexit 3\n"}, None, "was not allowed to run"),
    ],
)
def test_what_can_go_wrong_is_said_in_words(
    behaviour: dict[str, Any],
    change: Callable[[TunnelPreset], TunnelPreset] | None,
    words: str,
    tmp_path: Path,
) -> None:
    with running_tunnels(**behaviour) as tunnels:
        preset = change(tunnels.preset()) if change else tunnels.preset()
        fault = asyncio.run(failing(Share(preset, tmp_path, DOOR, lambda: None)))
    if words == "odd":
        words = "in a way that this Easel does not know"
    assert words in fault["message"], fault
    assert "Traceback" not in json.dumps(fault)


async def failing(share: Share) -> dict[str, Any]:
    await asyncio.wait_for(share.open(), 60)
    view = share.view()
    assert (view["state"], view["address"], share.key) == ("failed", "", "")
    fault: dict[str, Any] = view["fault"]
    return fault


def test_offline_makes_no_link_and_asks_nobody(tmp_path: Path, tunnels: TunnelService) -> None:
    fault = asyncio.run(failing(Share(tunnels.preset(), tmp_path, DOOR, lambda: None, offline=True)))
    assert "--offline" in fault["message"]
    assert tunnels.seen == []


def test_a_program_that_was_changed_on_the_disk_is_never_run(shared: Shared, tunnels: TunnelService) -> None:
    folder = shared.share._folder
    shared.open()
    shared.home.post("/share/close")
    before = tunnels.seen.count("/client")
    (folder / "client").write_text("#!/bin/sh\ntouch evil\n")
    shared.open()
    assert (folder / "client").read_bytes() == PROGRAM
    assert tunnels.seen.count("/client") == before + 1


def test_a_tunnel_ends_with_an_easel_that_is_killed() -> None:
    """What is killed hard can end nothing itself."""
    sleeper = [sys.executable, "-I", "-c", "import time; print('up', flush=True); time.sleep(600)"]
    code = (
        "import subprocess, sys, time\n"
        "keeper = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
        "print(keeper.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    keeper_command = [sys.executable, "-I", tunnel_keeper.__file__, *sleeper]
    easel = subprocess.Popen([sys.executable, "-c", code, *keeper_command], stdout=subprocess.PIPE, text=True)
    assert easel.stdout is not None
    lines = {easel.stdout.readline().strip(), easel.stdout.readline().strip()}
    keeper = psutil.Process(int((lines - {"up"}).pop()))
    (client,) = keeper.children()
    os.kill(easel.pid, signal.SIGKILL)
    easel.wait()
    _gone, alive = psutil.wait_procs([keeper, client], timeout=20)
    assert not alive


def test_share_at_the_start_prints_the_link(tmp_path: Path, tunnels: TunnelService) -> None:
    said: list[str] = []

    async def start() -> None:
        share = Share(tunnels.preset(), tmp_path, DOOR, lambda: None)
        await asyncio.wait_for(share.open_and_tell(said.append), 60)
        assert share.address and said[0].endswith(share.address)
        await share.close()

    asyncio.run(start())
    tunnels.refuses = "no more"
    with pytest.raises(AssertionError):
        asyncio.run(start())
    assert "not giving out addresses" in said[1]


def test_the_shipped_preset_is_whole() -> None:
    preset = load_tunnel(ROOT / "presets" / "tunnel.json")
    assert preset.servers.startswith("https://")
    entries = json.loads((ROOT / "presets" / "tunnel.json").read_text())["clients"]
    assert {(e["system"], e["machine"]) for e in entries} >= {
        ("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64"), ("windows", "amd64")
    }  # fmt: skip
    from gradio.tunneling import CHECKSUMS

    for entry in entries:
        assert CHECKSUMS[entry["address"]] == entry["sha256"], "what Gradio itself expects"


@pytest.mark.parametrize("damage", [{"servers": "http://a.test/"}, {"clients": [{}]}, {"title": None, "clients": None}])
def test_a_damaged_preset_is_no_preset(damage: dict[str, Any], tmp_path: Path) -> None:
    row = json.loads((ROOT / "presets" / "tunnel.json").read_text())
    file = tmp_path / "tunnel.json"
    file.write_text(json.dumps(row | damage))
    if damage.get("clients") == [{}]:
        assert load_tunnel(file).client is None
    else:
        with pytest.raises((ValueError, TypeError, KeyError)):
            load_tunnel(file)
