"""One tunnel: the client program as a process, the address that it was given, and its end."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from webui.api import tunnel_keeper
from webui.core.errors import NoLink
from webui.library.tunnel import TunnelServer

log = logging.getLogger(__name__)

OPENING_SECONDS = 40.0
_KEEPER = Path(tunnel_keeper.__file__)
_ADDRESS = re.compile(r"start proxy success: (https?://[A-Za-z0-9.-]+(?::\d+)?)/?$")
_REFUSED = re.compile(r"(login to server failed|start error): ")
_AGAIN = ("retry", "Try again")


class Tunnel:
    """A tunnel that stands. `address` may change when the line was lost and found again."""

    def __init__(self, process: asyncio.subprocess.Process, changed: Callable[[], None]) -> None:
        self._process, self._changed = process, changed
        self._first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen())
        self.address = ""

    async def opened(self) -> None:
        """Until there is an address. Raises NoLink."""
        try:
            self.address = await asyncio.wait_for(asyncio.shield(self._first), OPENING_SECONDS)
        except TimeoutError:
            raise _out_of_reach() from None

    async def ended(self) -> None:
        """Until the program ends by itself."""
        await asyncio.shield(self._listening)

    async def _listen(self) -> None:
        """Reads what the program says, to the end: a pipe that nobody empties would hold it up."""
        assert self._process.stdout is not None
        refused = False
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").strip()
            log.debug("%s", line)
            refused = refused or bool(_REFUSED.search(line))
            if found := _ADDRESS.search(line):
                self._lead_from(found[1])
        await self._process.wait()
        if not self._first.done():
            self._first.set_exception(_out_of_reach() if refused else _does_not_run())
            self._first.exception()  # whoever waited may have gone

    def _lead_from(self, address: str) -> None:
        if not self._first.done():
            self._first.set_result(address)
        elif address != self.address:
            self.address = address
            self._changed()

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # the keeper's sign to end
        await self.ended()


@asynccontextmanager
async def open_tunnel(
    program: Path, server: TunnelServer, port: int, changed: Callable[[], None]
) -> AsyncIterator[Tunnel]:
    """A tunnel from a public address to this port of this computer, for as long as the context lasts.

    Raises:
        NoLink: when the program does not run, or the server cannot be reached.
    """
    command = [str(program), "http", "--proxy_name", secrets.token_urlsafe(24), "--sd", "random"]
    command += ["--local_ip", "127.0.0.1", "--local_port", str(port), "--uc", "--ue", "--disable_log_color"]
    command += ["--server_addr", f"{server.host}:{server.port}"]
    command += ["--tls_enable", "--tls_trusted_ca_file", str(server.certificate)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(_KEEPER), *command),
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        creationflags=flags,
    )
    tunnel = Tunnel(process, changed)
    try:
        await tunnel.opened()
        yield tunnel
    finally:
        await tunnel.close()


def _out_of_reach() -> NoLink:
    return NoLink(
        "The link could not be made: this network does not let the tunnel through.",
        "Companies, schools and hotels may forbid it. Try another network, or a phone's hotspot.",
        *_AGAIN,
    )


def _does_not_run() -> NoLink:
    return NoLink(
        "The link could not be made: the tunnel's program was not allowed to run.",
        "A virus scanner may have stopped it. Allow it there, then try again.",
        *_AGAIN,
    )
