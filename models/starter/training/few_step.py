"""A LoRA with which the starter draws in four steps and without guidance.

Latent consistency distillation (Luo et al. 2023, "Latent Consistency Models", with LoRA as in their "LCM-LoRA"): the
model with the LoRA learns to say at any point of a path what it says a step of the guided teacher farther down.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from models.starter.training import words
from models.starter.training.adapter import Adapter, about
from models.starter.training.autoencoder import load_autoencoder
from models.starter.training.compose import Composer
from models.starter.training.config import AdapterConfig, shares
from models.starter.training.latents import Cache, Maker
from models.starter.training.loop import Loop, Machine, Step
from models.starter.training.noise import Noise

PATH = 50  # points on a path from noise to picture, as diffusers' LCMScheduler has
SCALING = 10.0  # its timestep_scaling
SPREAD = 0.5  # its sigma_data


def boundary(t: Tensor) -> tuple[Tensor, Tensor]:
    """c_skip and c_out, (n, 1, 1, 1): what is seen is kept at the end of the path, and plays no part before."""
    scaled = t.float().view(-1, 1, 1, 1) * SCALING
    return SPREAD**2 / (scaled**2 + SPREAD**2), scaled / (scaled**2 + SPREAD**2) ** 0.5


class Consistency:
    """What a velocity says of the picture, and where a step along the path leads."""

    def __init__(self, noise: Noise) -> None:
        self._noise = noise

    def picture(self, noisy: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
        """x = alpha x_t - sigma v (Salimans & Ho 2022)."""
        return self._at(self._noise.signal, t) * noisy - self._at(self._noise.spread, t) * velocity

    def said(self, noisy: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
        """The consistency function: the picture that a point of the path stands for."""
        skip, out = boundary(t)
        return skip * noisy + out * self.picture(noisy, velocity, t)

    def farther(self, noisy: Tensor, velocity: Tensor, t: Tensor, to: Tensor) -> Tensor:
        """A DDIM step (Song et al. 2021) from t to the earlier timestep `to`; below 0: the picture itself."""
        x = self.picture(noisy, velocity, t)
        eps = self._at(self._noise.spread, t) * noisy + self._at(self._noise.signal, t) * velocity
        late = to.clamp_min(0)
        moved = self._at(self._noise.signal, late) * x + self._at(self._noise.spread, late) * eps
        return torch.where((to < 0).view(-1, 1, 1, 1), x, moved)

    @staticmethod
    def _at(table: Tensor, t: Tensor) -> Tensor:
        return table[t].view(-1, 1, 1, 1)


def train(
    config: AdapterConfig,
    composer: Composer,
    folder: Path,
    run: Path,
    to: Path,
    tell: Callable[[str], None],
    threads: int = 1,
) -> list[float]:
    """Train or go on; leaves the LoRA for the model in `folder` at `to`. The losses."""
    machine = Machine.best(config.loop)
    adapter = Adapter(config, machine, folder, run / "few-step.safetensors")
    length = adapter.text.config.max_position_embeddings
    vae = machine.place(load_autoencoder(folder / "vae").eval())
    maker = Maker(composer, vae, adapter.tokens, length, machine, threads)
    dice = torch.Generator().manual_seed(config.loop.seed * 1_000_003 + adapter.step)
    cache = Cache(maker, shares(config.shapes), config.size, config.cache, first=adapter.step * config.batch)
    cache.fill(tell)
    noise = Noise.of(config.gamma, machine.device)
    way, stride = Consistency(noise), len(noise.signal) // PATH
    nothing = adapter.meaning(words.token_ids(adapter.tokens, [""], length).to(machine.device))

    def loss() -> Tensor:
        batch = cache.draw(config.batch, dice)
        x = batch.latents.contiguous(memory_format=torch.channels_last)
        t = (torch.randint(1, PATH + 1, (len(x),), generator=dice) * stride - 1).to(x.device)
        noisy = noise.noisy(x, torch.randn(x.shape, generator=dice).to(x.device), t)
        meaning = adapter.meaning(batch.ids)
        said, unsaid = adapter.velocity_without(
            torch.cat([noisy, noisy]), torch.cat([t, t]), torch.cat([meaning, nothing.expand_as(meaning)])
        ).chunk(2)
        near = t - stride
        closer = way.farther(noisy, unsaid + config.guidance * (said - unsaid), t, near)
        with torch.no_grad():
            seen = near.clamp_min(0)
            aim = way.said(closer, adapter.velocity(closer, seen, meaning), seen)
            aim = torch.where((near < 0).view(-1, 1, 1, 1), closer, aim)
        return F.huber_loss(way.said(noisy, adapter.velocity(noisy, t, meaning), t), aim, delta=0.5)

    def once(step: int) -> Step:
        found = loss()
        adapter.learn(found)
        return Step(found, config.batch)

    def save(step: int) -> None:
        adapter.save(step)
        adapter.export(to, about("Easel starter: four steps (LCM)", "", "sampler LCM, 4 steps, guidance 1"))

    try:
        return Loop("few steps", config.loop, config.loop.steps, tell).run(
            adapter.step, [adapter.optimizer], once, save
        )
    finally:
        maker.close()
