"""What a job costs over the bare pipeline: the same weights, seed and threads, and the same pixels.

    python -m tests.bench.overhead [--model starter|sd] [--size 128] [--steps 12] [--threads 1] [--repeat 7]

In turns: diffusers' own pipeline in this process; our Worker in this process; a picture through a WorkerLink, with the
pipe between two processes and live previews. Also the whole Service: from the click until the job is done, database and
saved file included. Target: a job at most 3 % or 60 ms over the bare call. New seeds, the same prompt.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from tests import tiny
from tests.bench.tables import in_turns, place, ratios, row, table
from tests.drawing import card_of, order
from tests.studio import finished, make_service
from webui.core.presets import load_presets
from webui.core.types import GenerationRequest, ModelCard, Order
from webui.engine.device import torch_dtype
from webui.engine.link import WorkerLink
from webui.engine.samplers import build_scheduler
from webui.engine.worker import Worker, shipped_presets
from webui.families import all_families


def bare(card: ModelCard, worker: Worker) -> Callable[[Order], bytes]:
    """diffusers' own loader and call, with nothing of ours but the names of the samplers."""
    from diffusers import StableDiffusionPipeline

    pipe: Any = StableDiffusionPipeline.from_pretrained(card.path, dtype=torch_dtype(worker.facts))
    pipe.set_progress_bar_config(disable=True)
    for network in (pipe.unet, pipe.vae):
        network.to(memory_format=torch.channels_last)
    presets, own = load_presets(shipped_presets, None), pipe.scheduler

    def draw(wanted: Order) -> bytes:
        recipe = wanted.recipe
        pipe.scheduler = build_scheduler(presets, recipe.sampler, own)
        picture = pipe(
            recipe.prompt,
            width=recipe.width,
            height=recipe.height,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance_scale,
            generator=torch.Generator().manual_seed(recipe.seed),
            output_type="np",
        ).images[0]
        return bytes((np.asarray(picture) * 255).round().astype("uint8").tobytes())

    return draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=7)
    asked = parser.parse_args()
    card = card_of(tiny.STARTER, all_families())
    worker, link = Worker("cpu", threads=asked.threads), WorkerLink("cpu", threads=asked.threads)
    link.start(card)
    settings: dict[str, Any] = {"width": asked.size, "height": asked.size, "steps": asked.steps, "guidance_scale": 4.0}
    first = replace(order(card, prompt="a red apple", sampler="DPM++ 2M", **settings), preview=True)
    seeds = itertools.count(1)

    def next_order() -> Order:
        return replace(first, recipe=replace(first.recipe, seed=next(seeds)))

    pipeline = bare(card, worker)
    with TemporaryDirectory() as data:
        service = make_service(Path(data))
        service.start()

        def job() -> None:
            request = GenerationRequest(
                "a red apple", model="starter", seed=next(seeds), sampler="DPM++ 2M", **settings
            )
            finished(service, service.submit("bench", request))

        same = {pipeline(first), worker.draw(first).pixels, link.draw(first, lambda _: None).pixels}
        runs = [
            lambda: pipeline(next_order()),
            lambda: worker.draw(next_order()),
            lambda: link.draw(next_order(), lambda _: None),
            job,
        ]
        times = in_turns(runs, asked.repeat)
        service.close()
    link.close()
    computed = in_turns(runs[:2], asked.repeat, time.process_time)
    report(times, computed, len(same) == 1, asked.threads)


def report(times: list[list[float]], computed: list[list[float]], same: bool, threads: int) -> None:
    plain, inside, piped, whole = times
    print(place(threads))
    rows = [row("bare pipeline", [t * 1e3 for t in plain], "ms")]
    for name, taken in (("worker", inside), ("worker over the pipe", piped), ("job, click to saved", whole)):
        rows.append(row(name, ratios(taken, plain), "x bare", "1.03"))
        rows.append(row(name + ", over", [(a - b) * 1e3 for a, b in zip(taken, plain, strict=True)], "ms", "or 60"))
    rows.append(row("worker, processor's time", ratios(computed[1], computed[0]), "x bare", "1.03"))
    print(table(rows))
    over = statistics.median(a - b for a, b in zip(whole, plain, strict=True))
    reached = over < 0.06 or statistics.median(ratios(whole, plain)) < 1.03
    print(f"\nSame pixels: {same}. Target reached: {reached}.")


if __name__ == "__main__":
    main()
