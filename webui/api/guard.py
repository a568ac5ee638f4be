"""What stands in front of every route: who asks, from where, and whether they may.

Plain ASGI, so that streams pass through untouched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from webui.core.visitors import LOCAL_NAMES, host_name

COOKIE = "easel"
COOKIE_SECONDS = 365 * 24 * 3600
BODY_LIMIT = 100 * 2**20
FREE_GUESSES = 10
FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0  # seconds
ADDRESSES = 10_000
READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Gradio's page needs inline scripts and eval; everything else is refused, and nothing is fetched from another host.
CONTENT_POLICY = "; ".join(
    [
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",
        "frame-ancestors 'self'",
        "object-src 'none'",
        "base-uri 'self'",
    ]
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", CONTENT_POLICY.encode()),
)


class Guesses:
    """Wrong passwords in a row, by address: after FREE_GUESSES each one costs twice the wait of the one before.

    The same one again is no new guess: a page that was left open repeats what its browser remembers.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._wrong: dict[str, _Wrong] = {}

    def wait(self, address: str) -> float:
        """Seconds for which nobody from there is heard."""
        wrong = self._wrong.get(_network(address))
        if wrong is None or wrong.count < FREE_GUESSES:
            return 0.0
        pause = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(wrong.count - FREE_GUESSES, 30))
        return max(0.0, wrong.last + pause - self._now())

    def wrong(self, address: str, said: str) -> None:
        network, digest = _network(address), hashlib.sha256(said.encode()).digest()
        before = self._wrong.get(network)
        if before is not None and before.digest == digest:
            return
        self._wrong.pop(network, None)
        self._wrong[network] = _Wrong(before.count + 1 if before else 1, self._now(), digest)
        if len(self._wrong) > ADDRESSES:
            del self._wrong[next(iter(self._wrong))]  # whose last guess is longest ago

    def right(self, address: str) -> None:
        self._wrong.pop(_network(address), None)


@dataclass(frozen=True, slots=True)
class _Wrong:
    count: int
    last: float
    digest: bytes


def _network(address: str) -> str:
    """Whoever has one IPv6 address has a /64 of them."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    return address if ip.version == 4 else str(ip_network((int(ip), 64), strict=False))


class Guard:
    """ASGI middleware: known hosts only (against DNS rebinding), writes from our own page only, a password where one is
    set, and a secret cookie that says whose pictures these are.

    `hosts` are the names this server may be called by, besides the local ones; with `any_host` it listens to the
    network, and the password is the guard.
    """

    def __init__(self, app: Any, hosts: Iterable[str] = (), any_host: bool = False, password: str = "") -> None:
        self._app, self._password, self._any_host = app, password, any_host
        self._guesses = Guesses()
        self._hosts = LOCAL_NAMES | frozenset(hosts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope.get("method", "GET"), headers) or self._stranger(scope, headers)
        if refusal is not None:
            return await answer(send, *refusal)
        owner = _cookie(headers.get(b"cookie", ""))
        fresh = owner is None
        if fresh:
            owner = secrets.token_urlsafe(24)
            cookies = "; ".join(part for part in (headers.get(b"cookie", ""), f"{COOKIE}={owner}") if part)
            scope = scope | {
                "headers": [h for h in scope["headers"] if h[0] != b"cookie"] + [(b"cookie", cookies.encode("latin-1"))]
            }

        taken = 0

        async def counted() -> Any:
            """What arrives, until it is too much: a body sent in chunks says nothing of its length beforehand."""
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return {"type": "http.disconnect"} if taken > BODY_LIMIT else message

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{COOKIE}={owner}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"
                extra = [*HEADERS, *([(b"set-cookie", cookie.encode())] if fresh else [])]
                message = message | {"headers": [*message["headers"], *extra]}
            await send(message)

        return await self._app(scope, counted, with_headers)

    def _refusal(self, method: str, headers: dict[bytes, str]) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        """Status, words and extra headers when the request may not pass."""
        host = host_name(headers.get(b"host", ""))
        if not self._any_host and host not in self._hosts:
            return 400, "Easel does not answer to this name.", []
        if method not in READING:
            origin = headers.get(b"origin")
            if origin is not None and _place(origin) != headers.get(b"host"):
                return 403, "This request came from another page.", []
            if headers.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return 403, "This request came from another page.", []
        length = headers.get(b"content-length", "0")
        if not length.isdigit() or int(length) > BODY_LIMIT:
            return 413, "That is too much at once.", []
        return None

    def _stranger(self, scope: Any, headers: dict[bytes, str]) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        """The same for whoever does not know the password."""
        said, address = headers.get(b"authorization", ""), (scope.get("client") or ("", 0))[0]
        if not self._password:
            return None
        if said and (wait := self._guesses.wait(address)):
            return 429, "Too many wrong passwords. Wait a while.", [(b"retry-after", str(math.ceil(wait)).encode())]
        if self._knows_password(said):
            self._guesses.right(address)
            return None
        if said:
            self._guesses.wrong(address, said)
        return 401, "Easel asks for its password.", [(b"www-authenticate", b'Basic realm="Easel", charset="UTF-8"')]

    def _knows_password(self, authorization: str) -> bool:
        scheme, _, value = authorization.partition(" ")
        try:
            given = base64.b64decode(value, validate=True).partition(b":")[2] if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            return False
        return secrets.compare_digest(given, self._password.encode())


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _cookie(header: str) -> str | None:
    """The visitor's secret, if it looks like one of ours."""
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    value = morsel.value if morsel else ""
    return value if 16 <= len(value) <= 128 and value.isascii() else None


async def answer(send: Any, status: int, words: str = "", headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """An answer of plain words instead of the app's."""
    body = words.encode()
    start = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
