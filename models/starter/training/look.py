"""A LoRA for one look: with it everything is drawn as a watercolor, or as pixel art, said or not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from models.starter.training import words
from models.starter.training.adapter import Adapter, about, some_unsaid
from models.starter.training.autoencoder import load_autoencoder
from models.starter.training.compose import Composed, Composer, in_look
from models.starter.training.config import AdapterConfig, shares
from models.starter.training.latents import Cache, Maker
from models.starter.training.loop import Loop, Machine, Step
from models.starter.training.noise import Noise

_SAID = 0.5  # share of the captions that name the look


class InOneLook(Composer):
    """What another composer makes, always in one look."""

    def __init__(self, of: Composer, look: str) -> None:
        super().__init__(of.sprites)
        self._of, self._look = of, look

    def picture(self, width: int, height: int, seed: int) -> Composed:
        rng = random.Random(~seed)
        plain = self._of.picture(width, height, seed)
        shown = in_look(plain, self._look, rng)
        return shown if rng.random() < _SAID else Composed(shown.image, plain.caption)


def train(
    config: AdapterConfig,
    composer: Composer,
    look: str,
    folder: Path,
    run: Path,
    to: Path,
    tell: Callable[[str], None],
    threads: int = 1,
) -> list[float]:
    """Train or go on; leaves the LoRA for the model in `folder` at `to`. The losses."""
    machine = Machine.best(config.loop)
    adapter = Adapter(config, machine, folder, run / f"look-{look.replace(' ', '-')}.safetensors")
    vae = machine.place(load_autoencoder(folder / "vae").eval())
    length = adapter.text.config.max_position_embeddings
    maker = Maker(InOneLook(composer, look), vae, adapter.tokens, length, machine, threads)
    dice = torch.Generator().manual_seed(config.loop.seed * 1_000_003 + adapter.step)
    cache = Cache(maker, shares(config.shapes), config.size, config.cache, first=adapter.step * config.batch)
    cache.fill(tell)
    noise = Noise.of(config.gamma, machine.device)
    empty = words.token_ids(adapter.tokens, [""], length)[0]

    def loss() -> Tensor:
        batch = cache.draw(config.batch, dice)
        x = batch.latents.contiguous(memory_format=torch.channels_last)
        t = torch.randint(0, len(noise.weight), (len(x),), generator=dice).to(x.device)
        added = torch.randn(x.shape, generator=dice).to(x.device)
        meaning = adapter.meaning(some_unsaid(batch, empty, config.dropped_captions, dice))
        error = (adapter.velocity(noise.noisy(x, added, t), t, meaning) - noise.velocity(x, added, t)) ** 2
        return (error.mean((1, 2, 3)) * noise.weight[t]).mean()

    def once(step: int) -> Step:
        found = loss()
        adapter.learn(found)
        return Step(found, config.batch, look)

    def save(step: int) -> None:
        adapter.save(step)
        adapter.export(to, about(f"Easel starter: {look}", look, f"{look}, for the Easel starter"))

    try:
        return Loop(look, config.loop, config.loop.steps, tell).run(adapter.step, [adapter.optimizer], once, save)
    finally:
        maker.close()
