"""Several devices, Stop at an awkward moment, and a database that cannot be written for a while."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.studio import finished, make_service, quick, wait_for
from webui.core.errors import DiskFull, WorkerDied
from webui.core.types import GeneratedImage, Order, Progress
from webui.engine.link import WorkerLink
from webui.jobs.dispatcher import STARTED_AGAIN
from webui.jobs.service import Service

ANN = "ann" * 8


class CountingLink(WorkerLink):
    """A real worker that notes what it is told to draw, and can be held up before it begins."""

    def __init__(self, drawn: Counter[int]) -> None:
        super().__init__("cpu", threads=1)
        self.drawn = drawn
        self.may_begin = threading.Event()
        self.may_begin.set()
        self.asked = threading.Event()

    def draw(self, order: Order, on_progress: Callable[[Progress], None]) -> GeneratedImage:
        self.drawn[order.recipe.seed] += 1
        self.asked.set()
        assert self.may_begin.wait(60)
        return super().draw(order, on_progress)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, list[CountingLink]]]:
    drawn: Counter[int] = Counter()
    links = [CountingLink(drawn), CountingLink(drawn)]
    service = make_service(tmp_path_factory.mktemp("pair"), links=links)
    service.start()
    yield service, links
    service.close()


def test_two_devices_draw_each_picture_once(pair: tuple[Service, list[CountingLink]]) -> None:
    service, links = pair
    jobs = [service.submit(ANN, quick(seed=seed)) for seed in range(100, 112)]
    for job in jobs:
        assert finished(service, job).state == "done"
    alone = [finished(service, service.submit(ANN, quick(seed=seed))) for seed in range(200, 206)]
    assert all(job.state == "done" for job in alone)
    assert links[0].drawn == Counter([*range(100, 112), *range(200, 206)])


def test_stop_is_heard_while_the_order_is_put_together(pair: tuple[Service, list[CountingLink]]) -> None:
    """There is no drawing yet that could be cancelled: it is as soon as it shows life."""
    service, links = pair
    for link in links:
        link.asked.clear()
        link.may_begin.clear()
    job = service.submit(ANN, quick(width=256, height=256, steps=150))
    wait_for(lambda: any(link.asked.is_set() for link in links))
    service.stop(ANN, job)
    for link in links:
        link.may_begin.set()
    assert finished(service, job).state == "stopped"
    assert service.store.job_pictures(job) == []


def test_a_job_that_is_done_is_not_called_stopped(pair: tuple[Service, list[CountingLink]]) -> None:
    service, _ = pair
    job = service.submit(ANN, quick())
    finished(service, job)
    service.stop(ANN, job)
    assert service.store.job(job).state == "done"


@pytest.mark.parametrize("error", [DiskFull("The disk is full."), sqlite3.OperationalError("database is locked")])
def test_the_queue_goes_on_after_the_database_could_not_be_written(
    pair: tuple[Service, list[CountingLink]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Once as a job is taken, once as its pace is kept: neither ends the queue nor costs a picture."""
    service, _ = pair
    left = {"set_job": 2, "set_pace": 2}

    def failing(name: str) -> Callable[..., Any]:
        real = getattr(service.store, name)

        def write(*values: Any, **named: Any) -> Any:
            if left[name]:
                left[name] -= 1
                raise error
            return real(*values, **named)

        return write

    for name in left:
        monkeypatch.setattr(service.store, name, failing(name))
    job = service.submit(ANN, quick(count=2))
    assert finished(service, job).state == "done"
    assert len(service.store.job_pictures(job)) == 2
    assert left == {"set_job": 0, "set_pace": 0}


class MortalLink(WorkerLink):
    """A real worker that dies over its second picture, as often as it is tried."""

    def __init__(self) -> None:
        super().__init__("cpu", threads=1)
        self.tries, self.may_go_on = 0, threading.Event()

    def draw(self, order: Order, on_progress: Callable[[Progress], None]) -> GeneratedImage:
        self.tries += 1
        if self.tries > 2:
            assert self.may_go_on.wait(60)
        if self.tries > 1:
            assert self._child is not None
            self._child.process.kill()
            self._child.process.wait()
            raise WorkerDied("The drawing process stopped.")
        return super().draw(order, on_progress)


def test_who_waits_for_a_new_worker_is_told_no_time_and_its_second_death_no_new_try(tmp_path: Path) -> None:
    link = MortalLink()
    service = make_service(tmp_path, links=[link])
    service.start()
    try:
        finished(service, service.submit(ANN, quick()))  # the pace is known from now on
        link.tries = 0
        job = service.submit(ANN, quick(count=2))
        wait_for(lambda: link.tries == 3)
        view = service.live(ANN)
        assert (view["index"], view["text"], view["notes"]) == (1, "Getting ready…", [STARTED_AGAIN])
        link.may_go_on.set()
        assert finished(service, job).state == "error"
        assert service.live(ANN)["notes"] == []
    finally:
        service.close()
