"""As many threads as cores that others leave alone; no pixel depends on it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.drawing import card_of, order
from tests.photos import pixels_of
from webui.engine.cores import WINDOW, Cores, Use, allowed_cores, free_threads, read_use
from webui.engine.worker import Worker
from webui.families import all_families


@pytest.mark.parametrize(
    ("cores", "most", "everybody", "ours", "threads"),
    [
        (2, 2, 0.0, 0.0, 2),  # an idle machine
        (2, 2, 2.0, 2.0, 2),  # all of it is ours
        (2, 2, 2.0, 1.0, 1),  # somebody has a core
        (2, 2, 2.0, 0.2, 1),  # somebody has nearly all: one thread is the least
        (2, 2, 1.3, 1.0, 2),  # a browser that draws now and then
        (16, 8, 8.0, 7.0, 8),  # hyper-threads: room beside a program or two
        (16, 8, 13.0, 1.0, 4),
        (8, 4, 0.0, 0.5, 4),  # our seconds are counted a little sooner than everybody's
    ],
)
def test_others_cores_are_left_to_them(cores: int, most: int, everybody: float, ours: float, threads: int) -> None:
    before, after = Use(10.0, 100.0, 50.0), Use(11.0, 100.0 + everybody, 50.0 + ours)
    assert free_threads(before, after, cores, most) == threads


def test_use_is_read_from_this_machine() -> None:
    before = read_use()
    end = before.ours + 0.3
    while read_use().ours < end:
        sum(range(10_000))
    after = read_use()
    assert after.clock > before.clock
    assert after.everybody - before.everybody >= 0.2  # each core's use is told in hundredths, and a little late
    assert 1 <= len(allowed_cores()) <= (os.cpu_count() or 1)


def test_threads_follow_what_others_use(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Use(0.0, 0.0, 0.0), Use(1.0, 2.0, 1.0), Use(2.0, 4.0, 3.0)])
    monkeypatch.setattr("webui.engine.cores.read_use", lambda: next(readings))
    monkeypatch.setattr("webui.engine.cores.allowed_cores", lambda: [0, 1])
    cores = Cores(2)
    cores.settle()
    assert torch.get_num_threads() == 1
    monkeypatch.setattr("time.monotonic", lambda: 1.0 + WINDOW / 2)
    cores.settle()  # too soon to look again
    assert torch.get_num_threads() == 1
    monkeypatch.setattr("time.monotonic", lambda: 2.0)
    cores.settle()
    assert torch.get_num_threads() == 2


def test_the_number_of_threads_changes_no_pixel_of_the_starter(starter: Path) -> None:
    families = all_families()
    worker, drawn = Worker("cpu", threads=1, families=families), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        drawn.append(pixels_of(worker.draw(order(card_of(starter, families), steps=3, seed=5))))
    assert np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], drawn[2])
