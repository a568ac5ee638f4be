"""Small additions to a finished denoiser: a LoRA that is trained while everything else stands still."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextModel

from models.starter.training import words
from models.starter.training.autoencoder import load_autoencoder
from models.starter.training.compose import Composer
from models.starter.training.config import AdapterConfig, shares
from models.starter.training.denoiser import attend_plainly
from models.starter.training.latents import Cache, Captioned, Maker
from models.starter.training.loop import (
    Loop,
    Machine,
    Step,
    copy_into,
    optimizer_tensors,
    read_state,
    restore_optimizer,
    write_state,
)
from models.starter.training.noise import Noise

# All that mixes channels: attention alone does not reach the finest of the starter's levels, where looks are made.
TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "conv1", "conv2")


class Adapter:
    """A LoRA on the U-Net of a diffusers folder, its optimizer, and what of them is saved and gone on from."""

    def __init__(self, config: AdapterConfig, machine: Machine, folder: Path, state: Path) -> None:
        torch.manual_seed(config.loop.seed)
        self.config, self.machine, self._state = config, machine, state
        self.unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", dtype=torch.float32)
        self.text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
        length = self.text.config.max_position_embeddings
        self.tokens = words.tokenizer(length)
        self.unsaid = words.unsaid(self.tokens, length).to(machine.device)
        self.unet.requires_grad_(False)
        self.text.requires_grad_(False)
        self.unet.add_adapter(LoraConfig(r=config.rank, lora_alpha=config.rank, target_modules=list(TARGETS)))
        machine.place(self.unet.train())
        self.text.to(machine.device)
        if machine.device.type == "cpu":
            attend_plainly(self.unet, self.text)
        self.weights = {name: p for name, p in self.unet.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(self.weights.values(), betas=(0.9, 0.99), weight_decay=0.01)
        self.step = self._restore()
        self._adapted = machine.fast(_Velocity(self.unet))

    def _restore(self) -> int:
        saved = read_state(self._state)
        if saved is None:
            return 0
        sections, facts = saved
        copy_into(self.weights, sections["live"])
        restore_optimizer(self.optimizer, self.weights, sections["adam"])
        return int(facts["step"])

    @torch.no_grad()
    def meaning(self, ids: Tensor) -> Tensor:
        """Token numbers (n, tokens) to float32 (n, tokens, width)."""
        hidden: Tensor = self.text(ids).last_hidden_state
        return hidden

    def velocity(self, noisy: Tensor, t: Tensor, meaning: Tensor) -> Tensor:
        """With the LoRA; gradients flow into it."""
        with self.machine.autocast():
            velocity: Tensor = self._adapted(noisy, t, meaning)
        return velocity.float()

    @torch.no_grad()
    def velocity_without(self, noisy: Tensor, t: Tensor, meaning: Tensor) -> Tensor:
        """What the U-Net says without the LoRA."""
        self.unet.disable_adapters()
        try:
            with self.machine.autocast():
                velocity: Tensor = self.unet(noisy, t, meaning, return_dict=False)[0]
        finally:
            self.unet.enable_adapters()
        return velocity.float()

    def learn(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.optimizer.step()

    def save(self, step: int) -> None:
        adam = optimizer_tensors(self.optimizer, self.weights)
        write_state(self._state, {"live": self.weights, "adam": adam}, {"step": step})

    def export(self, to: Path, about: dict[str, str]) -> None:
        """The LoRA in half precision, in the form that diffusers writes; `about` goes into its header."""
        found = convert_state_dict_to_diffusers(get_peft_model_state_dict(self.unet))
        tensors = {f"unet.{name}": t.detach().cpu().half().contiguous() for name, t in found.items()}
        to.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, to, metadata={"format": "pt", **about})


class _Velocity(nn.Module):
    """One call for the compiler."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, noisy: Tensor, t: Tensor, meaning: Tensor) -> Tensor:
        velocity: Tensor = self.unet(noisy, t, meaning, return_dict=False)[0]
        return velocity


def about(title: str, trigger: str, trained: str) -> dict[str, str]:
    """Header words as the model specification of Stability AI names them, so that other programs show them, too."""
    said = {"modelspec.title": title, "modelspec.license": "Apache-2.0", "modelspec.description": trained}
    if trigger:
        said["modelspec.trigger_phrase"] = trigger
        said["ss_tag_frequency"] = json.dumps({"easel": {trigger: 1}})
    return said


Loss = Callable[[Captioned, torch.Generator], Tensor]


def train(
    config: AdapterConfig,
    composer: Composer,
    folder: Path,
    state: Path,
    to: Path,
    header: dict[str, str],
    lesson: Callable[[Adapter, Noise], Loss],
    tell: Callable[[str], None],
    threads: int = 1,
) -> list[float]:
    """Train or go on by what `lesson` calls the loss; leaves the LoRA for the model in `folder` at `to`. The losses."""
    machine = Machine.best(config.loop)
    adapter = Adapter(config, machine, folder, state)
    vae = machine.place(load_autoencoder(folder / "vae").eval())
    maker = Maker(composer, vae, adapter.tokens, adapter.text.config.max_position_embeddings, machine, threads)
    dice = torch.Generator().manual_seed(config.loop.seed * 1_000_003 + adapter.step)
    cache = Cache(maker, shares(config.shapes), config.size, config.cache, first=adapter.step * config.batch)
    cache.fill(tell)
    loss = lesson(adapter, Noise.of(config.gamma, machine.device))

    def once(step: int) -> Step:
        found = loss(cache.draw(config.batch, dice), dice)
        adapter.learn(found)
        return Step(found, config.batch)

    def save(step: int) -> None:
        adapter.save(step)
        adapter.export(to, header)

    try:
        return Loop(to.stem, config.loop, config.loop.steps, tell).run(adapter.step, [adapter.optimizer], once, save)
    finally:
        maker.close()
