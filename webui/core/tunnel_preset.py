"""The service that public links lead through, as data in `presets/tunnel.json`."""

from __future__ import annotations

import json
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class TunnelClient:
    """The program that keeps a tunnel open, for one kind of computer. `sha256` in hex."""

    title: str
    file: str
    address: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TunnelPreset:
    """`title` is the service's name; `servers` the address that tells which server to dig to.

    `client` is None where the service has no program for this kind of computer.
    """

    title: str
    servers: str
    client: TunnelClient | None


def load_tunnel(file: Path) -> TunnelPreset:
    """Raises ValueError, TypeError or KeyError when the file is damaged: it is one of ours."""
    row = json.loads(file.read_text("utf-8"))
    title = f"the tunnel of {row['title']}"
    here = {"system": platform.system().lower(), "machine": platform.machine().lower()}
    fitting = [entry for entry in row["clients"] if here.items() <= entry.items()]
    clients = [TunnelClient(title, **{name: entry[name] for name in _PARTS}) for entry in fitting]
    for address in (row["servers"], *(client.address for client in clients)):
        if urlsplit(address).scheme != "https":
            raise ValueError("an address that is not https")
    if not all(re.fullmatch(r"[0-9a-f]{64}", client.sha256) for client in clients):
        raise ValueError("a checksum that cannot be one")
    return TunnelPreset(row["title"], row["servers"], clients[0] if clients else None)


_PARTS = ("file", "address", "bytes", "sha256")
