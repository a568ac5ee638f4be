"""From where somebody asks: this computer, the network, or through something that stands in between."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSED_ON = frozenset(
    (
        b"forwarded",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-real-ip",
        b"cf-connecting-ip",
        b"true-client-ip",
    )
)


def host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def is_here(scope: Mapping[str, Any]) -> bool:
    """Whether a request (its ASGI scope) comes from this computer itself: by its name, its address, through nobody.

    A computer of the network has another address, what stands in between says so, and guests of the public link come
    through a door that marks them.
    """
    if is_guest(scope):
        return False
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client") or ("", 0)
    named = host_name(headers.get(b"host", "")) in LOCAL_NAMES
    return named and is_loopback(client[0]) and not _PASSED_ON & headers.keys()


def is_guest(scope: Mapping[str, Any]) -> bool:
    """Whether a request came through the public link; its door says so."""
    return bool(scope.get("guest"))


def is_loopback(host: str) -> bool:
    """Whether a bind address is reachable from this computer only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
