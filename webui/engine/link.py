"""The page's side of the pipe: starts the worker, gives it orders, replaces it when it dies or hangs. Without torch."""

from __future__ import annotations

import itertools
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from webui.core.errors import Stopped, WorkerDied
from webui.core.types import DeviceFacts, GeneratedImage, ModelCard, Order, Progress, Stage
from webui.engine import wire
from webui.engine.wire import Message

log = logging.getLogger(__name__)

LAST_WORDS = 1.0  # seconds to read what a worker that has ended wrote; a child of its own may hold the pipe open

State = Literal["starting", "ready", "busy", "dead", "closed"]


@dataclass(frozen=True)
class Patience:
    """Seconds. A worker that shows no life for longer is replaced: `loading` while it loads, else `steps` times its
    slowest step, at least `silence`. After Stop it has `stop_loading` or `stop_drawing` to answer."""

    silence: float = 120.0
    steps: float = 20.0
    loading: float = 600.0
    stop_loading: float = 1.0
    stop_drawing: float = 30.0


@dataclass(eq=False)
class _Child:
    process: subprocess.Popen[bytes]
    orders: queue.SimpleQueue[Message | None] = field(default_factory=queue.SimpleQueue)
    answers: queue.Queue[Message | None] = field(default_factory=queue.Queue)
    pulse: int = 0
    alive_at: float = field(default_factory=time.monotonic)
    ready: bool = False
    last_words: str = ""

    @property
    def dead(self) -> bool:
        return self.process.poll() is not None


