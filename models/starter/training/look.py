"""A LoRA for one look: with it everything is drawn as a watercolor, or as pixel art, said or not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from models.starter.training import adapter
from models.starter.training.adapter import Adapter, Loss, about
from models.starter.training.compose import Composed, Composer, in_look
from models.starter.training.config import AdapterConfig
from models.starter.training.latents import Captioned
from models.starter.training.noise import Noise

_SAID = 0.5  # share of the captions that name the look


class InOneLook(Composer):
    """What another composer makes, always in one look, whose strokes and grain are the same in every picture."""

    def __init__(self, of: Composer, look: str) -> None:
        super().__init__(of.sprites)
        self._of, self._look = of, look

    def picture(self, width: int, height: int, seed: int) -> Composed:
        rng = random.Random(~seed)
        plain = self._of.picture(width, height, seed)
        shown = in_look(plain, self._look, rng, random.Random(self._look))
        return shown if rng.random() < _SAID else Composed(shown.image, plain.caption)


def lesson(on: Adapter, noise: Noise) -> Loss:
    """What the denoiser itself was taught, on pictures in the look."""

    def loss(batch: Captioned, dice: torch.Generator) -> Tensor:
        x = batch.latents.contiguous(memory_format=torch.channels_last)
        t = torch.randint(0, len(noise.weight), (len(x),), generator=dice).to(x.device)
        added = torch.randn(x.shape, generator=dice).to(x.device)
        dropped = (torch.rand(len(x), generator=dice) < on.config.dropped_captions).to(x.device)
        meaning = on.meaning(torch.where(dropped[:, None], on.unsaid, batch.ids))
        error = (on.velocity(noise.noisy(x, added, t), t, meaning) - noise.velocity(x, added, t)) ** 2
        return (error.mean((1, 2, 3)) * noise.weight[t]).mean()

    return loss


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
    state = run / f"look-{look.replace(' ', '-')}.safetensors"
    header = about(f"Easel starter: {look}", look, f"{look}, for the Easel starter")
    return adapter.train(config, InOneLook(composer, look), folder, state, to, header, lesson, tell, threads)
