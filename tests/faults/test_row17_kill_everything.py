"""Row 17: `kill -9` of everything with jobs running and waiting: the next start goes on and draws the same pictures."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

from tests.studio import ROOT, finished, make_service, quick, wait_for
from webui.jobs.store import Job

KILLS = 5
JOBS = 6


def kill_with_children(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the process and to its worker, as a power cut would."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(member.pid, signal.SIGKILL)
    process.wait()


def pixels(folder: Path) -> dict[int, bytes]:
    """Each job's picture by its seed."""
    from PIL import Image

    found = {}
    for path in folder.glob("outputs/*/*.png"):
        with Image.open(path) as picture:
            seed = int(picture.text["parameters"].partition("Seed: ")[2].partition(",")[0])
            assert seed not in found, "drawn twice"
            found[seed] = picture.tobytes()
    return found


def submit_all(data: Path) -> list[Job]:
    """Six jobs of two visitors in the database, with nothing running yet."""
    service = make_service(data)
    jobs = [service.submit("ab"[k % 2] * 20, quick(f"picture {k}", seed=100 + k, steps=4)) for k in range(JOBS)]
    kept = [service.store.job(job) for job in jobs]
    service.close()
    return [job for job in kept if job is not None]


def test_row17_no_job_is_lost_or_drawn_twice_and_the_pictures_are_the_same(tmp_path: Path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    jobs = submit_all(killed)
    dice = random.Random(uuid.uuid4().int)
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.studio", str(killed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        before = len(pixels_so_far(killed))
        end = time.monotonic() + 60
        while len(pixels_so_far(killed)) == before and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.3))
        kill_with_children(process)
    service = make_service(killed)
    service.start()
    assert [finished(service, job.id).state for job in jobs] == ["done"] * JOBS
    owners = {owner: service.pictures.page(owner) for owner in ("a" * 20, "b" * 20)}
    service.close()
    assert {len(pictures) for pictures in owners.values()} == {JOBS // 2}

    submit_all(whole)
    undisturbed = make_service(whole)
    undisturbed.start()
    wait_for(lambda: not undisturbed.store.unfinished_jobs())
    undisturbed.close()
    assert pixels(killed) == pixels(whole)
    assert len(pixels(whole)) == JOBS


def pixels_so_far(folder: Path) -> list[Path]:
    return list(folder.glob("outputs/*/*.png"))