class WorkerLink:
    """One device's worker. Every method may be called from any thread; `draw` takes one order at a time."""

    def __init__(
        self,
        device: str = "auto",
        *,
        vram: float | None = None,
        threads: int | None = None,
        command: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.device = device
        self.facts: DeviceFacts | None = None
        self.model = ""
        self._command = [*(command or _command(device, vram, threads))]
        self._patience = patience or Patience()
        self._drawing = threading.Lock()
        self._guard = threading.RLock()
        self._child: _Child | None = None
        self._preload: ModelCard | None = None
        self._numbers = itertools.count(1)
        self._number = 0
        self._cancelled_at: float | None = None
        self._deaths = 0  # since an order was last answered
        self._closed = False

    @property
    def state(self) -> State:
        child = self._child
        if self._closed:
            return "closed"
        if child is None or child.dead:
            return "dead"
        if not child.ready:
            return "starting"
        return "busy" if self._number else "ready"

    def start(self, preload: ModelCard | None = None) -> None:
        """Start the process; returns at once. `preload` is loaded and warmed up before anybody asks."""
        self._preload = preload
        self._alive()

    def draw(self, order: Order, on_progress: Callable[[Progress], None]) -> GeneratedImage:
        """Blocks until the picture is there. Raises UserError children, Stopped, WorkerDied (the next worker starts);
        RuntimeError with the worker's log id for a bug."""
        with self._drawing:
            with self._guard:
                self._number, self._cancelled_at = next(self._numbers), None
            try:
                return self._finished(self._ordered(order), on_progress)
            finally:
                with self._guard:
                    self._number = 0

    def cancel(self) -> None:
        """Stop the picture that is drawn now, if there is one."""
        with self._guard:
            if self._number and self._cancelled_at is None:
                self._cancelled_at = time.monotonic()
                if self._child is not None:
                    self._child.orders.put({"kind": "cancel", "number": self._number})

    def close(self) -> None:
        """End the process. A draw that waits raises WorkerDied."""
        with self._guard:
            self._closed = True
            child = self._child
        if child is not None:
            child.process.kill()
            child.process.wait()

    def _ordered(self, order: Order) -> _Child:
        child = self._alive()
        child.alive_at = time.monotonic()
        child.orders.put({"kind": "draw", "number": self._number, **wire.pack_order(order)})
        return child

    def _finished(self, child: _Child, on_progress: Callable[[Progress], None]) -> GeneratedImage:
        watch = _Watch(self._patience)
        while True:
            try:
                message = child.answers.get(timeout=0.1)
            except queue.Empty:
                self._look(child, watch)
                continue
            if message is None:
                raise Stopped if self._cancelled_at else _died(child)
            if message.get("number") != self._number:
                continue
            if message["kind"] == "progress":
                progress = wire.unpack_progress(message)
                watch.saw(progress)
                if self._cancelled_at is None:
                    on_progress(progress)
                self._look(child, watch)
                continue
            self._deaths = 0
            return _answer(message)

    def _look(self, child: _Child, watch: _Watch) -> None:
        """Replace a child that does not stop, or that hangs."""
        now = time.monotonic()
        if self._cancelled_at is not None and now - self._cancelled_at > watch.stop_within():
            self._replace(child)
            raise Stopped
        if now - max(child.alive_at, watch.began) > watch.limit(child.ready):
            log.error("the worker shows no life since %.0f s and is replaced", now - child.alive_at)
            self._replace(child)
            raise WorkerDied("The drawing process hung and was started anew.", "Try again.", "retry", "Try again")

    def _replace(self, child: _Child) -> None:
        child.process.kill()
        child.process.wait()
        if not self._closed:
            self._alive()

    def _alive(self) -> _Child:
        with self._guard:
            if self._closed:
                raise WorkerDied("The app is closing.")
            if self._child is None or self._child.dead:
                self._child, self.model = self._spawn(), ""
            return self._child

    def _spawn(self) -> _Child:
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child = _Child(process)
        log_lines = threading.Thread(target=_log_lines, args=(child,), name="worker log", daemon=True)
        answers = threading.Thread(target=self._hear, args=(child, log_lines), name="worker answers", daemon=True)
        orders = threading.Thread(target=_tell, args=(child,), name="worker orders", daemon=True)
        for thread in (log_lines, answers, orders):
            thread.start()
        if self._preload is not None and not self._deaths:
            child.orders.put({"kind": "preload", "card": wire.pack_card(self._preload)})
        return child

    def _hear(self, child: _Child, log_lines: threading.Thread) -> None:
        """One thread a child: what it says, until its end. Its last words are known before anybody hears of that."""
        assert child.process.stdout is not None
        try:
            while True:
                self._heard(child, wire.read(child.process.stdout))
        except (EOFError, OSError, ValueError):
            child.process.kill()
            child.process.wait()
            log_lines.join(LAST_WORDS)
            child.orders.put(None)
            child.answers.put(None)
        with self._guard:
            if child is self._child and not self._closed:
                self._mourn()

    def _mourn(self) -> None:
        """Another one at once after the first death, but without what was loaded ahead, lest that killed it; after the
        second when it is needed."""
        self._deaths += 1
        if self._deaths == 1:
            self._alive()

    def _heard(self, child: _Child, message: Message) -> None:
        kind = message["kind"]
        if kind == "beat":
            if message["pulse"] != child.pulse:
                child.pulse, child.alive_at = message["pulse"], time.monotonic()
            return
        child.alive_at = time.monotonic()
        if kind == "ready":
            self.facts, child.ready = wire.unpack_facts(message["facts"]), True
        elif kind == "model":
            self.facts, self.model = wire.unpack_facts(message["facts"]), message["id"]
        elif "number" in message:
            child.answers.put(message)


@dataclass
class _Watch:
    """How long a picture's worker may be silent, from how fast it has been so far."""

    patience: Patience
    stage: Stage = "loading"
    began: float = field(default_factory=time.monotonic)
    slowest: float = 0.0
    _last: float | None = None

    def saw(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage == "denoising" and self._last is not None:
            self.slowest = max(self.slowest, now - self._last)
        self._last = now if progress.stage == "denoising" else None
        self.stage = progress.stage

    def limit(self, ready: bool) -> float:
        if self.stage == "loading" or not ready:
            return self.patience.loading
        return max(self.patience.silence, self.patience.steps * self.slowest)

    def stop_within(self) -> float:
        return self.patience.stop_loading if self.stage == "loading" else self.patience.stop_drawing


def _answer(message: Message) -> GeneratedImage:
    if message["kind"] == "done":
        return wire.unpack_image(message)
    if message["kind"] == "stopped":
        raise Stopped
    if message["kind"] == "fault":
        raise wire.unpack_error(message)
    raise RuntimeError(f"the worker failed, {message['what']} (its log: bug {message['id']})")


def _command(device: str, vram: float | None, threads: int | None) -> list[str]:
    command = [sys.executable, "-m", "webui.engine.serve", "--device", device]
    command += ["--vram", str(vram)] if vram else []
    return command + (["--threads", str(threads)] if threads else [])


def _died(child: _Child) -> WorkerDied:
    if not child.ready:
        said = f" It said: “{child.last_words[:200]}”." if child.last_words else ""
        return WorkerDied("The drawing process could not start.", f"The log tells more.{said}", "retry", "Try again")
    return WorkerDied(
        "The drawing process ended unexpectedly: the computer's memory was full, or its graphics card failed.",
        "It was started anew. Close other programs or choose a smaller size.",
        "retry",
        "Try again",
    )


def _tell(child: _Child) -> None:
    """One thread a child: what it is told, in order. Whoever tells it something never waits for it to listen."""
    assert child.process.stdin is not None
    try:
        for message in iter(child.orders.get, None):
            wire.write(child.process.stdin, message)
    except (OSError, ValueError):
        return  # it is dead, which `_hear` notices


def _log_lines(child: _Child) -> None:
    assert child.process.stderr is not None
    for line in child.process.stderr:
        if said := line.decode(errors="replace").rstrip():
            child.last_words = said
            log.info("%s", said)
