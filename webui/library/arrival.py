"""What of a download lies on the disk already, and whether there is a network to fetch the rest through."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from webui.core.files import PART, remove_quietly

TAG = ".etag"
FAR_AWAY = ("192.0.2.1", "2001:db8::1")
"""Addresses for examples (RFC 5737, RFC 3849): nobody has them, and every route to the internet leads there."""


class Remote(Protocol):
    """Something that has an address. `title` is for people."""

    @property
    def title(self) -> str: ...
    @property
    def address(self) -> str: ...


class Wanted(Remote, Protocol):
    """A file that can be fetched: `file` is its name on disk, `sha256` in hex."""

    @property
    def file(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Headway:
    """How far a download has come. Bytes; `speed` in bytes a second, 0 until it is known."""

    done: int
    total: int
    speed: float = 0.0
    checking: bool = False

    @property
    def fraction(self) -> float:
        return self.done / self.total

    @property
    def seconds_left(self) -> float | None:
        return (self.total - self.done) / self.speed if self.speed else None


def part_file(folder: Path, wanted: Wanted) -> Path:
    """Where a file grows until it is whole."""
    return folder / (wanted.file + PART)


def tag_file(folder: Path, wanted: Wanted) -> Path:
    """Beside it: how the server named the content that it began with (an ETag)."""
    return folder / (wanted.file + PART + TAG)


def arrived(folder: Path, wanted: Wanted) -> int:
    """Bytes of a file that lie in its part file; 0 without one."""
    try:
        return part_file(folder, wanted).stat().st_size
    except OSError:
        return 0


def forget(folder: Path, wanted: Wanted) -> None:
    """Removes what has arrived so far."""
    remove_quietly(part_file(folder, wanted))
    remove_quietly(tag_file(folder, wanted))


def has_route(addresses: Sequence[str] = FAR_AWAY) -> bool:
    """Whether the system knows a way to one of these addresses. Connecting a UDP socket sends no packet."""
    return any(_leads_to(address) for address in addresses)


def _leads_to(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 443))
    except OSError:
        return False
    return True
