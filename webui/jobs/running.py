"""A job that is on a device right now: its progress, its preview, and how long it still takes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from webui.core.types import GeneratedImage, Progress
from webui.core.work import DrawnWork
from webui.jobs.store import Job, Pace


@dataclass(slots=True)
class Running:
    """The live side of a job. One dispatcher thread writes it, anybody may read.

    `since` is when the first step of the drawing that goes on was told, and which one that was.
    """

    job: Job
    work: DrawnWork
    pace: Pace | None
    index: int = 0
    progress: Progress = field(default_factory=lambda: Progress("loading"))
    preview: bytes = b""
    preview_number: int = 0
    since: tuple[float, int] = (0.0, 0)
    stop_asked: bool = False
    notes: list[str] = field(default_factory=list)

    def begin(self, index: int, anew: bool = False) -> None:
        """The picture `index` is next. `anew`: by a worker that has to start and load the model first."""
        self.index, self.since = index, (0.0, 0)
        self.progress = Progress("loading" if index == 0 or anew else "encoding")

    def take(self, progress: Progress) -> None:
        if progress.stage == "denoising" and self.progress.stage != "denoising":
            self.since = time.monotonic(), progress.step
        if progress.preview:
            self.preview, self.preview_number = progress.preview, self.preview_number + 1
        self.progress = progress

    @property
    def state(self) -> str:
        return "loading" if self.progress.stage == "loading" else "running"

    @property
    def picture_fraction(self) -> float:
        """How much of the current picture is done, 0 to 1: what is left at its end is decoding."""
        return 0.95 * self.progress.fraction if self.progress.stage in ("denoising", "decoding") else 0.0

    @property
    def fraction(self) -> float:
        """How much of the whole job is done, 0 to 1."""
        return (self.index + self.picture_fraction) / self.job.count

    @property
    def seconds_left(self) -> float | None:
        """From the speed seen in this picture, else from the speed measured before; None while nobody can know."""
        a_picture = self.pace.seconds(self.work) if self.pace else None
        progress, (began, first) = self.progress, self.since
        if progress.stage == "denoising" and progress.step > first:
            each = (time.monotonic() - began) / (progress.step - first)
            after = each if self.pace is None else self.pace.fixed_second * self.work.pixels / 1e6
            this = each * (progress.steps - progress.step) + after
            a_picture = a_picture or each * progress.steps + after
        elif a_picture is not None:
            this = a_picture * (1 - self.picture_fraction)
        else:
            return None
        return this + a_picture * (self.job.count - self.index - 1)


def measured(image: GeneratedImage, work: DrawnWork, before: Pace | None) -> Pace:
    """The pace after one more picture: the newest measurement counts a third, the first one fully.

    Per pixel drawn, not per pixel of the picture: a spot of a large photo is repainted at the model's own size.
    """
    step = image.seconds.get("denoising", 0.0) / work.pixel_steps * 1e6
    fixed = (image.seconds.get("encoding", 0.0) + image.seconds.get("decoding", 0.0)) / work.pixels * 1e6
    if before is None:
        return Pace(step, fixed)
    return Pace(
        before.step_second + (step - before.step_second) / 3, before.fixed_second + (fixed - before.fixed_second) / 3
    )
