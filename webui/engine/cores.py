"""How many threads to compute with on a processor that others use, too."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

WINDOW = 0.4
"""Seconds over which use is measured; shorter ones say little, as systems count in hundredths."""


@dataclass(frozen=True)
class Use:
    """Seconds since some beginning: on the clock, and of computing by everybody and by this process."""

    clock: float
    everybody: float
    ours: float


def free_threads(before: Use, after: Use, cores: int, most: int) -> int:
    """1 to `most`: as many as cores that others left alone between two readings. `cores`: all that we may use."""
    passed = after.clock - before.clock
    others = (after.everybody - before.everybody) - (after.ours - before.ours)
    return max(1, min(most, round(cores - others / passed)))


class Cores:
    """Keeps torch at as many threads as there are cores that nobody else needs; never more than `most`.

    The threads of an operation wait for the slowest of them: on two cores, one of which somebody else uses, two threads
    take many times as long as one. How many they are changes no pixel of what the starter draws.
    """

    def __init__(self, most: int) -> None:
        self._most, self._last = most, read_use() if most > 1 else None

    def settle(self) -> None:
        """Call this often; it looks once in a while."""
        if self._last is None or time.monotonic() - self._last.clock < WINDOW:
            return
        import torch

        now = read_use()
        threads = free_threads(self._last, now, len(allowed_cores()), self._most)
        self._last = now
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)


def read_use() -> Use:
    import psutil

    every = psutil.cpu_times(percpu=True)
    here = [every[core] for core in allowed_cores() if core < len(every)]
    busy = sum(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0) for times in here)
    own = psutil.Process().cpu_times()
    return Use(time.monotonic(), busy, own.user + own.system)


def allowed_cores() -> list[int]:
    """The numbers of the logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
