"""What thirty switches of the model leave behind: live tensors, and the slope of the memory.

    python -m tests.bench.switching [--switches 30]

Between the starter, a tiny SD 1.x checkpoint and a tiny SDXL folder, each drawing one step. Targets: the same number of
live tensors, less than 2 MB a switch.
"""

from __future__ import annotations

import argparse
import gc
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
import torch

from tests import tiny
from tests.bench.tables import place, row, table
from tests.drawing import card_of, families, order
from webui.engine.worker import Worker


def live_tensors() -> int:
    gc.collect()
    return sum(type(thing) in (torch.Tensor, torch.nn.Parameter) for thing in gc.get_objects())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--switches", type=int, default=30)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        models = tiny.build(Path(folder) / "models", Path(folder) / "configs")
        known = families(models)
        worker = Worker("cpu", threads=1, families=known)
        cards = [card_of(path, known) for path in (tiny.STARTER, models.sd, models.xl_folder)]
        seconds: list[float] = []
        megabytes: list[float] = []

        def switch(number: int) -> None:
            began = time.perf_counter()
            worker.draw(order(cards[number % len(cards)], steps=1, width=64, height=64))
            seconds.append(time.perf_counter() - began)

        for number in range(2 * len(cards)):
            switch(number)
        worker.models.drop()
        before = live_tensors()
        seconds.clear()
        for number in range(asked.switches):
            switch(number)
            if number % len(cards) == len(cards) - 1:
                megabytes.append(psutil.Process().memory_info().rss / 2**20)
        worker.models.drop()
        after = live_tensors()
    slope = float(np.polyfit(np.arange(len(megabytes)) * len(cards), megabytes, 1)[0])
    print(place(1))
    print(table([row("a switch with one step", seconds, "s"), row("memory after each round", megabytes, "MB")]))
    print(f"\n{asked.switches} switches. Live tensors before and after: {before}, {after} (target: equal).")
    print(f"Slope: {slope:+.3f} MB a switch (target: below 2).")


if __name__ == "__main__":
    main()
