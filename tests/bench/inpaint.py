"""What our inpainting costs over the bare pipeline: crop, mask, encode, hold fast, paste back, on a 12 megapixel photo.

    python -m tests.bench.inpaint [--model sd|starter] [--size 512] [--steps 8] [--repeat 5]

Prints milliseconds of the bare denoising and decoding at the same size, of ours, and what is over:
at most 5 % or 80 ms. The autoencoder reading the photo is counted apart: every inpainting reads it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import tiny
from tests.drawing import card_of, families, order
from tests.photos import box_mask, photo_order, scene
from webui.core.types import Inpainting, ModelCard
from webui.engine.photo import photo_work
from webui.engine.worker import Worker
from webui.families import all_families


def seconds(run: Callable[[], object], repeat: int) -> float:
    run()
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def measure(worker: Worker, card: ModelCard, side: int, steps: int, repeat: int) -> tuple[float, float, float, float]:
    """Seconds of bare drawing, of our inpainting, of reading the photo in it (encode), and of unpacking 12 MP."""
    photo, mask = scene(4000, 3000), box_mask(4000, 3000, (1500, 1200, 1700, 1400))
    bare_order = order(card, width=side, height=side, steps=steps)
    ours = photo_order(card, photo, mask, Inpainting(), width=side, height=side, steps=steps, strength=1.0)
    ours = replace(ours, model=card)
    bare = seconds(lambda: worker.draw(bare_order), repeat)
    whole = seconds(lambda: worker.draw(ours), repeat)
    unpack = seconds(lambda: photo_work(ours), repeat)
    model = worker.models.current
    assert model is not None
    import torch

    image = torch.zeros(1, 3, side, side, dtype=model.pipe.vae.dtype)
    with torch.no_grad():
        read = seconds(lambda: model.pipe.vae.encode(image), repeat)
    return bare, whole, read, unpack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("sd", "starter"), default="starter")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        if chosen.model == "sd":
            models = tiny.build(Path(folder) / "models", Path(folder) / "configs")
            known = families(models)
            card = card_of(models.sd, known)
        else:
            known = all_families()
            card = card_of(tiny.STARTER, known)
        worker = Worker("cpu", threads=1, families=known)
        bare, whole, read, unpack = measure(worker, card, chosen.size, chosen.steps, chosen.repeat)
    over = whole - bare - read - unpack
    parts = f"reading the photo {read * 1e3:.0f} ms, unpacking 12 MP {unpack * 1e3:.0f} ms"
    print(f"bare {bare * 1e3:.0f} ms, inpainting {whole * 1e3:.0f} ms, of these: {parts}")
    print(f"overhead {over * 1e3:.0f} ms = {over / bare:.1%} (at most 5 % or 80 ms)")


if __name__ == "__main__":
    main()
