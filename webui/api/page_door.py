"""In front of the page: of Gradio's many routes those that our page uses, and of what they take, what it sends.

Gradio would read any file and fetch any address that a client names as a component's value, and serve the copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.middleware.gzip import GZipMiddleware

from webui.api.guard import answer

CALL, UPLOAD = "/gradio_api/run/predict", "/gradio_api/upload"
USED = frozenset({CALL, UPLOAD, *(f"/gradio_api/{name}" for name in ("upload_progress", "app_id", "startup-events"))})
USED_BELOW = ("/gradio_api/heartbeat/",)
UNUSED = frozenset({"login", "logout", "monitoring", "dev", "deep_link", "mcp", "pwa_icon", "manifest.json"})
CALL_LIMIT = 4 * 2**20


class PageDoor:
    """ASGI middleware. What does not pass is answered with 404, 413, 422 or, where `has_room` says that an upload would
    fill the disk, 507. The page and its words go out compressed: over a public link it is there in a quarter of the
    time.
    """

    def __init__(self, app: Any, has_room: Callable[[], bool]) -> None:
        self._app, self._has_room = app, has_room
        self._compressed = GZipMiddleware(app, minimum_size=2000, compresslevel=6)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path = scope["path"]
        if not _is_used(path):
            return await answer(send, 404)
        if path == UPLOAD and not self._has_room():
            return await answer(send, 507, "The disk is nearly full.")
        if path == "/":
            return await self._compressed(scope, receive, send)
        if path != CALL:
            return await self._app(scope, receive, send)
        body = await _whole(receive)
        if body is None:
            return await answer(send, 413)
        if not _is_ours(body):
            return await answer(send, 422)
        told = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(told, None) or await receive()

        return await self._compressed(scope, again, send)


def _is_used(path: str) -> bool:
    if path.startswith("/gradio_api"):
        return path in USED or path.startswith(USED_BELOW)
    return path.lstrip("/").partition("/")[0] not in UNUSED


async def _whole(receive: Any) -> bytes | None:
    """The body; None when it is too long or its sender has gone."""
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if message["type"] != "http.request" or length > CALL_LIMIT:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _is_ours(body: bytes) -> bool:
    """Whether a call is JSON in which no file has an address: what a visitor uploaded has a path."""
    try:
        waiting = [json.loads(body)]
    except (ValueError, RecursionError):
        return False
    if not isinstance(waiting[0], dict):
        return False
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "meta" in value and "://" in str(value.get("path", "")):
                return False
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return True
