"""Every number of a run, frozen. The defaults are those of the full training on one GPU."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SHAPES: dict[str, tuple[int, int]] = {"1:1": (1, 1), "3:2": (3, 2), "2:3": (2, 3), "16:9": (16, 9)}
SHAPE_SHARES: dict[str, float] = {"1:1": 0.64, "3:2": 0.14, "2:3": 0.12, "16:9": 0.10}
_GRID = 16  # pixels; two latent pixels, so that the U-Net's first halving is exact


def pixels(size: int, shape: str) -> tuple[int, int]:
    """Width and height of about size x size pixels' area in that shape, in whole steps of 16 px."""
    ratio_w, ratio_h = SHAPES[shape]
    stretch = (ratio_w / ratio_h) ** 0.5
    return _snap(size * stretch), _snap(size / stretch)


def shares(shapes: tuple[str, ...]) -> dict[str, float]:
    """How often each of these shapes is trained on; they sum to one."""
    total = sum(SHAPE_SHARES[shape] for shape in shapes)
    return {shape: SHAPE_SHARES[shape] / total for shape in shapes}


def _snap(length: float) -> int:
    return max(_GRID, round(length / _GRID) * _GRID)


@dataclass(frozen=True)
class LoopConfig:
    """What every training stage needs to know about going on, stopping and telling."""

    steps: int = 40_000
    minutes: float = 0.0  # stop early (and resumable) after so long; 0: no limit
    lr: float = 5e-4
    warmup: int = 200
    decay_share: float = 0.5  # the last part of the steps in which the rate falls to `final_lr` of itself
    final_lr: float = 0.03
    ema: float = 0.9995
    meet_every: int = 1  # steps after which the processes of a team become equal again; see denoiser.Training.once
    log_every: int = 50
    save_every: int = 2_000
    seed: int = 0
    compiled: bool = True
    bf16: bool = True


@dataclass(frozen=True)
class AutoencoderConfig:
    """kl is crisper and what pipelines expect; tiny learns fastest in an hour of a small CPU."""

    kind: Literal["kl", "tiny"] = "kl"
    widths: tuple[int, ...] = (64, 96, 128, 192)  # tiny takes the first for all its blocks
    groups: int = 32
    size: int = 128  # side of the square training crops, px
    batch: int = 64
    pool: int = 4096  # composed pictures in memory
    refresh: int = 16  # of which so many are replaced at each step
    perceptual: float = 0.3
    adversarial: float = 0.05
    adversarial_from: float = 0.3  # share of the steps after which the discriminator has a say
    kl: float = 1e-6
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(lr=3e-4))


@dataclass(frozen=True)
class Resolution:
    """One part of the denoiser's training: pictures of about size x size, so many steps of so large batches."""

    size: int
    steps: int
    batch: int


@dataclass(frozen=True)
class TextConfig:
    width: int = 256
    layers: int = 4
    heads: int = 4
    tokens: int = 32


@dataclass(frozen=True)
class DenoiserConfig:
    widths: tuple[int, ...] = (80, 160, 288)
    head_width: int = 32
    groups: int = 16
    text: TextConfig = field(default_factory=TextConfig)
    resolutions: tuple[Resolution, ...] = (Resolution(128, 60_000, 512), Resolution(256, 20_000, 256))
    dropped_captions: float = 0.12
    gamma: float = 5.0  # min-SNR
    noisier: float = 0.0  # timestep t comes as often as t to this power: what is shown and where is decided late
    first: float = 0.0  # share of the samples at the last timestep, where every sampling begins
    masked: float = 0.0  # share of the samples that learn to fill a hole from what surrounds it
    shapes: tuple[str, ...] = tuple(SHAPES)
    cache: int = 60_000  # latents in memory, over all shapes
    refresh: int = 64  # of which so many are composed anew ...
    refresh_every: int = 4  # ... each so many steps
    loop: LoopConfig = field(default_factory=LoopConfig)

    @property
    def steps(self) -> int:
        return sum(r.steps for r in self.resolutions)

    def resolution(self, step: int) -> Resolution:
        """The part of the training that `step` (0-based) belongs to."""
        for part in self.resolutions:
            if step < part.steps:
                return part
            step -= part.steps
        return self.resolutions[-1]


@dataclass(frozen=True)
class AdapterConfig:
    """A LoRA on a finished denoiser. `guidance` is the teacher's, for the few-step one."""

    rank: int = 8
    size: int = 128
    batch: int = 32
    shapes: tuple[str, ...] = ("1:1",)
    cache: int = 4_000
    dropped_captions: float = 0.1
    gamma: float = 5.0
    guidance: float = 4.0
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=600, lr=1e-3, warmup=20, save_every=200))
