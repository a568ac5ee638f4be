"""Latents from words: the U-Net and the text encoder, trained together."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextModel

from models.starter.training import words
from models.starter.training.autoencoder import FOLDER as AUTOENCODER
from models.starter.training.autoencoder import load_autoencoder
from models.starter.training.compose import Composer
from models.starter.training.config import DenoiserConfig, shares
from models.starter.training.descent import Descent
from models.starter.training.latents import Cache, Captioned, Maker
from models.starter.training.loop import (
    Average,
    Loop,
    Machine,
    Step,
    Team,
    copy_into,
    named,
    read_state,
    write_state,
)
from models.starter.training.noise import Noise, scheduler
from models.starter.training.sheet import PROMPTS, draw, page

FOLDER = "denoiser"


def new_unet(config: DenoiserConfig) -> UNet2DConditionModel:
    """Stable Diffusion's, with one thing more: the words, pooled, join the timestep and scale and shift every layer.

    What is to be seen, its colour and its ground concern the whole picture; cross attention alone learns that slowly.
    """
    blocks = len(config.widths)
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=config.widths,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (blocks - 1),
        up_block_types=("CrossAttnUpBlock2D",) * (blocks - 1) + ("UpBlock2D",),
        cross_attention_dim=config.text.width,
        attention_head_dim=tuple(max(1, width // config.head_width) for width in config.widths),
        norm_num_groups=config.groups,
        addition_embed_type="text",
        addition_embed_type_num_heads=config.text.heads,
        resnet_time_scale_shift="scale_shift",
    )


def attend_plainly(unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
    """Attention as products and a softmax: on processors the backward pass of the fused kernel takes ten times as long.

    A step of this U-Net takes 0.72 of the time (torch 2.13, one AVX-512 core, 32 pictures of 128 px).
    """
    unet.set_attn_processor(AttnProcessor())
    text.set_attn_implementation("eager")


class _Velocity(nn.Module):
    """Words and noisy latents to velocity in one call, for the compiler."""

    def __init__(self, unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
        super().__init__()
        self.unet, self.text = unet, text

    def forward(self, noisy: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        return self.unet(noisy, t, self.text(ids).last_hidden_state, return_dict=False)[0].float()


class Training:
    """The networks, their optimizer and average; what is saved and gone on from.

    `start` is a diffusers folder to begin with; without one the networks are new and the run must hold
    words.safetensors.
    """

    def __init__(
        self, config: DenoiserConfig, machine: Machine, run: Path, start: Path | None, team: Team | None = None
    ) -> None:
        torch.manual_seed(config.loop.seed)
        self.config, self.machine, self.run, self.team = config, machine, run, team or Team()
        self.tokens = words.tokenizer(config.text.tokens)
        self.unet, self.text = self._networks(start)
        words.freeze_table(self.text)
        machine.place(self.unet.train())
        self.text.to(machine.device)
        if machine.device.type == "cpu":
            attend_plainly(self.unet, self.text)
        self.weights = named(unet=self.unet, text=self.text)
        fused = machine.device.type == "cuda" or machine.bf16
        self.descent = Descent({"unet": self.unet, "text": self.text}, fused)
        self.average = Average(self.weights, config.loop.ema)
        self.noise = Noise.of(config.gamma, machine.device)
        self.step = self._restore()
        self._unsaid = words.unsaid(self.tokens, config.text.tokens).to(machine.device)
        self._velocity = machine.fast(_Velocity(self.unet, self.text))

    def _networks(self, start: Path | None) -> tuple[UNet2DConditionModel, CLIPTextModel]:
        if start is not None:
            unet = UNet2DConditionModel.from_pretrained(start, subfolder="unet", dtype=torch.float32)
            text = CLIPTextModel.from_pretrained(start / "text_encoder", dtype=torch.float32)
            return unet, text
        table = words.read_table(self.run)
        if table is None:
            raise FileNotFoundError("A new denoiser needs a token table: run the stage `words` first, or give --start.")
        return new_unet(self.config), words.text_encoder(self.config.text, self.tokens, table)

    def _restore(self) -> int:
        saved = read_state(self.run / FOLDER / "state.safetensors")
        if saved is None:
            return 0
        sections, facts = saved
        copy_into(self.weights, sections["live"])
        self.average.restore(sections["average"])
        self.descent.restore(sections["descent"])
        return int(facts["step"])

    def loss(self, batch: Captioned, dice: torch.Generator) -> Tensor:
        """Weighted mean square error of the velocity, with some captions dropped (Ho & Salimans 2022)."""
        x, count = batch.latents.contiguous(memory_format=torch.channels_last), len(batch.latents)
        dropped = self._chance(count, self.config.dropped_captions, dice)
        ids = torch.where(dropped[:, None], self._unsaid, batch.ids)
        t = self.noise.timesteps(count, self.config.noisier, self.config.first, dice)
        noise = torch.randn(x.shape, generator=dice).to(x.device)
        noisy = self.noise.noisy(x, noise, t)
        if self.config.masked > 0:
            noisy = self._with_holes(x, noisy, noise, t, dice)
            noise = self.noise.noise_behind(x, noisy, t)
        with self.machine.autocast():
            velocity = self._velocity(noisy, t, ids)
        error = (velocity - self.noise.velocity(x, noise, t)) ** 2
        return (error.mean((1, 2, 3)) * self.noise.weight[t]).mean()

    def _chance(self, count: int, share: float, dice: torch.Generator) -> Tensor:
        return (torch.rand(count, generator=dice) < share).to(self.machine.device)

    def _with_holes(self, x: Tensor, noisy: Tensor, noise: Tensor, t: Tensor, dice: torch.Generator) -> Tensor:
        """Put another picture's latents into a rectangle of some samples, under the same noise.

        The target stays what was there: the net learns to mend a part from what surrounds it, which is what inpainting
        with four channels asks of it at each step. Only where noise outweighs signal; elsewhere the lie would show.
        """
        n, _, height, width = x.shape
        chosen = self._chance(n, self.config.masked, dice) & (self.noise.spread[t] > self.noise.signal[t])
        rows, columns = (self._span(n, side, dice) for side in (height, width))
        hole = chosen[:, None, None] & rows[:, :, None] & columns[:, None, :]
        return torch.where(hole[:, None], self.noise.noisy(x.roll(1, 0), noise, t), noisy)

    def _span(self, count: int, length: int, dice: torch.Generator) -> Tensor:
        """bool (count, length): a random stretch of a quarter to three quarters of the length in each row."""
        size = torch.rand(count, 1, generator=dice) * 0.5 + 0.25
        first = torch.rand(count, 1, generator=dice) * (1 - size)
        at = (torch.arange(length) + 0.5) / length
        return ((at >= first) & (at < first + size)).to(self.machine.device)

    def once(self, batch: Captioned, step: int, dice: torch.Generator) -> Tensor:
        """One step of this process.

        The processes of a team meet at each step over their gradients, as one large batch would have it, or every few
        steps over their weights (local SGD: Stich 2019, "Local SGD Converges Fast and Communicates Little"). On two
        cores a meeting takes a fifth of a step's time.
        """
        often = self.config.loop.meet_every
        self.descent.clear()
        loss = self.loss(batch, dice)
        loss.backward()
        if often == 1:
            self.team.mean(p.grad for p in self.weights.values() if p.grad is not None)
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.descent.step()
        if (step + 1) % often == 0:
            if often > 1:
                self.meet()
            self.average.update(step, often)
        return loss.detach()

    def meet(self) -> None:
        """Every process goes on with the mean of all weights."""
        self.team.mean(p.detach() for p in self.weights.values())

    def averaged(self) -> tuple[UNet2DConditionModel, CLIPTextModel]:
        """Copies with the averaged weights, for looking and shipping."""
        copies = copy.deepcopy(self.unet).eval(), copy.deepcopy(self.text).eval()
        for prefix, module in zip(("unet", "text"), copies, strict=True):
            module.load_state_dict(self.average.state_of(prefix), strict=False)  # the frozen table is not averaged
        return copies

    def save(self, step: int) -> None:
        sections = {
            "live": self.weights,
            "average": self.average.tensors,
            "descent": self.descent.tensors(),
        }
        write_state(self.run / FOLDER / "state.safetensors", sections, {"step": step})


def autoencoder_folder(run: Path, start: Path | None) -> Path:
    """The run's own autoencoder, or else that of the folder it started from."""
    if (run / AUTOENCODER / "config.json").exists():
        return run / AUTOENCODER
    if start is None:
        raise FileNotFoundError("There is no autoencoder yet: run the stage `autoencoder` first, or give --start.")
    return start / "vae"


