"""What the benchmarks share: runs taken in turns, their ratios as a small table, and the place where they ran."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version


def in_turns(
    runs: Sequence[Callable[[], object]], repeat: int, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """Seconds of each run, `repeat` times, after one of each to warm up: A B A B, so that what disturbs meets all.

    On a busy computer `time.process_time` says more than the clock on the wall, of runs in this process.
    """
    for run in runs:
        run()
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(repeat):
        for taken, run in zip(times, runs, strict=True):
            began = clock()
            run()
            taken.append(clock() - began)
    return times


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Each of `over` by its neighbour in time."""
    return [a / b for a, b in zip(over, under, strict=True)]


def row(name: str, values: Sequence[float], unit: str = "", target: str = "") -> str:
    shown = " | ".join(f"{v:.3f}" for v in (min(values), statistics.median(values), max(values)))
    return f"| {name} | {shown} | {unit} | {target} |"


def table(rows: Sequence[str]) -> str:
    """Markdown: can be kept as it is printed."""
    head = ["| what | min | median | max | unit | target |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def place(threads: int) -> str:
    """One line: processor, load, versions."""
    from webui.engine.device import find_device

    facts = find_device("cpu", threads=threads)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers", "transformers", "gradio"))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    cores = os.cpu_count()
    python = platform.python_version()
    here = f"{facts.name}, {cores} cores{load}, {threads} thread(s) for torch, {facts.dtype}"
    return f"{time.strftime('%Y-%m-%d')}: {here}; Python {python}, {versions}\n"
