"""The diffusion process: how much signal and noise a timestep has, what is predicted, and what it weighs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler
from torch import Tensor

SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,  # Lin et al. 2023, "Common Diffusion Noise Schedules ... are Flawed", section 3.1
    "timestep_spacing": "trailing",  # ibid., section 3.3: sampling starts at pure noise
    "clip_sample": False,
    "steps_offset": 1,
}


def scheduler() -> DDIMScheduler:
    return DDIMScheduler(**SCHEDULER)


@dataclass(frozen=True)
class Noise:
    """signal[t]^2 + spread[t]^2 = 1; signal is exactly 0 at the last timestep."""

    signal: Tensor
    spread: Tensor
    weight: Tensor

    @staticmethod
    def of(gamma: float, device: torch.device) -> Noise:
        """`weight` has mean 1: see `min_snr`."""
        kept = scheduler().alphas_cumprod.to(device)
        weight = min_snr(kept / (1 - kept), gamma)
        return Noise(kept.sqrt(), (1 - kept).sqrt(), weight / weight.mean())

    def timesteps(self, count: int, power: float, first: float, dice: torch.Generator) -> Tensor:
        """int64 (count,): a share `first` is the last timestep; of the rest t comes as often as t to `power`.

        Spread evenly over the batch, one in each `count`-th (Kingma et al. 2021, "Variational Diffusion Models",
        appendix I.1): the loss of one batch is then more like that of all.
        """
        last = len(self.weight) - 1
        share = ((torch.arange(count) + torch.rand(count, generator=dice)) / count) ** (1 / (1 + power))
        some = (share * (last + 1)).long().clamp_max(last)
        begins = torch.rand(count, generator=dice) < first
        return torch.where(begins, last, some).to(self.weight.device)

    def noisy(self, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        return self._at(self.signal, t) * x + self._at(self.spread, t) * noise

    def velocity(self, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """v = alpha eps - sigma x (Salimans & Ho 2022, "Progressive Distillation", appendix D)."""
        return self._at(self.signal, t) * noise - self._at(self.spread, t) * x

    def noise_behind(self, x: Tensor, noisy: Tensor, t: Tensor) -> Tensor:
        """The noise that would make `noisy` out of x: eps = (x_t - alpha x) / sigma."""
        return (noisy - self._at(self.signal, t) * x) / self._at(self.spread, t)

    @staticmethod
    def _at(table: Tensor, t: Tensor) -> Tensor:
        return table[t].view(-1, 1, 1, 1)


def min_snr(snr: Tensor, gamma: float) -> Tensor:
    """Weight of the v-loss: min(SNR + 1, gamma) / (SNR + 1).

    Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting", equation 8, with SNR + 1 for SNR.
    Their min(SNR, gamma) / (SNR + 1) is 0 where the SNR is 0, and then the first step of sampling, which lays out the
    whole picture, would never be learnt under a schedule of zero terminal SNR.
    """
    return torch.clamp(snr + 1, max=gamma) / (snr + 1)
