"""The whole app below the page, with a real worker process and the real starter model, for tests."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from webui.core.presets import load_presets
from webui.core.settings import Settings
from webui.core.types import GenerationRequest
from webui.engine.link import WorkerLink
from webui.families import all_families
from webui.jobs.service import Service
from webui.jobs.store import Job
from webui.library.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 240.0


def make_service(
    data: Path, models: Sequence[Path] = (ROOT / "models",), links: Sequence[WorkerLink] | None = None
) -> Service:
    """A service that is not started yet. Unless there are `links`, it has one worker, on the CPU."""
    settings = Settings(data=data, models=tuple(models))
    families = all_families()
    catalog = Catalog(settings.models, families)
    catalog.refresh()
    presets = load_presets(ROOT / "presets", None)
    return Service(settings, presets, catalog, families, links or [WorkerLink("cpu", threads=1)])


def quick(prompt: str = "a red apple", **changes: object) -> GenerationRequest:
    """A request that is drawn in a fraction of a second."""
    small = {"width": 128, "height": 128, "steps": 1, "guidance_scale": 1.0, "seed": 1, "sampler": "DDIM"}
    return GenerationRequest(prompt=prompt, model="starter", **{**small, **changes})


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Returns as soon as the condition holds; fails the test when it never does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def finished(service: Service, job_id: str) -> Job:
    """The job once it has ended."""
    wait_for(lambda: (job := service.store.job(job_id)) and job.finished)
    job = service.store.job(job_id)
    assert job is not None
    return job


def run_for_ever(data: Path) -> None:
    """A process of its own with a started service: for tests that kill it. Prints "up" when it is."""
    service = make_service(data)
    service.start()
    print("up", flush=True)
    sys.stdin.read()
    service.close()


if __name__ == "__main__":
    run_for_ever(Path(sys.argv[1]))
