"""The door that the public link leads to: nobody comes in without its key, and whoever does is a guest, never at home.

A tunnel hands on requests from this computer's own address, so guests arrive at a port of their own.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from webui.api.guard import Guard
from webui.api.share import WELCOME, Share

COOKIE = "easel_guest"
_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
]
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Easel</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body{{display:grid;place-content:center;min-height:90vh;margin:0 24px;font:17px/1.5 system-ui,sans-serif;
text-align:center}}h1{{font-size:24px;margin:0 0 8px}}p{{margin:0;opacity:.75}}</style></head>
<body><main><h1>{title}</h1><p>{words}</p></main></body></html>"""


class GuestDoor:
    """ASGI middleware around the guarded app, for the requests of one port."""

    def __init__(self, app: Guard, share: Share) -> None:
        self._app, self._share = app, share

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        share = self._share
        if scope["type"] != "http":
            return None
        if not share.key:
            return await _say(send, 410, "This link has ended", "Ask whoever sent it for a new one.")
        if scope["path"].startswith(WELCOME):
            if not _same(scope["path"].removeprefix(WELCOME), share.key):
                return await _say(
                    send, 403, "This link is incomplete, or has ended", "Ask whoever sent it to send it again."
                )
            return await _let_in(send, share)
        if not _same(_key(scope), share.key):
            return await _say(send, 403, "This Easel is by invitation", "Open the whole link that you were sent.")
        return await self._app(as_guest(scope, share.origin), receive, send)


class TwoDoors:
    """ASGI: requests that arrive at the guests' door (host and port), or nobody knows where, go to one app; all others,
    and what concerns the server itself, to the other.
    """

    def __init__(self, home: Guard, guests: GuestDoor, door: tuple[str, int]) -> None:
        self._home, self._guests, self._door = home, guests, door

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        server = scope.get("server")
        at_home = scope["type"] == "lifespan" or (server is not None and tuple(server) != self._door)
        await (self._home if at_home else self._guests)(scope, receive, send)


def as_guest(scope: Any, origin: str) -> Any:
    """The request as one that came to the public address by itself, whatever the tunnel made of it."""
    public = urlsplit(origin)
    host, kind = public.netloc.encode(), public.scheme.encode()
    said = {b"host": host, b"x-forwarded-host": host, b"x-forwarded-proto": kind}
    headers = [header for header in scope["headers"] if header[0] not in said]
    return scope | {"guest": True, "scheme": public.scheme, "headers": [*headers, *said.items()]}


def _key(scope: Any) -> str:
    """By hand: the library's reader stops at the first cookie, of anybody's, that it cannot read."""
    text = b"; ".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
    pairs = (pair.strip().partition("=") for pair in text.split(";"))
    return next((value for name, _, value in pairs if name == COOKIE), "")


def _same(given: str, key: str) -> bool:
    return secrets.compare_digest(given.encode(), key.encode())


async def _let_in(send: Any, share: Share) -> None:
    """Keeps the key in a cookie and takes it out of the address bar."""
    secure = "; Secure" if share.origin.startswith("https:") else ""
    cookie = f"{COOKIE}={share.key}; Path=/; HttpOnly; SameSite=Lax{secure}"
    headers = [*_HEADERS, (b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _say(send: Any, status: int, title: str, words: str) -> None:
    body = _PAGE.format(title=title, words=words).encode()
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
