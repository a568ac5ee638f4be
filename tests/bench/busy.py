"""A picture by the starter while another program holds a core: with the threads that suit, and with one for each core.

    python -m tests.bench.busy [--repeat 5]

Prints seconds a picture, alone and beside the other program, and the ratios.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tests import tiny
from tests.bench.tables import in_turns, place, ratios, row, table
from tests.drawing import card_of, order
from webui.engine.cores import Cores
from webui.engine.device import physical_cores
from webui.engine.worker import Worker
from webui.families import all_families


@contextmanager
def another_program(there: bool) -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    other = subprocess.Popen(command) if there else None
    try:
        time.sleep(1)
        yield
    finally:
        if other is not None:
            other.kill()
            other.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat, threads, families = parser.parse_args().repeat, physical_cores(), all_families()
    worker, card = Worker("cpu", threads=threads, families=families), card_of(tiny.STARTER, families)
    following, fixed = Cores(threads), Cores(1)

    def drawn(cores: Cores) -> None:
        worker._cores = cores
        if cores is fixed:
            torch.set_num_threads(threads)
        worker.draw(order(card, steps=12, guidance_scale=4.0))

    rows = []
    for there in (False, True):
        with another_program(there):
            suited, all_cores = in_turns([lambda: drawn(following), lambda: drawn(fixed)], repeat)
        where = "beside another program" if there else "alone"
        rows.append(row(f"{where}, threads that suit", suited, "s"))
        rows.append(row(f"{where}, a thread for each core", all_cores, "s"))
        rows.append(row(f"{where}, ratio", ratios(suited, all_cores), "", "1.1" if not there else "0.6"))
    print(place(threads))
    print(table(rows))


if __name__ == "__main__":
    main()
