"""A hub that models are fetched from: a real server on a real socket here, and everything that it may do wrong."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from webui.core.model_presets import CardNeeds, Licence, ModelPreset

CERTIFICATE = Path(__file__).with_name("hub.pem")
"""Of 127.0.0.1, signed by itself, with its key: nobody trusts it but a test that says so."""
BLOCK = 16_384
STORE = "/store/"


@dataclass
class Hub:
    """Serves one file the way large hubs do: its address redirects to a store with ETags and ranges.

    `status` is answered instead of content. `cuts` are the bytes after which one answer each ends without a word, and
    `stalls_after` those after which every answer falls silent. While `gate` is closed, no answer passes `gate_at`.
    `leads_to` is where the address redirects instead. `seen` are the requests for content: their headers.
    """

    content: bytes
    status: int = 0
    ranges: bool = True
    etag: str = '"first"'
    cuts: list[int] = field(default_factory=list)
    stalls_after: int | None = None
    gate_at: int | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    leads_to: str = ""
    tells_length: bool = True
    seen: list[dict[str, str]] = field(default_factory=list)
    address: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def model(self, **changes: Any) -> ModelPreset:
        """What is served, as an entry of presets/models would say it."""
        told: dict[str, Any] = {
            "id": "tiny",
            "title": "Tiny Model",
            "purpose": "Draws for tests.",
            "kind": "checkpoint",
            "file": "tiny-model.safetensors",
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "bytes": len(self.content),
            "licence": Licence("Test licence", "Commercial use is allowed."),
            "source": "tests",
            "family": "sd",
            "address": self.address + "model.safetensors",
            "revision": "0" * 40,
            "needs": CardNeeds(1, 2),
        }
        return ModelPreset(**told | changes)


@contextmanager
def running_hub(content: bytes, tls: bool = False, **behaviour: Any) -> Iterator[Hub]:
    hub = Hub(content, **behaviour)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    hub.address = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        hub.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):  # whoever asked has gone
                if self.path.startswith(STORE):
                    self._content()
                else:
                    self._send(302, {"Location": hub.leads_to or STORE + "blob?signed=yes", "Content-Length": "0"})

        def _content(self) -> None:
            hub.seen.append({name.lower(): value for name, value in self.headers.items()})
            if hub.status:
                self._send(hub.status, {"Content-Length": "0"})
                return
            start = self._wanted()
            headers = {"ETag": hub.etag}
            if hub.tells_length:
                headers["Content-Length"] = str(len(hub.content) - start)
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}"
            self._send(206 if start else 200, headers)
            self._pour(start, hub.cuts.pop(0) if hub.cuts else None)
            self.close_connection = True

        def _wanted(self) -> int:
            """Where to begin, as RFC 9110 says: from the range's start, but only if the content is still the same."""
            asked = self.headers.get("Range", "")
            same = self.headers.get("If-Range", hub.etag) == hub.etag
            return int(asked.removeprefix("bytes=").rstrip("-")) if hub.ranges and asked and same else 0

        def _pour(self, at: int, cut: int | None) -> None:
            end = len(hub.content)
            ends = [place for place in (cut, hub.stalls_after) if place is not None]
            while at < min([end, *ends]):
                if hub.gate_at is not None and at >= hub.gate_at:
                    hub.gate.wait()
                stop = min([at + BLOCK, end, *ends])
                self.wfile.write(hub.content[at:stop])
                self.wfile.flush()
                at = stop
            if hub.stalls_after is not None and at < end:
                hub.closing.wait()

        def _send(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    return Handler
