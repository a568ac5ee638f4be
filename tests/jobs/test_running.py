"""How long a picture takes is told from pictures before it, and from its own steps."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.core.cards import SMALL
from tests.jobs.test_store import RECIPE
from webui.core.types import GeneratedImage, Inpainting, Progress
from webui.core.work import work_of
from webui.jobs.running import Running, measured
from webui.jobs.store import Job, Pace
from webui.jobs.views import wait_times

SECONDS = {"loading": 9.0, "encoding": 0.5, "denoising": 6.0, "decoding": 1.5}


@pytest.mark.parametrize("size", [(RECIPE.width, RECIPE.height), (4032, 3024)])
def test_a_picture_like_the_last_takes_as_long(size: tuple[int, int]) -> None:
    """Also where a spot of a large photo was repainted, which is drawn at the model's own size."""
    recipe = replace(RECIPE, init_image="u1", mask_image="u2", strength=0.5)
    pace = measured(GeneratedImage(recipe, *size, b"", SECONDS), work_of(recipe), None)
    assert pace.seconds(work_of(recipe)) == pytest.approx(8.0)
    assert pace.seconds(work_of(replace(recipe, width=2 * recipe.width))) == pytest.approx(16.0)
    assert pace.seconds(work_of(replace(recipe, strength=1.0))) == pytest.approx(14.0)


def test_the_newest_picture_counts_a_third() -> None:
    slow = measured(GeneratedImage(RECIPE, 8, 8, b"", SECONDS), work_of(RECIPE), None)
    fast = measured(GeneratedImage(RECIPE, 8, 8, b"", {"denoising": 3.0}), work_of(RECIPE), slow)
    assert fast.seconds(work_of(RECIPE)) == pytest.approx(8.0 - 5.0 / 3)


def _running(pace: Pace | None = None, count: int = 1) -> Running:
    return Running(Job("j", "ann", 1.0, "running", RECIPE, count, "Starter", "a fox"), work_of(RECIPE), pace)


def _steps(running: Running, now: pytest.MonkeyPatch, begin: float, steps: range, of: int, each: float) -> None:
    for k, step in enumerate(steps):
        now.setattr(time, "monotonic", lambda t=begin + k * each: t)
        running.take(Progress("denoising", step, of, step / of))


def test_the_first_step_tells_no_speed_and_the_second_the_true_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first message comes when a step is done: nobody knows yet how long it took."""
    running = _running()
    _steps(running, monkeypatch, 100.0, range(1, 2), 20, 1.0)
    assert running.seconds_left is None
    _steps(running, monkeypatch, 101.0, range(2, 4), 20, 1.0)
    assert running.seconds_left == pytest.approx(17 + 1)  # and about a step for the end


def test_a_later_pass_of_an_extension_is_timed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    running = _running()
    _steps(running, monkeypatch, 100.0, range(1, 11), 30, 1.0)
    assert running.picture_fraction == pytest.approx(0.95 / 3)
    running.take(Progress("decoding", fraction=1 / 3))
    assert running.picture_fraction == pytest.approx(0.95 / 3)
    _steps(running, monkeypatch, 200.0, range(11, 13), 30, 1.0)
    assert running.seconds_left == pytest.approx(18 + 1)


def test_the_next_in_line_waits_for_the_device_that_is_free_first() -> None:
    pace = measured(GeneratedImage(RECIPE, 8, 8, b"", SECONDS), work_of(RECIPE), None)
    devices = [_running(pace), _running(pace, count=4)]  # 8 and 32 seconds
    job = devices[0].job
    assert wait_times([job] * 3, devices, lambda _: 20.0) == pytest.approx([8, 28, 32, 48])
    assert wait_times([job] * 2, devices, lambda _: None) == [pytest.approx(8), None, None]
    assert wait_times([job], [_running(None)], lambda _: 20.0) == [None, None]
    assert wait_times([job], [], lambda _: 20.0) == [0.0, 20.0]


def test_before_any_step_the_pace_of_earlier_pictures_tells() -> None:
    pace = measured(GeneratedImage(RECIPE, 8, 8, b"", SECONDS), work_of(RECIPE), None)
    assert _running(pace, count=3).seconds_left == pytest.approx(24.0)
    assert _running(None, count=3).seconds_left is None


def test_what_was_not_there_before_takes_all_steps() -> None:
    spot = replace(RECIPE, init_image="u1", mask_image="u2", strength=0.5)
    beyond = replace(spot, inpaint=Inpainting(extend_right=4000))
    photo = (512, 512)
    one, many = (work_of(recipe, photo, SMALL.defaults) for recipe in (spot, beyond))
    assert one.pixel_steps == 2 * one.pixels * RECIPE.steps // 2
    assert many.pixels > 3 * one.pixels
    assert many.pixel_steps - one.pixel_steps == 2 * (many.pixels - one.pixels) * RECIPE.steps
    bands = replace(RECIPE, init_image="u1", strength=0.5, resize="fill")
    assert work_of(bands, (512, 256), SMALL.defaults) == work_of(replace(bands, strength=1.0), None)
    assert work_of(bands, photo, SMALL.defaults).pixel_steps == work_of(bands).pixel_steps
