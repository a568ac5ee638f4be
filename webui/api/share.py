"""The public link: one at a time, made and ended by a click, with a key of its own and an end that is known beforehand.

Everything here happens in the server's event loop.
"""

from __future__ import annotations

import asyncio
import io
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import segno

from webui.api.tunnel import Tunnel, open_tunnel
from webui.core.errors import BUG, InvalidRequest, NoLink, NotFound, Offline, UserError
from webui.core.tunnel_preset import TunnelPreset
from webui.core.types import Fault
from webui.library.arrival import Headway

HOURS = (1, 8, 72)
USUAL_HOURS = 8
WELCOME = "/welcome/"
"""The path at which a guest hands in the key."""
LOOK_SECONDS = 20.0
"""How often the clock is looked at: while a computer sleeps no seconds are counted."""
NEARLY = 120.0
"""Seconds before its end in which a link that breaks off has ended: the service ends the longest ones itself."""
FAREWELL_SECONDS = 0.3
"""For which the tunnel still stands, so that guests hear that the link has ended."""


@dataclass(frozen=True, slots=True)
class _Link:
    """A link that stands: its tunnel, the key that lets guests in, its end in seconds of the epoch, and on the clock
    that nobody sets.
    """

    tunnel: Tunnel
    key: str
    ends: float
    ends_monotonic: float

    @property
    def seconds_left(self) -> float:
        return min(self.ends - time.time(), self.ends_monotonic - time.monotonic())


