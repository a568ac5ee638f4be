"""One tunnel: the client program as a process, the address that it was given, and its end."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from webui.api import tunnel_keeper
from webui.core.errors import NoLink
from webui.library.tunnel import TunnelServer

log = logging.getLogger(__name__)

OPENING_SECONDS = 40.0
CLOSING_SECONDS = tunnel_keeper.PATIENCE + 3.0
_KEEPER = Path(tunnel_keeper.__file__)
_LINE_LIMIT = 2**14
_ADDRESS = re.compile(r"start proxy success: (https?://[A-Za-z0-9.-]+(?::\d+)?)/?$")
_NOT_GIVEN = "start error: "
_OUT_OF_REACH = "login to server failed: "
_LOST = "try to reconnect to server"
_AGAIN = ("retry", "Try again")


class Tunnel:
    """A tunnel that stands. `address` may change when the line was lost and found again; `lost` is True meanwhile."""

    def __init__(self, process: asyncio.subprocess.Process, service: str, changed: Callable[[], None]) -> None:
        self.address, self.lost = "", False
        self._process, self._service, self._changed = process, service, changed
        self._first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._said: deque[str] = deque(maxlen=5)
        self._listening = asyncio.create_task(self._listen())

    async def opened(self) -> None:
        """Until there is an address. Raises NoLink."""
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                self.address = await asyncio.shield(self._first)
        except TimeoutError:
            raise _out_of_reach() from None
        except NoLink:
            log.warning("The tunnel's program said: %s", " / ".join(self._said))
            raise

    async def ended(self) -> None:
        """Until the program ends by itself."""
        await asyncio.wait([self._listening])

    async def close(self) -> None:
        """Ends the program, by force if it has to be."""
        assert self._process.stdin is not None
        self._process.stdin.close()  # the keeper's sign to end
        _, running = await asyncio.wait([self._listening], timeout=CLOSING_SECONDS)
        if running:  # the keeper was killed, and the program has heard nothing
            self._kill()
            await asyncio.wait([self._listening], timeout=CLOSING_SECONDS)

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _listen(self) -> None:
        """Hears what the program says, to the end: a pipe that nobody empties would hold it up."""
        assert self._process.stdout is not None
        begun = b""
        while data := await self._process.stdout.read(4096):
            *lines, begun = (begun + data).split(b"\n")
            begun = begun[:_LINE_LIMIT]
            for line in lines:
                self._hear(line.decode(errors="replace").strip())
        self._hear(begun.decode(errors="replace").strip())
        self._fail(_does_not_run())

    def _hear(self, line: str) -> None:
        self._said.append(line)
        if found := _ADDRESS.search(line):
            self._lead_from(found[1])
        elif _OUT_OF_REACH in line:
            self._fail(_out_of_reach())
        elif _NOT_GIVEN in line:  # it would try for ever
            self._fail(_gives_none(self._service))
        elif _LOST in line and not self.lost:
            self.lost = True
            self._changed()

    def _lead_from(self, address: str) -> None:
        if "//127.0.0.1:" not in address:  # the service takes both, and the key is not for all who listen
            address = address.replace("http:", "https:", 1)
        if not self._first.done():
            self._first.set_result(address)
        elif address != self.address or self.lost:
            self.address, self.lost = address, False
            self._changed()

    def _fail(self, error: NoLink) -> None:
        if not self._first.done():
            self._first.set_exception(error)
            self._first.exception()  # whoever waited may have gone


@asynccontextmanager
async def open_tunnel(
    program: Path, server: TunnelServer, port: int, changed: Callable[[], None]
) -> AsyncIterator[Tunnel]:
    """A tunnel from a public address to this port of this computer, for as long as the context lasts.

    Raises:
        NoLink: when the program does not run, or the server cannot be reached or gives no address.
    """
    starting = asyncio.create_task(_start(program, server, port))
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # asyncio would end the keeper alone, which may have started the program already.
        with suppress(NoLink):
            await Tunnel(await starting, server.service, changed).close()
        raise
    tunnel = Tunnel(process, server.service, changed)
    try:
        await tunnel.opened()
        yield tunnel
    finally:
        await tunnel.close()


async def _start(program: Path, server: TunnelServer, port: int) -> asyncio.subprocess.Process:
    command = [str(program), "http", "--proxy_name", secrets.token_hex(24), "--sd", "random"]
    command += ["--local_ip", "127.0.0.1", "--local_port", str(port), "--uc", "--ue", "--disable_log_color"]
    command += ["--server_addr", f"{server.host}:{server.port}"]
    command += ["--tls_enable", "--tls_trusted_ca_file", str(server.certificate)]
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(_KEEPER), *command),
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if not name.startswith("EASEL_")},
            creationflags=flags,
            start_new_session=True,  # Ctrl+C in a terminal is for Easel, which then ends the keeper
        )
    except OSError as error:
        log.warning("The tunnel cannot be started: %s", error)
        raise _does_not_run() from error


def _out_of_reach() -> NoLink:
    return NoLink(
        "The link could not be made: this network does not let the tunnel through.",
        "Companies, schools and hotels may forbid it. Try another network, or a phone's hotspot.",
        *_AGAIN,
    )


def _gives_none(service: str) -> NoLink:
    return NoLink(
        f"The link could not be made: {service} is not giving out addresses right now.",
        "Try again in a while.",
        *_AGAIN,
    )


def _does_not_run() -> NoLink:
    return NoLink(
        "The link could not be made: the tunnel's program was not allowed to run.",
        "A virus scanner may have stopped it. Allow it there, then try again.",
        *_AGAIN,
    )
