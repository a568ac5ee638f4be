"""Tells watchers in the event loop that something changed in another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator


class Broadcast:
    """One bell, any number of listeners. A slow one hears one ring for many: only the newest state counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def ring(self) -> None:
        """Wakes every listener. Any thread."""
        with self._lock:
            listeners = list(self._listeners.items())
        for event, loop in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def rings(self, quiet_seconds: float = 15.0) -> AsyncIterator[bool]:
        """Yields True after each change, False when nothing has changed for `quiet_seconds`."""
        event = asyncio.Event()
        with self._lock:
            self._listeners[event] = asyncio.get_running_loop()
        try:
            while True:
                try:
                    await asyncio.wait_for(event.wait(), quiet_seconds)
                except TimeoutError:
                    yield False
                    continue
                event.clear()
                yield True
        finally:
            with self._lock:
                del self._listeners[event]
