"""Row 22 and 44: the guard over the whole suite really guards. Without this, its silence would prove nothing."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import Guard

UNPICKLE = "import torch, sys; torch.load(sys.argv[1], weights_only=False)"


def test_row22_unpickling_through_torch_is_seen(tmp_path: Path, guard: Guard) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "model.ckpt")
    with pytest.raises(RuntimeError, match="guard of the tests: unpickled"):
        torch.load(tmp_path / "model.ckpt", weights_only=False)
    assert guard.breaches()
    guard.forget()


def test_row22_unpickling_in_a_child_process_is_seen(tmp_path: Path, guard: Guard) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "model.ckpt")
    child = subprocess.run(
        [sys.executable, "-c", UNPICKLE, tmp_path / "model.ckpt"],
        check=False,
        capture_output=True,
    )
    assert child.returncode != 0
    assert guard.breaches()
    guard.forget()


def test_row22_what_tests_unpickle_themselves_is_none_of_its_business(
    guard: Guard,
) -> None:
    assert pickle.loads(pickle.dumps(Path("a"))) == Path("a")
    assert guard.breaches() == []


def test_row44_a_connection_to_elsewhere_is_refused_and_seen(guard: Guard) -> None:
    with (
        pytest.raises(RuntimeError, match="guard of the tests: connection"),
        socket.socket() as s,
    ):
        s.connect(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match="guard of the tests: look-up"):
        socket.getaddrinfo("example.invalid", 80)
    assert len(guard.breaches()) == 2
    guard.forget()


def test_row44_this_computer_may_talk_to_itself(guard: Guard) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()
    assert guard.breaches() == []
