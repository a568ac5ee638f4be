"""Feeds one device: takes the next job, draws its pictures one by one, hands them over to be saved.

Pictures are compressed and written by a second thread while the device already draws the next one.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Protocol

from webui.core.errors import Stopped, UserError, WorkerDied
from webui.core.types import DeviceFacts, Fault, GeneratedImage, JobState, ModelCard, Order, Progress
from webui.jobs.running import Running, measured
from webui.jobs.store import Job, Store

log = logging.getLogger(__name__)
DEATHS_ALLOWED = 1
STARTED_AGAIN = "The drawing process stopped unexpectedly, so this picture was started again."


class Link(Protocol):
    """The way to one worker process. `draw` blocks; the others may be called from any thread."""

    @property
    def facts(self) -> DeviceFacts | None: ...
    @property
    def state(self) -> str: ...
    @property
    def model(self) -> str: ...
    def start(self, preload: ModelCard | None = None) -> None: ...
    def draw(self, order: Order, on_progress: Callable[[Progress], None]) -> GeneratedImage: ...
    def cancel(self) -> None: ...
    def close(self) -> None: ...


class Desk(Protocol):
    """What the dispatcher needs of the service."""

    def take_next(self, dispatcher: Dispatcher) -> Running | None: ...
    def order_for(self, job: Job, index: int) -> Order: ...
    def keep(self, job: Job, index: int, image: GeneratedImage) -> None: ...
    def changed(self) -> None: ...
    def left(self, running: Running) -> None: ...


class Dispatcher:
    """One thread for one device."""

    def __init__(self, link: Link, desk: Desk, store: Store) -> None:
        self.link, self._desk, self._store = link, desk, store
        self.running: Running | None = None
        self._wake = threading.Condition()
        self._closing = False
        self._saver = ThreadPoolExecutor(1, thread_name_prefix="easel-saver")
        self._thread = threading.Thread(target=self._work, name="easel-dispatcher", daemon=True)

    def start(self, preload: ModelCard | None) -> None:
        """Starts worker and thread; the worker warms `preload` up before anybody asks."""
        self.link.start(preload)
        self._thread.start()

    def nudge(self) -> None:
        """There may be something to do."""
        with self._wake:
            self._wake.notify_all()

    def stop(self, job_id: str) -> bool:
        """Stops the job if it is the one on this device."""
        running = self.running
        if running is None or running.job.id != job_id:
            return False
        running.stop_asked = True
        self.link.cancel()
        return True

    def close(self) -> None:
        """Ends thread and worker; what was running stays in the database as running and goes on at the next start."""
        self._closing = True
        self.nudge()
        self.link.cancel()
        self.link.close()
        if self._thread.is_alive():
            self._thread.join(10)
        self._saver.shutdown(wait=True)

    def _work(self) -> None:
        told = None
        while not self._closing:
            try:
                running = self._desk.take_next(self)
            except Exception:  # a full disk, mostly: the queue waits, whatever it is
                log.exception("The next job could not be taken")
                self._sleep(5.0)
                continue
            if running is None:
                now = (self.link.state, self.link.model, self.link.facts)
                if now != told:  # a worker that got ready, or died, rings no bell itself
                    told = now
                    self._desk.changed()
                self._sleep(1.0)
                continue
            try:
                self._draw_all(running)
            finally:
                self.running = None
                self._desk.left(running)

    def _sleep(self, seconds: float) -> None:
        """Until then, or until there may be something to do."""
        with self._wake:
            self._wake.wait(seconds)

    def _draw_all(self, running: Running) -> None:
        """Draws what a job still lacks and writes its end into the database."""
        job = running.job
        saved: list[Future[None]] = []
        try:
            drawn = self._store.drawn_places(job.id)
            for index in range(job.count):
                if index in drawn:
                    continue
                if running.stop_asked:
                    raise Stopped
                wait(saved[:-1])  # two at most wait to be written: each can have 200 MB
                running.begin(index)
                self._desk.changed()
                image = self._draw(running, index)
                running.notes += [note for note in image.notes if note not in running.notes]
                saved.append(self._saver.submit(self._desk.keep, job, index, image))
                self._measure(running, image)
            for future in saved:
                future.result()
            if self._store.drawn_places(job.id) != set(range(job.count)):  # given up while the disk was full
                raise Stopped
        except Stopped:
            self._end(running, saved, "stopped", None)
        except UserError as error:
            self._end(running, saved, "error", error.fault)
        except Exception:  # the border: a bug must not end the queue; the person gets its number
            number = secrets.token_hex(3)
            log.exception("Job failed, error %s", number)
            fault = Fault(
                "bug",
                f"Something went wrong inside Easel (error {number}).",
                "Try again; the log names the cause.",
                "retry",
                "Try again",
                500,
            )
            self._end(running, saved, "error", fault)
        else:
            self._end(running, saved, "done", None)

    def _end(self, running: Running, saved: list[Future[None]], state: JobState, fault: Fault | None) -> None:
        """Writes how a job ended, once all its pictures are kept. At closing time only a job that is whole, or that
        somebody stopped, has ended.
        """
        for future in saved:
            future.exception()
        while not self._closing or state == "done" or running.stop_asked:
            try:
                self._store.set_job(running.job.id, state, fault, running.notes)
                return
            except (UserError, sqlite3.Error):
                log.exception("How a job ended could not be written")
                if self._closing:  # the next start sees its pictures
                    return
                self._sleep(5.0)

    def _draw(self, running: Running, index: int) -> GeneratedImage:
        """One picture; a worker that dies under it costs one more try, not the job."""
        while True:
            try:
                order = self._desk.order_for(running.job, index)
                if running.stop_asked:
                    raise Stopped
                return self.link.draw(order, lambda progress: self._progress(running, progress))
            except WorkerDied:
                if running.stop_asked:
                    raise Stopped from None
                if self._closing or self._store.count_death(running.job.id) > DEATHS_ALLOWED:
                    running.notes = [note for note in running.notes if note != STARTED_AGAIN]  # the error says it all
                    raise
                running.begin(index, anew=True)
                running.notes.append(STARTED_AGAIN)
                self._desk.changed()

    def _progress(self, running: Running, progress: Progress) -> None:
        if running.stop_asked:  # also when Stop was pressed just before there was anything to cancel
            self.link.cancel()
        running.take(progress)
        self._desk.changed()

    def _measure(self, running: Running, image: GeneratedImage) -> None:
        facts, recipe = self.link.facts, running.job.recipe
        if facts is None:
            return
        try:
            before = self._store.pace_of_task(recipe, facts.name)
            self._store.set_pace(recipe, facts.name, measured(image, running.work, before))
        except (UserError, sqlite3.Error):  # no reason to lose a picture over
            log.exception("The pace could not be kept")
