"""Rows 13 to 15: the worker's process dies, hangs, or is asked to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.drawing import card_of, families, order
from tests.studio import wait_for
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


def ignore(_: Progress) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("step", [1, 6])
def test_row13_a_killed_worker_is_told_and_replaced(link: WorkerLink, wanted: Order, step: int) -> None:
    whole = link.draw(wanted, ignore)
    old = pid(link)
    with pytest.raises(WorkerDied) as told:
        link.draw(wanted, at_step(step, lambda: os.kill(old, signal.SIGKILL)))  # type: ignore[arg-type]
    assert told.value.fix == "retry"
    wait_for(lambda: link.state == "ready", 120)  # without being asked for anything
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


def deaf(seconds: float) -> list[str]:
    """A worker that does not read what it is told: it still starts, or it hangs."""
    return [sys.executable, "-c", f"import time; time.sleep({seconds})"]


def test_row15_stop_and_close_never_wait_for_a_worker_that_does_not_listen(wanted: Order) -> None:
    link = WorkerLink(command=deaf(60))
    photo = replace(wanted, init_image=bytes(8_000_000))  # more than any pipe holds
    told: list[type[Exception]] = []

    def draw() -> None:
        try:
            link.draw(photo, ignore)
        except (Stopped, WorkerDied) as error:
            told.append(type(error))

    thread = threading.Thread(target=draw)
    thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    link.cancel()
    assert time.monotonic() - began < 0.2
    link.close()
    assert time.monotonic() - began < 2
    thread.join(5)
    assert told == [Stopped]


def test_row13_a_worker_that_always_dies_is_not_started_without_end(wanted: Order, tmp_path: Path) -> None:
    births = tmp_path / "births"
    code = f"open({str(births)!r}, 'a').write('x'); raise SystemExit('no such driver')"
    link = WorkerLink(command=[sys.executable, "-c", code])
    link.start(wanted.model)
    wait_for(lambda: link.state == "dead" and len(births.read_text()) >= 2, 20)
    time.sleep(1)
    assert births.read_text() == "xx"
    with pytest.raises(WorkerDied, match="could not start") as told:
        link.draw(wanted, ignore)
    assert told.value.fix == "retry" and "no such driver" in told.value.hint
    link.close()


def test_row13_what_was_loaded_ahead_is_not_loaded_again_after_a_death(wanted: Order, tmp_path: Path) -> None:
    """Lest it was the cause."""
    heard = tmp_path / "heard"
    code = (
        "import os, sys; from pathlib import Path; from webui.engine import wire\n"
        f"to = Path({str(heard)!r}); first = not to.exists()\n"
        "def tell(word):\n"
        "    with to.open('a') as file: file.write(word + ' ')\n"
        "tell('born'); tell(wire.read(sys.stdin.buffer)['kind']); os._exit(1) if first else None\n"
        "wire.read(sys.stdin.buffer)"
    )
    link = WorkerLink(command=[sys.executable, "-c", code])
    link.start(wanted.model)
    wait_for(lambda: heard.exists() and heard.read_text() == "born preload born ")

    def stop_when_heard() -> None:
        wait_for(lambda: "draw" in heard.read_text(), 30)
        link.cancel()

    threading.Thread(target=stop_when_heard).start()
    with pytest.raises(Stopped):
        link.draw(wanted, ignore)
    assert heard.read_text() == "born preload born draw "
    link.close()


def test_row13_a_lost_card_costs_the_process_not_the_job(tmp_path: Path, wanted: Order) -> None:
    """After a CUDA error each call of a process fails; only a new process has a card again."""
    births = tmp_path / "births"
    code = (
        "import webui.engine.serve as s, types; from pathlib import Path; from webui.core.types import DeviceFacts\n"
        f"births = Path({str(births)!r}); nth = len(births.read_text()) if births.exists() else 0\n"
        "births.write_text('x' * (nth + 1))\n"
        "class Sleepy:\n"
        "    facts, model = DeviceFacts('cuda', 'a card', 1, 1, 'float16'), ''\n"
        "    def facts_now(self): return self.facts\n"
        "    def draw(self, *_):\n"
        "        raise RuntimeError('CUDA error: an illegal memory access was encountered' if nth == 0 else 'else')\n"
        "pipe = s.protected_pipe(); pipe.start(); s.serve(pipe, Sleepy)"
    )
    link = WorkerLink(command=[sys.executable, "-c", code])
    with pytest.raises(WorkerDied):
        link.draw(wanted, ignore)
    with pytest.raises(RuntimeError, match="else"):  # a bug of another sort: the process lives on
        link.draw(wanted, ignore)
    with pytest.raises(RuntimeError, match="else"):
        link.draw(wanted, ignore)
    assert births.read_text() == "xx"
    link.close()


def test_the_worker_listens_before_it_has_torch() -> None:
    """Else Stop, and the signals meant for Easel alone, would find nobody for seconds."""
    code = "import sys, webui.engine.serve; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_the_page_side_knows_no_torch() -> None:
    code = "import sys, webui.engine.link, webui.families as f; f.all_families(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
