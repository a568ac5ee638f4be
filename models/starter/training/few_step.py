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

from models.starter.training import adapter
from models.starter.training.adapter import Adapter, Loss, about
from models.starter.training.compose import Composer
from models.starter.training.config import AdapterConfig
from models.starter.training.latents import Captioned
from models.starter.training.noise import Noise

WORDS = "sampler LCM, 4 steps, guidance 1"
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


def lesson(on: Adapter, noise: Noise) -> Loss:
    """Algorithm 1 of Luo et al. 2023, with the adapted network itself in the place of its running average."""
    way, stride = Consistency(noise), len(noise.signal) // PATH
    nothing = on.meaning(on.unsaid[None])

    def loss(batch: Captioned, dice: torch.Generator) -> Tensor:
        x = batch.latents.contiguous(memory_format=torch.channels_last)
        t = (torch.randint(1, PATH + 1, (len(x),), generator=dice) * stride - 1).to(x.device)
        noisy = noise.noisy(x, torch.randn(x.shape, generator=dice).to(x.device), t)
        meaning = on.meaning(batch.ids)
        said, unsaid = on.velocity_without(
            torch.cat([noisy, noisy]), torch.cat([t, t]), torch.cat([meaning, nothing.expand_as(meaning)])
        ).chunk(2)
        near = t - stride
        closer = way.farther(noisy, unsaid + on.config.guidance * (said - unsaid), t, near)
        with torch.no_grad():
            seen = near.clamp_min(0)
            aim = way.said(closer, on.velocity(closer, seen, meaning), seen)
            aim = torch.where((near < 0).view(-1, 1, 1, 1), closer, aim)
        return F.huber_loss(way.said(noisy, on.velocity(noisy, t, meaning), t), aim, delta=0.5)

    return loss


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
    state, header = run / "few-step.safetensors", about("Easel starter: four steps (LCM)", "", WORDS)
    return adapter.train(config, composer, folder, state, to, header, lesson, tell, threads)
