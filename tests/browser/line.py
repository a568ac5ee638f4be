"""A line between browser and server that can be cut, as a network does it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType

from tests.tunnel_client import pump


class Line:
    """Listens on `address` and passes everything on to the server's port. While cut, every connection is closed."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._whole = True
        self.address = f"http://127.0.0.1:{self._door.getsockname()[1]}/"

    def __enter__(self) -> Line:
        threading.Thread(target=self._answer, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cut()
        self._door.close()

    def cut(self) -> None:
        with self._lock:
            self._whole = False
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        with self._lock:
            self._whole = True

    def _answer(self) -> None:
        while True:
            try:
                here = self._door.accept()[0]
            except OSError:
                return
            with self._lock:
                there = socket.create_connection(("127.0.0.1", self._server_port)) if self._whole else None
                if there is None:
                    here.close()
                    continue
                self._open |= {here, there}
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        pump(source, target)
        with self._lock:
            self._open.discard(source)
        source.close()