class Share:
    """`folder` keeps what the tunnel needs, `door` is where guests' requests arrive at this computer (host and port),
    `changed` is called whenever `view` says something else. With `offline` there is never a link.
    """

    def __init__(
        self,
        preset: TunnelPreset,
        folder: Path,
        door: tuple[str, int],
        changed: Callable[[], None],
        offline: bool = False,
    ) -> None:
        self.door = door
        self._preset, self._folder, self._changed, self._offline = preset, folder, changed, offline
        self._task: asyncio.Task[None] | None = None
        self._link: _Link | None = None
        self._fault: Fault | None = None
        self._words = ""
        self._guests: Counter[str] = Counter()
        self._decided = asyncio.Event()  # a link stands, or why not

    @property
    def key(self) -> str:
        """What lets guests in; "" while there is no link."""
        return self._link.key if self._link else ""

    @property
    def origin(self) -> str:
        """The public address without the key; "" while there is no link."""
        return self._link.tunnel.address if self._link else ""

    @property
    def address(self) -> str:
        """What is given to guests; "" while there is no link."""
        return self.origin + WELCOME + self.key if self._link else ""

    def view(self) -> dict[str, Any]:
        """What the person at this computer sees of it: plain JSON data."""
        link = self._link
        opening = self._task is not None and not self._ending
        state = "open" if link else "opening" if opening else "failed" if self._fault else "closed"
        return {
            "state": state,
            "words": self._words if state == "opening" else "",
            "fault": asdict(self._fault) if self._fault else None,
            "service": self._preset.title,
            "hours": list(HOURS),
            "usual": USUAL_HOURS,
            "address": self.address,
            "ends": link.ends if link else 0,
            "lost": link.tunnel.lost if link else False,
            "guests": len(self._guests),
        }

    def qr_code(self) -> bytes:
        """The link as a QR code, an SVG. Raises NotFound while there is none."""
        if not self._link:
            raise NotFound("There is no link now.")
        file = io.BytesIO()
        segno.make(self.address, micro=False).save(file, kind="svg", scale=4, border=2, light="#fff", xmldecl=False)
        return file.getvalue()

    @contextmanager
    def guest(self, name: str) -> Iterator[None]:
        """Somebody looks, for as long as the context lasts. One person may do so several times."""
        self._guests[name] += 1
        self._changed()
        try:
            yield
        finally:
            self._guests[name] -= 1
            self._guests += Counter()  # who has gone is not counted
            self._changed()

    @property
    def _ending(self) -> bool:
        """Whether all that is left is to clear up: it was closed, or the link has ended by itself."""
        closed = self._task is not None and self._task.cancelling() > 0
        return closed or (self._decided.is_set() and self._link is None)

    def open(self, hours: int = USUAL_HOURS) -> asyncio.Task[None]:
        """Begins to make a link that lasts so many hours; the task lasts as long. One that is there already stays.

        Raises:
            InvalidRequest: for other hours than HOURS.
        """
        if hours not in HOURS:
            raise InvalidRequest(f"A link lasts {', '.join(map(str, HOURS[:-1]))} or {HOURS[-1]} hours.")
        task = self._task
        if task is None or self._ending:  # one that is ending has to end first
            self._fault = None
            self._decided.clear()
            self._words = "Getting ready…"
            task = self._task = asyncio.create_task(self._live_through(hours, task))
            self._changed()
        return task

    async def open_and_tell(self, tell: Callable[[str], None]) -> None:
        """Makes a link and says in words for a terminal where it is, or why there is none."""
        self.open()
        await self._decided.wait()
        if self._link:
            ends = time.strftime("%H:%M", time.localtime(self._link.ends))
            tell(f"Easel is shared until {ends} at {self.address}")
        elif self._fault:
            tell(f"Easel: {self._fault.message} {self._fault.hint}")

    async def close(self) -> None:
        """Ends the link, or its making, and returns when the tunnel is gone. The key is no good from now on."""
        self._link, self._fault = None, None
        self._changed()
        if task := self._task:
            if not task.cancelling():  # twice would interrupt its clearing up
                task.cancel()
            await asyncio.wait([task])
            if self._task is task:  # it had not even begun
                self._finish(None)

    async def _live_through(self, hours: int, before: asyncio.Task[None] | None) -> None:
        """A link from its making to its end. A bug is told on the page, and goes on to the log."""
        fault: Fault | None = BUG
        try:
            if before is not None:
                await asyncio.wait([before])
            await self._make_and_keep(hours)
            fault = None
        except UserError as error:
            fault = error.fault
        except asyncio.CancelledError:
            fault = None
            raise
        finally:
            if before is not None:  # also when it was cancelled meanwhile
                await asyncio.wait([before])
            if self._task is asyncio.current_task():
                self._finish(fault)

    def _finish(self, fault: Fault | None) -> None:
        self._task, self._link, self._fault = None, None, fault
        self._decided.set()
        self._changed()

    async def _make_and_keep(self, hours: int) -> None:
        if self._offline:
            raise Offline("Easel was started with --offline, so it makes no link.", "Start it without --offline.")
        from webui.library.tunnel import get_client, get_server  # loads httpx

        program = await get_client(self._preset, self._folder, self._say_arriving)
        self._say(f"Asking {self._preset.title} for an address…")
        server = await get_server(self._preset, self._folder)
        async with open_tunnel(program, server, self.door[1], self._changed) as tunnel:
            seconds = 3600.0 * hours
            link = _Link(tunnel, secrets.token_urlsafe(16), time.time() + seconds, time.monotonic() + seconds)
            self._link = link
            self._decided.set()
            self._changed()
            try:
                await self._keep(link)
            except UserError as error:
                self._fault = error.fault
                raise
            finally:
                self._link = None
                self._changed()
                await asyncio.sleep(FAREWELL_SECONDS)

    async def _keep(self, link: _Link) -> None:
        """Until it ends. Raises NoLink when it breaks off."""
        ended = asyncio.create_task(link.tunnel.ended())
        while (left := link.seconds_left) > 0 and not ended.done():
            await asyncio.wait([ended], timeout=min(LOOK_SECONDS, left))
        if ended.done() and left > NEARLY:
            raise NoLink("The link broke off.", "Make a new one and pass it on.", "retry", "Make a new link")

    def _say_arriving(self, headway: Headway) -> None:
        if not headway.checking:
            self._say(f"Getting the tunnel's program: {int(100 * headway.fraction)} %")

    def _say(self, words: str) -> None:
        if words != self._words:
            self._words = words
            self._changed()
