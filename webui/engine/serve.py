"""The worker's side of the pipe. Orders come on stdin, answers go to what was stdout; EOF on stdin ends the process.

in:   draw {number, order}   cancel {number}   preload {card}
out:  hello   ready {facts}   beat {pulse}   model {id, facts}   progress {number, ...}
          done | fault | stopped | bug {number, ...}
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import threading
import traceback
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from webui.core.errors import Stopped, UserError
from webui.core.types import Progress
from webui.engine import wire
from webui.engine.wire import Message

if TYPE_CHECKING:
    from webui.engine.worker import Worker

log = logging.getLogger(__name__)

_beat_every = 1.0


class Pipe:
    """Both directions. Reading has a thread of its own, so that a cancel is heard while a step computes."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._writing = threading.Lock()
        self.waiting: queue.Queue[Message] = queue.Queue()
        self.stopped: dict[int, threading.Event] = {}
        self.pulse = 0

    def send(self, kind: str, **what: object) -> None:
        with self._writing:
            wire.write(self._outgoing, {"kind": kind, **what})

    def beat(self) -> None:
        self.pulse += 1

    def start(self) -> None:
        threading.Thread(target=self._read, name="orders", daemon=True).start()
        threading.Thread(target=self._beats, name="beats", daemon=True).start()

    def _read(self) -> None:
        try:
            while True:
                message = wire.read(self._incoming)
                if message["kind"] == "cancel":
                    self.event(message["number"]).set()
                else:
                    self.waiting.put(message)
        except (EOFError, OSError):
            os._exit(0)  # the page's process is gone; nothing here is worth keeping

    def _beats(self) -> None:
        ticker = threading.Event()
        try:
            while not ticker.wait(_beat_every):
                self.send("beat", pulse=self.pulse)
        except OSError:
            os._exit(0)

    def event(self, number: int) -> threading.Event:
        return self.stopped.setdefault(number, threading.Event())


def serve(pipe: Pipe, make: Callable[[], Worker]) -> None:
    """Load torch, then draw what comes, for ever."""
    pipe.send("hello")
    worker = make()
    pipe.send("ready", facts=wire.pack_facts(worker.facts))
    while True:
        message = pipe.waiting.get()
        if message["kind"] == "preload":
            _preload(pipe, worker, message)
        elif message["kind"] == "draw":
            _draw(pipe, worker, message)


def _draw(pipe: Pipe, worker: Worker, message: Message) -> None:
    number = message["number"]
    stopped = pipe.event(number)

    def progress(now: Progress) -> None:
        pipe.beat()
        pipe.send("progress", number=number, **wire.pack_progress(now))

    try:
        image = worker.draw(wire.unpack_order(message), progress, stopped)
        pipe.send("done", number=number, **wire.pack_image(image))
    except Stopped:
        pipe.send("stopped", number=number)
    except UserError as error:
        pipe.send("fault", number=number, **wire.pack_error(error))
    except Exception as error:  # noqa: BLE001  (the border: a bug must not end the worker)
        mark = uuid.uuid4().hex[:8]
        log.error("bug %s\n%s", mark, traceback.format_exc())
        if _has_lost_its_card(error):
            os._exit(1)  # the next process draws it
        pipe.send("bug", number=number, id=mark, what=f"{type(error).__name__}: {error}"[:500])
    pipe.stopped.pop(number, None)
    _tell_of_model(pipe, worker)


def _preload(pipe: Pipe, worker: Worker, message: Message) -> None:
    card = wire.unpack_card(message["card"])

    def check() -> None:
        pipe.beat()
        if any(m["kind"] == "draw" and m["model"]["id"] != card.id for m in list(pipe.waiting.queue)):
            raise Stopped

    try:
        worker.preload(card, check, lambda: not pipe.waiting.empty())
    except (UserError, Stopped):
        log.info("%s was not loaded ahead", card.id)
    except Exception:  # the border, too: whoever asks for a picture gets the words
        log.exception("loading ahead failed")
    _tell_of_model(pipe, worker)


def _tell_of_model(pipe: Pipe, worker: Worker) -> None:
    """What is in memory, and how much of it is free now."""
    pipe.send("model", id=worker.model, facts=wire.pack_facts(worker.facts_now()))


def _has_lost_its_card(error: Exception) -> bool:
    """After such an error each later call of this process fails, too: the driver was reset, mostly by a sleep."""
    return isinstance(error, RuntimeError) and any(words in str(error) for words in ("CUDA error", "HIP error"))


def protected_pipe() -> Pipe:
    """Stdout is the protocol's alone: what any library prints goes to stderr instead."""
    outgoing = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Pipe(os.fdopen(os.dup(0), "rb"), outgoing)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m webui.engine.serve")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--vram", type=float)
    asked = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for Easel, though all its processes hear them
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("DIFFUSERS_DISABLE_REMOTE_CODE", "1")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    pipe = protected_pipe()
    pipe.start()

    def make() -> Worker:
        from webui.engine.worker import Worker

        return Worker(asked.device, vram=asked.vram, threads=asked.threads, pulse=pipe.beat)

    serve(pipe, make)


if __name__ == "__main__":
    main()
