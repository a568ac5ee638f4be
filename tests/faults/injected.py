"""Faults put into real networks through hooks, and taken out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from webui.core.types import DeviceFacts
from webui.engine.worker import Worker


def card_worker(families: Any, gigabytes: float = 8.0) -> Worker:
    """A worker that plans as on a card of that size, and computes on the CPU in float32: every rung gives the same
    pixels."""
    size = int(gigabytes * 1e9)
    facts = DeviceFacts("cuda", "a card", size, size, "float32")
    return Worker(families=families, facts=facts, place_on=torch.device("cpu"), free=lambda: size)


class Fault:
    """Counts the calls of a network and breaks some of them."""

    def __init__(self, breaks: Callable[[int], bool]) -> None:
        self.breaks, self.calls = breaks, 0

    def due(self) -> bool:
        self.calls += 1
        return self.breaks(self.calls - 1)


@contextmanager
def out_of_memory(network: Any, breaks: Callable[[int], bool]) -> Iterator[Fault]:
    """The calls (from 0) for which `breaks` says so run out of memory."""
    fault = Fault(breaks)

    def fail(*_: Any) -> None:
        if fault.due():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    hook = network.register_forward_pre_hook(fail)
    try:
        yield fault
    finally:
        hook.remove()


@contextmanager
def result(
    network: Any, change: Callable[[torch.Tensor], torch.Tensor], breaks: Callable[[int], bool]
) -> Iterator[Fault]:
    """What the network returns is changed in some calls."""
    fault = Fault(breaks)

    def spoil(_: Any, __: Any, output: Any) -> Any:
        if not fault.due():
            return output
        return (change(output[0]),) if isinstance(output, tuple) else change(output)

    hook = network.register_forward_hook(spoil)
    try:
        yield fault
    finally:
        hook.remove()


def always(_: int) -> bool:
    return True


def nan(tensor: torch.Tensor) -> torch.Tensor:
    return torch.full_like(tensor, float("nan"))
