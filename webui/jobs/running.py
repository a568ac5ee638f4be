"""A job that is on a device right now: its progress, its preview, and how long it still takes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from webui.core.types import GeneratedImage, Progress
from webui.jobs.store import Job, Pace


@dataclass(slots=True)
class Running:
    """The live side of a job. One dispatcher thread writes it, anybody may read."""

    job: Job
    pace: Pace | None
    index: int = 0
    progress: Progress = field(default_factory=lambda: Progress("loading"))
    preview: bytes = b""
    preview_number: int = 0
    denoising_since: float = 0.0
    stop_asked: bool = False
    notes: list[str] = field(default_factory=list)

    def begin(self, index: int) -> None:
        self.index, self.denoising_since = index, 0.0
        self.progress = Progress("loading" if index == 0 else "encoding")

    def take(self, progress: Progress) -> None:
        if progress.stage == "denoising" and self.progress.stage != "denoising":
            self.denoising_since = time.monotonic()
        if progress.preview:
            self.preview, self.preview_number = progress.preview, self.preview_number + 1
        self.progress = progress

    @property
    def state(self) -> str:
        return "loading" if self.progress.stage == "loading" else "running"

    @property
    def picture_fraction(self) -> float:
        """How much of the current picture is done, 0 to 1."""
        match self.progress.stage:
            case "denoising" if self.progress.steps:
                return 0.95 * self.progress.step / self.progress.steps
            case "decoding":
                return 0.95
        return 0.0

    @property
    def fraction(self) -> float:
        """How much of the whole job is done, 0 to 1."""
        return (self.index + self.picture_fraction) / self.job.count

    @property
    def seconds_left(self) -> float | None:
        """From the speed seen in this picture, else from the speed measured before; None while nobody can know."""
        a_picture = self.pace.picture_seconds(self.job.recipe) if self.pace else None
        progress = self.progress
        if progress.stage == "denoising" and progress.step:
            each = (time.monotonic() - self.denoising_since) / progress.step
            after = each if self.pace is None else self.pace.fixed_second * _megapixels(self.job)
            this = each * (progress.steps - progress.step) + after
            a_picture = a_picture or each * progress.steps + after
        elif a_picture is not None:
            this = a_picture * (1 - self.picture_fraction)
        else:
            return None
        return this + a_picture * (self.job.count - self.index - 1)


def measured(image: GeneratedImage, before: Pace | None) -> Pace:
    """The pace after one more picture: the newest measurement counts a third, the first one fully.

    Per pixel drawn, not per pixel of the picture: a spot of a large photo is repainted at the model's own size.
    """
    recipe = image.recipe
    megapixels = recipe.width * recipe.height / 1e6
    steps = max(1, round(recipe.steps * max(recipe.strength, 0.05)))
    step = image.seconds.get("denoising", 0.0) / steps / megapixels
    fixed = (image.seconds.get("encoding", 0.0) + image.seconds.get("decoding", 0.0)) / megapixels
    if before is None:
        return Pace(step, fixed)
    return Pace(
        before.step_second + (step - before.step_second) / 3, before.fixed_second + (fixed - before.fixed_second) / 3
    )


def _megapixels(job: Job) -> float:
    return job.recipe.width * job.recipe.height / 1e6
