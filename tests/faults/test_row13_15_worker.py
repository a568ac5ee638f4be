"""Rows 13 to 15: the worker's process dies, hangs, or is asked to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drawing import card_of, families, order
from tests.tiny import TinyModels
from webui.core.errors import Stopped, WorkerDied
from webui.core.types import Order, Progress
from webui.engine.link import Patience, WorkerLink
from webui.engine.worker import Worker


@pytest.fixture(scope="module")
def link() -> Iterator[WorkerLink]:
    made = WorkerLink("cpu", threads=1, patience=Patience(silence=4, steps=4, loading=60, stop_drawing=20))
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def wanted(tiny_models: TinyModels) -> Order:
    """A folder brings its own configs, so the worker's process needs no tiny ones."""
    return order(card_of(tiny_models.sd_folder, families(tiny_models)), steps=8)


def at_step(number: int, action: object) -> object:
    def react(progress: Progress) -> None:
        if progress.stage == "denoising" and progress.step == number:
            action()  # type: ignore[operator]

    return react


def pid(link: WorkerLink) -> int:
    assert link._child is not None
    return link._child.process.pid


def wait_until_ready(link: WorkerLink) -> None:
    end = time.monotonic() + 120
    while link.state != "ready":
        assert time.monotonic() < end, link.state
        time.sleep(0.02)


def ignore(_: Progress) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("step", [1, 6])
def test_row13_a_killed_worker_is_told_and_replaced(link: WorkerLink, wanted: Order, step: int) -> None:
    whole = link.draw(wanted, ignore)
    old = pid(link)
    with pytest.raises(WorkerDied) as told:
        link.draw(wanted, at_step(step, lambda: os.kill(old, signal.SIGKILL)))  # type: ignore[arg-type]
    assert told.value.fix == "retry"
    wait_until_ready(link)  # without being asked for anything
    assert pid(link) != old
    again = link.draw(wanted, ignore)
    assert again.pixels == whole.pixels


def test_row14_a_hung_worker_is_replaced_and_told(link: WorkerLink, wanted: Order) -> None:
    whole = link.draw(wanted, ignore)
    old = pid(link)
    began = time.monotonic()
    with pytest.raises(WorkerDied, match="hung"):
        link.draw(wanted, at_step(3, lambda: os.kill(old, signal.SIGSTOP)))  # type: ignore[arg-type]
    assert time.monotonic() - began < 120
    assert link.draw(wanted, ignore).pixels == whole.pixels


@pytest.mark.parametrize("step", [1, 4, 7])
def test_row15_stop_is_answered_within_a_step(link: WorkerLink, wanted: Order, step: int) -> None:
    link.draw(wanted, ignore)
    seen: list[int] = []

    def stop(progress: Progress) -> None:
        seen.append(progress.step)
        if progress.step == step:
            link.cancel()

    long = order(wanted.model, steps=60)
    with pytest.raises(Stopped):
        link.draw(long, stop)
    assert max(seen) <= step + 1
    old = pid(link)
    assert link.draw(wanted, ignore).pixels and pid(link) == old


def test_row15_stop_while_loading_takes_a_second_at_most(wanted: Order) -> None:
    fresh = WorkerLink("cpu", threads=1)
    fresh.start()
    answered: list[float] = []

    def draw() -> None:
        with pytest.raises(Stopped):
            fresh.draw(wanted, ignore)
        answered.append(time.monotonic())

    thread = threading.Thread(target=draw)
    thread.start()
    time.sleep(0.5)
    asked = time.monotonic()
    fresh.cancel()
    thread.join(10)
    fresh.close()
    assert answered and answered[0] - asked < 2.5  # a second, and what a busy computer adds


@pytest.mark.parametrize("step", [1, 2, 3])
def test_row15_stop_in_this_process_frees_the_try(tiny_models: TinyModels, step: int) -> None:
    known = families(tiny_models)
    worker = Worker("cpu", threads=1, families=known)
    wanted, stopped = order(card_of(tiny_models.sd, known)), threading.Event()
    whole = worker.draw(wanted).pixels
    calls: list[int] = []
    assert worker.models.current is not None
    worker.models.current.pipe.unet.register_forward_hook(lambda *_: calls.append(1))
    with pytest.raises(Stopped):
        worker.draw(wanted, at_step(step, stopped.set), stopped)  # type: ignore[arg-type]
    assert len(calls) <= step + 1
    assert worker.draw(wanted).pixels == whole
    worker.close()


def test_the_worker_ends_with_the_page(wanted: Order) -> None:
    link = WorkerLink("cpu", threads=1)
    link.start()
    child = link._child
    assert child is not None and child.process.stdin is not None
    link._closed = True
    child.process.stdin.close()
    assert child.process.wait(15) == 0


def test_the_page_side_knows_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, webui.engine.link, webui.families as f; f.all_families(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
