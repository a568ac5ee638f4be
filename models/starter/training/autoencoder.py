"""Pictures to latents of an eighth of their sides and back."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from PIL import Image
from torch import Tensor, nn

from models.starter.training.compose import Composer
from models.starter.training.config import AutoencoderConfig
from models.starter.training.loop import (
    Average,
    Loop,
    Machine,
    Step,
    copy_into,
    named,
    optimizer_tensors,
    read_state,
    restore_optimizer,
    write_state,
)
from models.starter.training.losses import PatchCritic, RandomFeatures, critic_loss, psnr

FOLDER = "autoencoder"
HELD_OUT = 10**12  # seeds from here on are never trained on
Autoencoder: TypeAlias = AutoencoderKL | AutoencoderTiny


def new_autoencoder(config: AutoencoderConfig) -> Autoencoder:
    if config.kind == "tiny":
        width = config.widths[0]
        return AutoencoderTiny(encoder_block_out_channels=(width,) * 4, decoder_block_out_channels=(width,) * 4)
    blocks = len(config.widths)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=config.widths,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=config.groups,
        sample_size=config.size,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
        force_upcast=False,
    )


def load_autoencoder(folder: Path) -> Autoencoder:
    kind = AutoencoderTiny if AutoencoderTiny.load_config(folder)["_class_name"] == "AutoencoderTiny" else AutoencoderKL
    return kind.from_pretrained(folder, dtype=torch.float32)


def encode(vae: Autoencoder, x: Tensor) -> Tensor:
    """Latents as the denoiser sees them, of about unit spread."""
    out = vae.encode(x)
    latents = out.latents if isinstance(vae, AutoencoderTiny) else out.latent_dist.mode()
    return latents.float() * vae.config.scaling_factor


def decode(vae: Autoencoder, latents: Tensor) -> Tensor:
    return vae.decode(latents / vae.config.scaling_factor).sample.float().clamp(-1, 1)


class _Both(nn.Module):
    """There and back in one call, for the compiler: (rebuilt, KL divergence)."""

    def __init__(self, vae: Autoencoder) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = self.vae.encode(x)
        if isinstance(self.vae, AutoencoderTiny):
            return self.vae.decode(out.latents).sample.float(), x.new_zeros(())
        return self.vae.decode(out.latent_dist.sample()).sample.float(), out.latent_dist.kl().mean()


class Pool:
    """Composed square crops in memory, of which the oldest few are replaced at each step.

    Pictures are composed at once or twice the crop's side, so that large and small detail are both seen.
    """

    def __init__(self, composer: Composer, size: int, count: int, threads: int) -> None:
        self._composer, self._size, self._threads, self._next = composer, size, threads, 0
        self.pixels = np.empty((count, size, size, 3), np.uint8)

    def refresh(self, count: int, seed: int) -> None:
        side = self._size * random.Random(seed).choice([1, 2])
        pixels, _ = self._composer.batch(side, side, range(seed, seed + count), self._threads)
        for k, picture in enumerate(pixels):
            x, y = (random.Random(seed + k).randrange(side - self._size + 1) for _ in "xy")
            self.pixels[self._next] = picture[y : y + self._size, x : x + self._size]
            self._next = (self._next + 1) % len(self.pixels)


def held_out(composer: Composer, size: int, count: int) -> np.ndarray:
    """uint8 (count, size, size, 3) that no stage has trained on: other arrangements, of the same cut-outs."""
    return composer.batch(size, size, range(HELD_OUT, HELD_OUT + count))[0]


@torch.no_grad()
def measured_psnr(vae: Autoencoder, pixels: np.ndarray, machine: Machine, batch: int = 16) -> float:
    """Mean decibel over the pictures."""
    out = []
    for start in range(0, len(pixels), batch):
        x = machine.pictures(pixels[start : start + batch])
        with machine.autocast():
            out.append(psnr(decode(vae, encode(vae, x)), x))
    return torch.cat(out).mean().item()


class Training:
    """The autoencoder, its critic and their optimizers; what is saved and gone on from."""

    def __init__(self, config: AutoencoderConfig, machine: Machine, run: Path, start: Path | None) -> None:
        torch.manual_seed(config.loop.seed)
        self.config, self.machine, self.path = config, machine, run / FOLDER
        self.vae = load_autoencoder(start) if start else new_autoencoder(config)
        machine.place(self.vae.train())
        self.critic = machine.place(PatchCritic())
        self.features = machine.place(RandomFeatures())
        self.weights, self.critic_weights = named(vae=self.vae), named(critic=self.critic)
        fused = machine.device.type == "cuda"
        make: Any = torch.optim.AdamW
        self.optimizer = make(self.weights.values(), betas=(0.9, 0.99), weight_decay=0.0, fused=fused)
        self.critic_optimizer = make(self.critic_weights.values(), betas=(0.5, 0.9), weight_decay=0.0, fused=fused)
        self.average = Average(self.weights, config.loop.ema)
        self.step = self._restore()
        self._both = machine.fast(_Both(self.vae))

    def _restore(self) -> int:
        saved = read_state(self.path / "state.safetensors")
        if saved is None:
            return 0
        sections, facts = saved
        copy_into(self.weights, sections["live"])
        copy_into(self.critic_weights, sections["live"])
        self.average.restore(sections["average"])
        restore_optimizer(self.optimizer, self.weights, sections["adam"])
        restore_optimizer(self.critic_optimizer, self.critic_weights, sections["critic_adam"])
        return int(facts["step"])

    def once(self, pixels: np.ndarray, step: int, steps: int) -> Tensor:
        """One step of the autoencoder and, once it has a say, of the critic; the L1 + perceptual loss."""
        x = self.machine.pictures(pixels)
        criticised = step >= self.config.adversarial_from * steps and self.config.adversarial > 0
        with self.machine.autocast():
            y, divergence = self._both(x)
            loss = (x - y).abs().mean() + self.config.perceptual * self.features(y, x)
            total = loss + self.config.kl * divergence
            if criticised:
                total = total - self.config.adversarial * self.critic(y).float().mean()
        self._descend(total, self.optimizer, self.weights)
        if criticised:
            with self.machine.autocast():
                judged = critic_loss(self.critic(x).float(), self.critic(y.detach()).float())
            self._descend(judged, self.critic_optimizer, self.critic_weights)
        self.average.update(step)
        return loss.detach()

    @staticmethod
    def _descend(loss: Tensor, optimizer: torch.optim.Optimizer, weights: dict[str, nn.Parameter]) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()

    def averaged(self) -> Autoencoder:
        """A copy with the averaged weights, for measuring and shipping."""
        copy = type(self.vae).from_config(self.vae.config)
        copy.load_state_dict(self.average.state_of("vae"))
        return self.machine.place(copy.eval())  # type: ignore[return-value]

    def save(self, step: int) -> None:
        sections = {
            "live": {**self.weights, **self.critic_weights},
            "average": self.average.tensors,
            "adam": optimizer_tensors(self.optimizer, self.weights),
            "critic_adam": optimizer_tensors(self.critic_optimizer, self.critic_weights),
        }
        write_state(self.path / "state.safetensors", sections, {"step": step})


@torch.no_grad()
def set_scale(vae: Autoencoder, pixels: np.ndarray, machine: Machine, batch: int = 16) -> None:
    """Choose the scaling factor that gives these latents a spread of one (Rombach et al. 2022, appendix G)."""
    vae.register_to_config(scaling_factor=1.0)
    parts = [encode(vae, machine.pictures(pixels[k : k + batch])).flatten() for k in range(0, len(pixels), batch)]
    vae.register_to_config(scaling_factor=round(1 / torch.cat(parts).std().item(), 5))


def train(
    config: AutoencoderConfig,
    composer: Composer,
    run: Path,
    tell: Callable[[str], None],
    start: Path | None = None,
    threads: int = 1,
) -> list[float]:
    """Train or go on training; leaves run/autoencoder as diffusers loads it, and run/autoencoder.png. The losses."""
    machine, loop = Machine.best(config.loop), config.loop
    job = Training(config, machine, run, start)
    pool = Pool(composer, config.size, config.pool, threads)
    tell(f"autoencoder: composing {config.pool} pictures")
    first = job.step * config.refresh + loop.seed * 10**9
    pool.refresh(config.pool, seed=first)
    test = held_out(composer, 2 * config.size, 32)
    dice = np.random.default_rng(loop.seed + job.step)

    def once(step: int) -> Step:
        pool.refresh(config.refresh, seed=first + config.pool + (step - job.step) * config.refresh)
        batch = pool.pixels[dice.integers(0, len(pool.pixels), config.batch)]
        return Step(job.once(batch, step, loop.steps), config.batch)

    def save(step: int) -> None:
        job.save(step)
        vae = job.averaged()
        set_scale(vae, test, machine)
        vae.save_pretrained(run / FOLDER)
        rebuilt_page(vae, test[:8], machine).save(run / "autoencoder.png")
        decibel = measured_psnr(vae, test, machine)
        tell(f"autoencoder {step}: {decibel:.2f} dB on held-out pictures of {2 * config.size} px")

    optimizers = [job.optimizer, job.critic_optimizer]
    return Loop("autoencoder", loop, loop.steps, tell).run(job.step, optimizers, once, save)


@torch.no_grad()
def rebuilt_page(vae: Autoencoder, pixels: np.ndarray, machine: Machine) -> Image.Image:
    """The pictures above, what the autoencoder makes of them below."""
    y = decode(vae, encode(vae, machine.pictures(pixels)))
    made = y.add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return Image.fromarray(np.concatenate([np.concatenate(list(pixels), 1), np.concatenate(list(made), 1)], 0))