def _silent(line: str) -> None:
    """For the processes that do not lead."""


def train(
    config: DenoiserConfig,
    composer: Composer,
    run: Path,
    tell: Callable[[str], None],
    start: Path | None = None,
    threads: int = 1,
) -> list[float]:
    """Train or go on training; leaves run/weights (a diffusers folder) and run/sheet-SIZE.png. The losses.

    Started by torchrun, several processes train together: each composes its own pictures, batches add up.
    """
    machine, loop, team = Machine.best(config.loop), config.loop, Team.gather()
    if not team.leads:
        tell = _silent
    vae = machine.place(load_autoencoder(autoencoder_folder(run, start)).eval())
    job = Training(config, machine, run, start, team)
    maker = Maker(composer, vae, job.tokens, config.text.tokens, machine, threads)
    dice = torch.Generator().manual_seed((loop.seed + team.rank) * 1_000_003 + job.step)
    latents = run / FOLDER / f"latents-{team.rank}"
    cache = _cache(config, maker, job.step, latents, machine, team, tell)

    def once(step: int) -> Step:
        nonlocal cache
        part = config.resolution(step)
        if cache.size != part.size:
            cache = _cache(config, maker, step, latents, machine, team, tell)
        if step % config.refresh_every == 0:
            cache.refresh(config.refresh, dice)
        return Step(job.once(cache.draw(part.batch, dice), step, dice), part.batch, f"{part.size} px")

    def save(step: int) -> None:
        cache.save(latents)
        job.meet()
        if not team.leads:
            return
        job.save(step)
        pipe = _pipeline(job, vae)
        pipe.save_pretrained(run / "weights")
        side = config.resolution(step - 1).size
        images = draw(pipe, PROMPTS, side, side, bf16=machine.bf16)
        page(images, PROMPTS).save(run / f"sheet-{side}.png")

    try:
        return Loop("denoiser", loop, config.steps, tell, team).run(job.step, job.descent.optimizers, once, save)
    finally:
        maker.close()


def _cache(
    config: DenoiserConfig,
    maker: Maker,
    step: int,
    folder: Path,
    machine: Machine,
    team: Team,
    tell: Callable[[str], None],
) -> Cache:
    size = config.resolution(step).size
    first = (config.loop.seed + team.rank) * 10**9 + step * config.refresh
    cache = Cache(maker, shares(config.shapes), size, config.cache, first)
    if not cache.restore(folder, machine.device):
        cache.fill(tell)
    return cache


def _pipeline(job: Training, vae: nn.Module) -> StableDiffusionPipeline:
    unet, text = job.averaged()
    return assemble(unet, text, vae, job.tokens)


def assemble(unet: nn.Module, text: nn.Module, vae: nn.Module, tokens: object) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokens,
        unet=unet,
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
