"""A guard over every process of the test run: nothing is unpickled by us or by torch, nothing leaves this computer.

Python imports a module of this name at its start, so the workers that tests start are guarded, too (tests/conftest.py
puts this folder on PYTHONPATH). A breach raises where it happens and is written down, in case an `except` hides it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

LOG = "EASEL_GUARD_LOG"
_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0", "::ffff:127.")
_LOADERS = ("/torch/serialization.py", "/webui/", "/diffusers/models/model_loading_utils.py", "/diffusers/loaders/")


class Breach(RuntimeError):
    """The guard was broken."""


def _stays_here(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    return not isinstance(name, str) or name == "" or name.startswith(_LOOPBACK)


def _by_a_loader() -> bool:
    """pytest, multiprocessing and others unpickle what they wrote themselves; a model's loader or our code must not."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename.replace(os.sep, "/")
        if any(part in name for part in _LOADERS):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        address = args[1]
        if isinstance(address, tuple) and not _stays_here(address[0]):
            _breach(f"connection to {address[0]}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        if not _stays_here(args[0]):
            _breach(f"look-up of {args[0]}")
    elif event == "pickle.find_class" and _by_a_loader():
        _breach(f"unpickled {args[0]}.{args[1]}")


def _breach(what: str) -> None:
    log = os.environ.get(LOG)
    if log:
        with Path(log).open("a") as f:
            f.write(what + "\n")
    raise Breach(f"guard of the tests: {what}")


def install() -> None:
    if os.environ.get(LOG) and not getattr(sys, "_easel_guarded", False):
        sys._easel_guarded = True  # type: ignore[attr-defined]
        sys.addaudithook(_watch)


install()
