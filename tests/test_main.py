"""Starting and ending for real: the port, the data folder that two may not share, Ctrl+C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from webui.__main__ import address_of, open_door
from webui.core.errors import FolderUnusable, UserError
from webui.library.lock import only_one

ROOT = Path(__file__).resolve().parent.parent


def start(data: Path, port: int = 0) -> subprocess.Popen[str]:
    folders = ["--data", str(data), "--models", str(data / "models")]
    return subprocess.Popen(
        [sys.executable, "-m", "webui", "--no-open", "--device", "cpu", "--port", str(port), *folders],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as a person's shell starts it
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_starts_at_the_same_moment_take_two_ports() -> None:
    with open_door("127.0.0.1", free_port()) as first, open_door("127.0.0.1", first.getsockname()[1]) as second:
        assert second.getsockname()[1] > first.getsockname()[1]
        socket.create_connection(first.getsockname(), 1).close()  # heard before there is a server


def test_no_free_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.__main__.PORTS_TRIED", 1)
    with open_door("127.0.0.1", 0) as door, pytest.raises(UserError, match=r"No port from \d+ to \d+ is free"):
        open_door("127.0.0.1", door.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.1", "does not have the address 192.0.2.1"),
        ("no.such.host.invalid", "not known"),
        ("a..b", "not known"),
    ],
)
def test_an_address_of_somebody_else_is_told(host: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_door(host, 7860)


def test_the_printed_address_can_be_opened() -> None:
    with open_door("0.0.0.0", 0) as door:
        assert address_of(door) == f"http://127.0.0.1:{door.getsockname()[1]}"


def test_an_ipv6_address_is_printed_in_brackets() -> None:
    try:
        door = open_door("::1", 0)
    except UserError:
        pytest.skip("this computer has no IPv6")
    with door:
        assert address_of(door) == f"http://[::1]:{door.getsockname()[1]}"


def test_a_data_folder_is_held_by_one_and_free_again(tmp_path: Path) -> None:
    with only_one(tmp_path / "data"), pytest.raises(FolderUnusable, match="runs already"), only_one(tmp_path / "data"):
        pass
    with only_one(tmp_path / "data"):
        pass


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(FolderUnusable, match="cannot be used"), only_one(tmp_path / "data"):
        pass


def test_a_second_easel_keeps_off_and_ctrl_c_ends_the_first_quietly(tmp_path: Path) -> None:
    first = start(tmp_path)
    assert first.stdout is not None and "Easel is at" in first.stdout.readline()
    second = start(tmp_path)
    printed, complained = second.communicate(timeout=60)
    assert (second.returncode, printed, complained.count("\n")) == (2, "", 1)
    assert f"runs already with the data folder {tmp_path}" in complained
    time.sleep(0.5)  # until uvicorn listens to signals; before that the interpreter does
    first.send_signal(signal.SIGINT)
    _, complained = first.communicate(timeout=60)
    assert (first.returncode, complained) == (0, "")


def test_what_a_system_says_to_services_ends_it_in_order(tmp_path: Path) -> None:
    easel = start(tmp_path)
    assert easel.stdout is not None and "Easel is at" in easel.stdout.readline()
    time.sleep(0.5)
    easel.terminate()
    _, complained = easel.communicate(timeout=60)
    assert (easel.returncode, complained) == (0, "")
    assert not (tmp_path / "easel.db-wal").exists(), "the database was closed"


def test_a_killed_easel_leaves_its_folder_to_the_next(tmp_path: Path) -> None:
    first = start(tmp_path)
    assert first.stdout is not None and "Easel is at" in first.stdout.readline()
    first.kill()
    first.communicate(timeout=60)
    with only_one(tmp_path):
        pass
