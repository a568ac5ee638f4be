"""The database: what goes in comes out, owners stay apart, a killed writer leaves nothing half-done."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from webui.core.types import Fault, LoraUse, Recipe, SavedImage
from webui.core.work import work_of
from webui.jobs.store import Job, Pace, Store, Upload

RECIPE = Recipe("starter", "a red fox", "blurry", 256, 256, 12, 4.0, "Euler", 7, loras=(LoraUse("loras/ink", 0.5),))


def job(number: int = 0, owner: str = "ann", **changes: object) -> Job:
    return replace(Job(f"job{number}", owner, 1000.0 + number, "queued", RECIPE, 2, "Starter", "a red fox"), **changes)


def picture(number: int = 0, owner: str = "ann", prompt: str = "a red fox", **changes: object) -> SavedImage:
    path = f"outputs/{number}.png"
    row = SavedImage(f"pic{number}", owner, f"job{number}", 0, RECIPE, path, 256, 256, 999, 1000.0 + number)
    return replace(row, **{"prompt": prompt, "seconds": 1.5, "model_title": "Starter", **changes})


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path / "easel.db")
    yield store
    store.close()


def test_a_job_comes_back_as_it_went_in(store: Store):
    store.add_job(job())
    assert store.job("job0") == job()
    fault = Fault("disk_full", "The disk is full.", "Free some space.", "retry", "Try again", 507)
    store.set_job("job0", "error", fault, ["a note"])
    assert store.job("job0") == job(state="error", fault=fault, notes=("a note",))


def test_unfinished_jobs_keep_their_order_and_leave_out_the_ended(store: Store):
    for number, state in enumerate(["queued", "running", "done", "queued", "stopped", "error"]):
        store.add_job(job(number, state=state))
    assert [j.id for j in store.unfinished_jobs()] == ["job0", "job1", "job3"]


def test_pictures_belong_to_their_owner(store: Store):
    store.add_picture(picture(1, "ann"), b"thumb")
    assert store.picture("ann", "pic1") == picture(1, "ann")
    assert store.thumbnail("ann", "pic1") == b"thumb"
    assert store.picture("bob", "pic1") is None
    assert store.thumbnail("bob", "pic1") is None
    assert store.page("bob", "", False, None, 10) == []
    store.set_deleted("bob", ["pic1"], 1.0)
    store.set_favourite("bob", "pic1", True)
    assert store.page("ann", "", False, None, 10) == [picture(1, "ann")]


def test_the_same_picture_again_replaces_itself(store: Store):
    store.add_picture(picture(1), b"thumb")
    store.add_picture(picture(1, bytes=5), b"other")
    assert [p.bytes for p in store.page("ann", "", False, None, 10)] == [5]


def test_paging_search_and_favourites(store: Store):
    for number in range(30):
        store.add_picture(picture(number, prompt=f"a 100%_{'cat' if number % 3 else 'Dog'} number {number}"), b"")
    first = store.page("ann", "", False, None, 10)
    second = store.page("ann", "", False, first[-1].created, 10)
    assert [p.id for p in first + second] == [f"pic{n}" for n in range(29, 9, -1)]
    assert {p.id for p in store.page("ann", "dog number", False, None, 99)} == {f"pic{n}" for n in range(0, 30, 3)}
    assert len(store.page("ann", "%_", False, None, 99)) == 30
    assert store.page("ann", "%x%", False, None, 99) == []
    store.set_favourite("ann", "pic4", True)
    assert [p.id for p in store.page("ann", "", True, None, 99)] == ["pic4"]


def test_delete_can_be_undone_until_it_is_forgotten(store: Store):
    store.add_job(job(1, state="done"))
    store.add_picture(picture(1), b"t")
    store.set_deleted("ann", ["pic1"], 50.0)
    assert store.page("ann", "", False, None, 9) == []
    store.set_deleted("ann", ["pic1"], None)
    assert len(store.page("ann", "", False, None, 9)) == 1
    store.set_deleted("ann", ["pic1"], 50.0)
    assert store.forget_deleted(40.0) == []
    assert store.forget_deleted(60.0) == ["outputs/1.png"]
    assert store.picture("ann", "pic1") is None


def test_a_deleted_picture_of_an_unfinished_job_is_not_drawn_again(store: Store):
    store.add_job(job(1, state="running"))
    store.add_picture(picture(1), b"t")
    store.set_deleted("ann", ["pic1"], 50.0)
    assert store.forget_deleted(60.0) == []
    assert store.drawn_places("job1") == {0}


def test_uploads(store: Store):
    upload = Upload("u1", "ann", "uploads/u1.png", 10, 20, 5.0)
    store.add_upload(upload)
    assert store.upload("ann", "u1") == upload
    assert store.upload("bob", "u1") is None


def test_pace_is_kept_for_each_task(store: Store):
    """A photo's strength costs small models fewer steps than it says; a guess from another task beats none."""
    photo = replace(RECIPE, init_image="u1", strength=0.6)
    assert store.pace(RECIPE, "cpu") is None
    store.set_pace(RECIPE, "cpu", Pace(2.0, 3.0))
    assert store.pace(RECIPE, "cpu") == store.pace(photo, "cpu") == Pace(2.0, 3.0)
    assert store.pace(RECIPE, "cuda") is None
    assert store.pace(replace(RECIPE, model="other"), "cpu") is None
    store.set_pace(photo, "cpu", Pace(1.0, 4.0))
    assert store.pace(photo, "cpu") == Pace(1.0, 4.0)
    assert store.pace(RECIPE, "cpu") == Pace(2.0, 3.0)
    assert store.pace_of_task(replace(photo, mask_image="u2"), "cpu") is None
    assert Pace(2.0, 3.0).seconds(work_of(RECIPE)) == pytest.approx(0.065536 * (2 * 12 * 2 + 3))


def test_a_job_that_has_ended_is_not_stopped(store: Store):
    for number, state in enumerate(("queued", "running", "done", "error")):
        store.add_job(job(number, state=state))
        store.stop_job(f"job{number}")
    assert [store.job(f"job{number}").state for number in range(4)] == ["stopped", "stopped", "done", "error"]


def test_a_writer_killed_at_any_moment_leaves_whole_rows(tmp_path: Path):
    """Ten processes are killed while they add jobs: every job they reported is there, and the file is sound."""
    program = textwrap.dedent("""
        import sys, pathlib
        from tests.jobs.test_store import job
        from webui.jobs.store import Store
        store = Store(pathlib.Path(sys.argv[1]))
        for number in range(int(sys.argv[2]), 10**9):
            store.add_job(job(number))
            print(number, flush=True)
    """)
    path, reported = tmp_path / "easel.db", -1
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(path), str(reported + 10**4)], stdout=subprocess.PIPE, text=True
        )
        first = process.stdout.readline()
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        lines = [first, *process.stdout.read().split()]
        process.wait()
        reported = int(lines[-1])
        store = Store(path)
        assert all(store.job(f"job{int(line)}") for line in lines)
        store.close()
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
