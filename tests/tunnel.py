"""A service for public links: real servers on real sockets here, and everything that they may do wrong."""

from __future__ import annotations

import hashlib
import itertools
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.hub import CERTIFICATE
from tests.tunnel_client import carry
from webui.core.tunnel_preset import TunnelClient, TunnelPreset

PROGRAM = f"#!{sys.executable} -I\n".encode() + Path(__file__).with_name("tunnel_client.py").read_bytes()


@dataclass
class TunnelService:
    """Says where its server is, has the program, and gives addresses that lead to whoever opened a tunnel.

    `answer` is told instead of where the server is, `refuses` instead of an address. While `gate` is closed no address
    is given. `seen` are the paths that were asked for.
    """

    program: bytes = PROGRAM
    answer: Any = None
    refuses: str = ""
    gate: threading.Event = field(default_factory=threading.Event)
    seen: list[str] = field(default_factory=list)
    web: str = ""
    port: int = 0
    controls: list[socket.socket] = field(default_factory=list)
    _public: list[socket.socket] = field(default_factory=list)
    _waiting: dict[str, socket.socket] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def preset(self, **changes: Any) -> TunnelPreset:
        digest = hashlib.sha256(self.program).hexdigest()
        client = TunnelClient("the test's tunnel", "client", self.web + "client", len(self.program), digest)
        told: dict[str, Any] = {"title": "tunnel.test", "servers": self.web + "servers", "client": client}
        return TunnelPreset(**told | changes)

    def move(self) -> None:
        """Gives the tunnel that was opened last another address."""
        self._give_address(self.controls[-1])

    def tell(self, words: str) -> None:
        """Has the program that called last do or say something; see tests/tunnel_client.py."""
        self.controls[-1].sendall(words.encode() + b"\n")

    def drop(self) -> None:
        """Loses every tunnel."""
        for control in self.controls:
            _end(control)

    def take(self, connection: socket.socket) -> None:
        """Somebody has called: a program that wants an address, or one that fetches what came to it."""
        what, _, number = connection.makefile().readline().strip().partition(" ")
        if what == "work":
            carry(self._waiting.pop(number), connection)
            return
        self.controls.append(connection)
        self.gate.wait()
        with suppress(OSError):  # whoever called has gone
            if self.refuses:
                connection.sendall(f"refused {self.refuses}\n".encode())  # and the program goes on, as frpc does
            else:
                self._give_address(connection)

    def _give_address(self, control: socket.socket) -> None:
        public = socket.create_server(("127.0.0.1", 0))
        self._public.append(public)
        threading.Thread(target=self._lead, args=(public, control), daemon=True).start()
        threading.Thread(target=self._end_with, args=(control, public), daemon=True).start()
        control.sendall(f"address http://127.0.0.1:{public.getsockname()[1]}\n".encode())

    def _lead(self, public: socket.socket, control: socket.socket) -> None:
        with suppress(OSError):
            while True:
                guest, _ = public.accept()
                number = str(next(self._numbers))
                self._waiting[number] = guest
                try:
                    control.sendall(f"dial {number}\n".encode())
                except OSError:
                    guest.close()

    def _end_with(self, control: socket.socket, public: socket.socket) -> None:
        """An address is good for as long as its tunnel."""
        with suppress(OSError):
            control.recv(1)
        _end(public)

    def close(self) -> None:
        self.gate.set()
        self.drop()
        for public in self._public:
            _end(public)


@contextmanager
def running_tunnels(**behaviour: Any) -> Iterator[TunnelService]:
    service = TunnelService(**behaviour)
    service.gate.set()
    door = socket.create_server(("127.0.0.1", 0))
    service.port = door.getsockname()[1]
    web = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    web.daemon_threads = True
    service.web = f"http://127.0.0.1:{web.server_port}/"
    threading.Thread(target=_accept, args=(door, service), daemon=True).start()
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield service
    finally:
        service.close()
        door.close()
        web.shutdown()
        web.server_close()


def _accept(door: socket.socket, service: TunnelService) -> None:
    with suppress(OSError):
        while True:
            threading.Thread(target=service.take, args=(door.accept()[0],), daemon=True).start()


def _handler(service: TunnelService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.seen.append(self.path)
            if self.path == "/client":
                self._send(service.program, "application/octet-stream")
                return
            usual = [{"host": "127.0.0.1", "port": service.port, "root_ca": _certificate()}]
            self._send(json.dumps(usual if service.answer is None else service.answer).encode(), "application/json")

        def _send(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    return Handler


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)  # wakes whoever waits at it
    line.close()


def _certificate() -> str:
    """The part of the pem that is no secret."""
    text = CERTIFICATE.read_text()
    return text[text.index("-----BEGIN CERTIFICATE-----") :]
