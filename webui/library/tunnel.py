"""What a public link needs from elsewhere: the program that keeps a tunnel open, and a server to dig it to."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webui.core.errors import FolderUnusable, NoLink
from webui.core.files import remove_quietly, write_atomically
from webui.core.tunnel_preset import TunnelPreset
from webui.library.download import Answer, Report, ask, disk_in_words, fetch

CERTIFICATE = "certificate.pem"


@dataclass(frozen=True, slots=True)
class TunnelServer:
    """Where a tunnel leads to. `certificate` is the file of the authority that the server proves itself by."""

    service: str
    host: str
    port: int
    certificate: Path


async def get_client(preset: TunnelPreset, folder: Path, report: Report) -> Path:
    """The program, fetched if it is not here yet, and looked at before each use, to the last bit.

    Raises:
        NoLink: when there is none for this kind of computer.
        UserError: as `fetch`.
    """
    client = preset.client
    if client is None:
        kind = f"{platform.system()} on {platform.machine()}"
        raise NoLink(
            f"{preset.title} has no program for this kind of computer ({kind}).",
            "--listen opens Easel to your own network.",
        )
    try:
        program = await fetch(client, folder, report)
    except FolderUnusable:
        remove_quietly(folder / client.file)  # whatever became of it: it came from there and can come again
        program = await fetch(client, folder, report)
    with disk_in_words(client, folder):
        program.chmod(0o700)
    return program


async def get_server(preset: TunnelPreset, folder: Path) -> TunnelServer:
    """A server for one link. The certificate goes into `folder`.

    Raises:
        NoLink: when the answer is not understood.
        UserError: as `ask`.
    """
    answer = await ask(preset.title, preset.servers)
    try:
        host, port, certificate = _read(answer)
    except (LookupError, TypeError, ValueError) as error:
        raise NoLink(
            f"{preset.title} answered in a way that this Easel does not know.", "A newer Easel may know it."
        ) from error
    file = folder / CERTIFICATE
    with disk_in_words(Answer(f"the certificate of {preset.title}", preset.servers), folder):
        write_atomically(file, certificate.encode())
    return TunnelServer(preset.title, host, port, file)


def _read(answer: Any) -> tuple[str, int, str]:
    host, port, certificate = (str(answer[0][name]) for name in ("host", "port", "root_ca"))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", host) or not 0 < int(port) < 65536:
        raise ValueError("no server")
    if not certificate.startswith("-----BEGIN CERTIFICATE-----"):
        raise ValueError("no certificate")
    return host, int(port), certificate
