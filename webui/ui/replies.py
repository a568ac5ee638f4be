"""How the page's handlers answer: a small JSON value for the desk's reply part, never an exception."""

from __future__ import annotations

import functools
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import gradio as gr

from webui.core.errors import UserError
from webui.core.types import Fault
from webui.core.visitors import is_here

log = logging.getLogger(__name__)

Reply = dict[str, Any]
# What every listener of the page wants: no queue (the jobs have their own), no spinner, no public API name.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def owner_of(request: gr.Request) -> str:
    """The visitor's secret; the server's guard has set it before any handler runs."""
    return str(request.cookies["easel"])


def comes_from_here(request: gr.Request) -> bool:
    """Whether whoever uses the page sits at this computer."""
    return is_here(request.request.scope)


def once_of(request: gr.Request) -> str:
    """The number of a call (assets/line.js): the same when the browser, which lost the answer, sends it again."""
    return str(request.headers.get("x-easel-once", ""))[:64]


def reply(**content: Any) -> Reply:
    """A reply that differs from the one before, so that the browser sees it as new."""
    return {"n": time.monotonic_ns(), **content}


def answering(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The page's border: a UserError becomes a fault on the page, anything else a bug with an id, logged and shown."""

    @functools.wraps(handler)
    def safe(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except UserError as error:
            return reply(fault=asdict(error.fault))
        except Exception:
            number = secrets.token_hex(4)
            log.exception("A handler of the page failed (%s)", number)
            fault = Fault(
                "bug",
                "Something went wrong inside Easel.",
                f"Try again. The log has the details under {number}.",
                status=500,
            )
            return reply(fault=asdict(fault))

    return safe
