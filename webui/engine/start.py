"""Denoising that starts from a photo: where it begins, what is held fast at each step, what inpainting models look at.

One path for all families: their text-to-image pipeline is given latents, a scheduler that begins late, and a callback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Start:
    """What a photo brings to denoising. Latents are (1, channels, h, w), float32 on the CPU; maps (1, 1, h, w).

    `clean` is what is held fast, `content` what is drawn over: the same, but where noise or nothing was asked for.
    `change` in [0, 1]: 0 is held fast to the end, 1 is drawn from the first step on; in between, a place is held fast
    until that share of the steps is left (Levin & Fried 2023). None: all is drawn. `seen` is the encoded photo with its
    mask blanked, and `seen_mask` the mask, for 9-channel models. `part` of `parts`: of one picture's drawings.
    """

    strength: float
    clean: Tensor
    content: Tensor
    change: Tensor | None = None
    seen: Tensor | None = None
    seen_mask: Tensor | None = None
    part: int = 0
    parts: int = 1

    def begin(self, late: LateStart, noise: Tensor, steps: int, device: torch.device) -> Tensor:
        """The first latents: the content, noised to where the strength begins."""
        late.set_timesteps(steps, device=device)
        return late.noised(self.content.to(device), noise.to(device), 0)

    def hold(self, latents: Tensor, noise: Tensor, late: LateStart, step: int) -> Tensor:
        """The latents after `step` (0 for the first), held fast where they are not to change."""
        if self.change is None:
            return latents
        count = len(late.timesteps)
        left = 1.0 - (step + 1) / count
        free = ((self.change >= left) & (self.change > 0)).to(latents.device)
        clean = self.clean.to(latents)
        kept = clean if step + 1 >= count else late.noised(clean, noise.to(latents), step + 1)
        return torch.where(free, latents, kept.to(latents))


USUAL_AREA = 512 * 512


def comparable(strength: Tensor, alphas_cumprod: Tensor, area: int) -> Tensor:
    """The strengths, 0 to 1, that change a picture of `area` pixels as much as these change one of 512 x 512.

    The fewer pixels, the less noise it takes to drown what they show together. So that "half" means the same on a small
    model, the signal-to-noise ratio to begin at is multiplied by the ratio of the areas (Hoogeboom et al. 2023, "simple
    diffusion", section 3.1). Larger pictures are left alone: strengths are known from there.
    """
    if area >= USUAL_AREA:
        return strength
    alphas = alphas_cumprod.double()
    snr = alphas / (1 - alphas)  # falls with the timestep
    last = len(snr) - 1
    wanted = snr[(strength.double() * last).round().long()] * USUAL_AREA / area
    small = (snr > wanted[..., None]).sum(-1) / last
    return torch.where(strength >= 1, strength, small.to(strength))


class LateStart:
    """A scheduler of which only the last `strength` of the steps is taken, as in SDEdit (Meng et al. 2021)."""

    def __init__(self, scheduler: Any, strength: float) -> None:
        self._scheduler, self._strength = scheduler, strength
        self._first = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_scheduler"], name)

    @property
    def init_noise_sigma(self) -> float:
        """The latents come with their noise already."""
        return 1.0

    @property
    def timesteps(self) -> Tensor:
        remaining: Tensor = self._scheduler.timesteps[self._first :]
        return remaining

    def set_timesteps(self, num_inference_steps: int, device: Any = None, **more: Any) -> None:
        self._scheduler.set_timesteps(num_inference_steps, device=device, **more)
        taken = min(max(int(num_inference_steps * self._strength), 1), num_inference_steps)
        self._first = (num_inference_steps - taken) * self._scheduler.order
        if hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(self._first)

    def noised(self, clean: Tensor, noise: Tensor, step: int) -> Tensor:
        """Clean latents with the noise that belongs before `step` (of those taken)."""
        noisy: Tensor = self._scheduler.add_noise(clean, noise, self.timesteps[step : step + 1])
        return noisy


class NineChannels(nn.Module):
    """A 9-channel inpainting UNet that takes 4-channel latents: it is always shown the mask and what is around it.

    The channels are latents, mask, and the encoded photo with its mask blanked, as Stable Diffusion 1.5 inpainting was
    trained; so any pipeline, sampler and way to hold latents fast works with it as with the other models.
    """

    def __init__(self, unet: Any, seen: Tensor, seen_mask: Tensor) -> None:
        super().__init__()
        self.unet = unet
        self.shown = torch.cat([seen_mask, seen], dim=1)
        channels = unet.config.in_channels - self.shown.shape[1]
        self.config = type(unet.config)(dict(unet.config) | {"in_channels": channels})

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("unet"), name)

    def forward(self, sample: Tensor, timestep: Any, **more: Any) -> Any:
        shown = self.shown.to(sample).expand(sample.shape[0], -1, -1, -1)
        return self.unet(torch.cat([sample, shown], dim=1), timestep, **more)


def shows_the_mask(unet: Any) -> bool:
    return bool(unet.config.in_channels == 9)
