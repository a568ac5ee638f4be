"""The door, with the real worker and the starter."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio import finished, make_service, quick, wait_for
from webui.core.errors import InvalidRequest, ModelMissing, NotFound, QueueFull
from webui.core.types import Fault, GenerationRequest
from webui.jobs.service import OWNER_LIMIT, Service
from webui.jobs.views import in_words

ANN, BOB = "ann" * 8, "bob" * 8
LONG = {"width": 256, "height": 256, "steps": 150}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = make_service(tmp_path_factory.mktemp("service"))
    service.start()
    yield service
    service.close()


def test_a_stopped_job_shows_how_far_it_had_come(service: Service):
    job = service.submit(ANN, quick(**LONG))
    wait_for(lambda: service.live(ANN)["preview"])
    service.stop(ANN, job)
    assert finished(service, job).state == "stopped"
    view = service.live(ANN)
    assert (view["state"], view["job"], view["text"]) == ("stopped", job, "Stopped")
    assert service.preview(ANN, job).startswith(b"\xff\xd8")
    assert service.preview(BOB, job) is None


def test_a_signal_for_all_processes_does_not_end_the_worker(service: Service):
    """A service manager and a terminal send theirs to the whole group: the job goes on at the next start, unharmed."""
    job = service.submit(ANN, quick(**LONG))
    wait_for(lambda: service.live(ANN)["preview"])
    link = service._dispatchers[0].link
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(link._child.process.pid, number)
    step = service.live(ANN)["step"]
    wait_for(lambda: service.live(ANN)["step"] > step + 2)
    assert service.store.job(job).deaths == 0
    service.stop(ANN, job)
    finished(service, job)


def test_a_stop_just_before_closing_is_kept(tmp_path: Path):
    service = make_service(tmp_path)
    service.start()
    job = service.submit(ANN, quick(**LONG))
    wait_for(lambda: service.live(ANN)["preview"])
    service.stop(ANN, job)
    service.close()
    again = make_service(tmp_path)
    assert again.store.job(job).state == "stopped"
    again.store.close()


def test_what_is_written_is_seen_at_once_by_who_watches_the_queue(tmp_path: Path):
    service = make_service(tmp_path)  # not started: jobs wait
    first, second = (service.submit(ANN, quick(f"picture {k}")) for k in range(2))
    assert [job.id for job in service.store.unfinished_jobs()] == [first, second]
    assert service.live(BOB)["waiting"] == []
    third = service.submit(BOB, quick())
    assert service.live(BOB)["job"] == third
    service.stop(ANN, first)
    assert [job.id for job in service.store.unfinished_jobs()] == [second, third]
    service.close()


def test_what_is_sent_twice_is_queued_once_also_by_the_next_start(tmp_path: Path):
    service = make_service(tmp_path)
    first = service.submit(ANN, quick(), once="a number")
    assert service.submit(ANN, quick(), once="a number") == first
    assert (
        len({first, service.submit(ANN, quick(), once="another"), service.submit(BOB, quick(), once="a number")}) == 3
    )
    service.close()
    again = make_service(tmp_path)
    assert again.submit(ANN, quick(), once="a number") == first
    assert len(again.store.unfinished_jobs()) == 3
    again.close()


def test_a_browser_that_asks_late_still_gets_the_last_preview(service: Service):
    job = service.submit(ANN, quick(width=256, height=256, steps=40))
    wait_for(lambda: service.live(ANN)["preview"])
    assert finished(service, job).state == "done"
    assert service.preview(ANN, job).startswith(b"\xff\xd8")
    assert service.preview(BOB, job) is None
    assert service.live(ANN)["preview"] == ""


@pytest.mark.parametrize(
    ("fix", "side", "gap"), [("retry", 64, slice(2, 4)), ("size:72x72", 72, slice(2, 4)), ("retry", 64, slice(2, 3))]
)
def test_trying_again_goes_on_where_a_batch_failed(service: Service, fix: str, side: int, gap: slice):
    job = service.submit(ANN, quick(count=4, seed=100, width=64, height=64))
    finished(service, job)
    missing = service.store.job_pictures(job)[gap]
    with service.store._transaction() as db:  # as if these had failed
        db.executemany("DELETE FROM pictures WHERE id = ?", [(picture.id,) for picture in missing])
    service.store.set_job(job, "error", Fault("worker_died", "It stopped.", fix=fix))
    rest = finished(service, service.fix(ANN, job))
    assert (rest.state, rest.count) == ("done", 2)
    drawn = service.store.job_pictures(rest.id)
    assert [(p.recipe.seed, p.width) for p in drawn] == [(102, side), (103, side)]


def test_a_job_taken_back_before_its_turn_leaves_the_stage_alone(service: Service):
    first = service.submit(ANN, quick("the first"))
    finished(service, first)
    blocker = service.submit(BOB, quick(**LONG))
    wait_for(lambda: service.store.job(blocker).state == "running")
    second = service.submit(ANN, quick("the second"))
    assert service.live(ANN)["position"] == 1
    service.stop(ANN, second)
    service.stop(BOB, blocker)
    finished(service, blocker)
    assert service.live(ANN)["job"] == first
    assert service.live(ANN)["state"] == "done"


def test_a_batch_equals_its_single_pictures(service: Service):
    batch = service.submit(ANN, quick("a boat", seed=40, count=3, steps=3))
    singles = [service.submit(ANN, quick("a boat", seed=40 + k, steps=3)) for k in range(3)]
    files = []
    for job in (batch, *singles):
        assert finished(service, job).state == "done"
        files.append([service.pictures.read(ANN, p.id) for p in service.store.job_pictures(job)])
    assert files[0] == [single for (single,) in files[1:]]


def test_same_again_is_the_same_picture(service: Service):
    job = service.submit(ANN, quick("a hill, (green:1.2)", negative_prompt="blue", guidance_scale=3.0, steps=4))
    finished(service, job)
    picture = service.store.job_pictures(job)[0]
    again = service.submit(ANN, service.request_of(ANN, picture.id))
    finished(service, again)
    second = service.store.job_pictures(again)[0]
    assert service.pictures.read(ANN, second.id) == service.pictures.read(ANN, picture.id)
    with pytest.raises(NotFound):
        service.request_of(BOB, picture.id)


def test_refusals_never_reach_the_queue(service: Service):
    with pytest.raises(InvalidRequest):
        service.submit(ANN, quick(steps=0))
    with pytest.raises(ModelMissing):
        service.submit(ANN, GenerationRequest("x", model="checkpoints/none"))
    with pytest.raises(NotFound):
        service.submit(ANN, quick(init_image="0" * 24))
    assert service.store.unfinished_jobs() == ()


def test_a_prompt_that_the_model_was_never_taught_is_told_from_the_start_to_the_end(service: Service):
    blocker = service.submit(BOB, quick(**LONG))
    job = service.submit(ANN, quick("eine Erdbeere"))
    assert "never shown" in service.live(ANN)["notes"][0]
    service.stop(BOB, blocker)
    finished(service, job)
    assert "English names" in service.live(ANN)["notes"][0]
    finished(service, service.submit(ANN, quick("a strawberry")))
    assert service.live(ANN)["notes"] == []


def test_the_queue_is_full_at_some_point_and_stopping_empties_it(service: Service):
    jobs = [service.submit(ANN, quick(**LONG)) for _ in range(OWNER_LIMIT)]
    with pytest.raises(QueueFull):
        service.submit(ANN, quick())
    service.submit(BOB, quick())
    view = service.live(ANN)
    assert len(view["waiting"]) == OWNER_LIMIT - 1
    for job in reversed(jobs):
        service.stop(ANN, job)
    wait_for(lambda: not service.store.unfinished_jobs())
    assert {service.store.job(job).state for job in jobs} == {"stopped"}


def test_the_time_left_is_known_once_the_model_was_measured(service: Service):
    job = service.submit(ANN, quick(**LONG))
    wait_for(lambda: service.live(ANN)["step"] > 2)
    view = service.live(ANN)
    assert 0 < view["seconds_left"] < 600
    assert 0 < view["fraction"] < 1
    assert view["text"].endswith("left")
    service.stop(ANN, job)
    finished(service, job)
    forecast = service.forecast(quick(count=2))
    assert forecast is not None and forecast.fits
    assert forecast.seconds is not None and forecast.seconds > 0


def test_times_in_words():
    assert [in_words(s) for s in (None, 0.2, 41.2, 100, 5400)] == ["", "1 s", "42 s", "2 min", "1 h 30 min"]
