"""Whether what is chosen for a processor is the faster choice: numbers, memory layout, threads.

    python -m tests.bench.cpu_choices [--size 128] [--steps 4] [--repeat 7] [--threads 1 2]

The starter's denoiser and autoencoder, in turns. Ratios are to float32 in torch's own layout with one thread; below 1
is faster. Target: bfloat16 below 1 where the processor multiplies it itself (avx512_bf16, amx_bf16); elsewhere float32
is chosen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch

from tests import tiny
from tests.bench.tables import in_turns, place, ratios, row, table
from tests.drawing import card_of
from webui.engine.device import find_device, torch_dtype
from webui.families import all_families


def denoising(dtype: torch.dtype, last: bool, threads: int, size: int, steps: int) -> Callable[[], None]:
    family = all_families()[0]
    pipe = family.load(card_of(tiny.STARTER, all_families()), dtype)
    if last:
        for network in (pipe.unet, pipe.vae):
            network.to(memory_format=torch.channels_last)
    latents = torch.randn(2, 4, size // 8, size // 8, generator=torch.Generator().manual_seed(1)).to(dtype)
    words = family.encode(pipe, "a red apple", "", 4.0).arguments
    both = torch.cat([words["negative_prompt_embeds"], words["prompt_embeds"]])

    def run() -> None:
        torch.set_num_threads(threads)
        with torch.no_grad():
            for step in range(steps):
                pipe.unet(latents, torch.tensor(900 - step), both, return_dict=False)
            pipe.vae.decode(latents[:1], return_dict=False)

    return run


def _target(way: tuple[str, torch.dtype, bool, int]) -> str:
    chosen = torch_dtype(find_device("cpu"))
    return "chosen: below 1" if way[1] == chosen and way[2] else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    ways = [
        (f"{name}{', channels_last' if last else ''}, {threads} thread(s)", dtype, last, threads)
        for threads in asked.threads
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
        for last in (False, True)
    ]
    runs = [denoising(dtype, last, threads, asked.size, asked.steps) for _, dtype, last, threads in ways]
    times = in_turns(runs, asked.repeat)
    print(place(max(asked.threads)))
    print(f"{asked.size} px, {asked.steps} steps with guidance, and a decode.\n")
    first = row(ways[0][0], [t * 1e3 for t in times[0]], "ms")
    print(
        table(
            [
                first,
                *(
                    row(way[0], ratios(t, times[0]), "x", _target(way))
                    for way, t in zip(ways[1:], times[1:], strict=True)
                ),
            ]
        )
    )


if __name__ == "__main__":
    main()
