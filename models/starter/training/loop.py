"""What all training stages share: the device, the rate, the running average, resumable state and a line of progress."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, distributed, nn

from models.starter.training.config import LoopConfig


@dataclass(frozen=True)
class Team:
    """The processes that train one network together, each on its own pictures: one, or as many as torchrun started.

    On processors a process a core is faster than a thread a core, and much faster while others use the machine: threads
    wait for the slowest of them at each operation, processes at each step.
    """

    rank: int = 0
    size: int = 1

    @staticmethod
    def gather() -> Team:
        if "WORLD_SIZE" not in os.environ:
            return Team()
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return Team(distributed.get_rank(), distributed.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this is the one that tells, saves and draws."""
        return self.rank == 0

    def any(self, here: bool) -> bool:
        """Whether it is so in any of the processes."""
        if self.size == 1:
            return here
        flag = torch.tensor([float(here)], device=Machine.processor())
        distributed.all_reduce(flag)
        return bool(flag.item() > 0)

    @torch.no_grad()
    def mean(self, tensors: Iterable[Tensor]) -> None:
        """Puts the mean over the processes into each tensor; all of them must call it with alike tensors."""
        if self.size == 1:
            return
        some = list(tensors)
        flat = torch.cat([tensor.reshape(-1) for tensor in some])
        distributed.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(some, flat.split([tensor.numel() for tensor in some]), strict=True):
            tensor.copy_(part.view_as(tensor))


@dataclass(frozen=True)
class Machine:
    device: torch.device
    bf16: bool
    compiled: bool

    @staticmethod
    def processor() -> torch.device:
        """The graphics card of this process, or else the processor."""
        if torch.cuda.is_available():
            return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        return torch.device("cpu")

    @staticmethod
    def best(config: LoopConfig) -> Machine:
        device = Machine.processor()
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        return Machine(device, config.bf16, config.compiled)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def place(self, module: nn.Module) -> nn.Module:
        return module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def fast(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """One compiled version for each shape: there are few, and they come again and again."""
        return torch.compile(function, dynamic=False) if self.compiled else function

    def pictures(self, pixels: Any) -> Tensor:
        """uint8 (n, h, w, 3) -> float (n, 3, h, w) in -1..1 on the device."""
        x = torch.as_tensor(pixels).to(self.device).permute(0, 3, 1, 2).float()
        return x.div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


def rate(step: int, steps: int, config: LoopConfig) -> float:
    """Learning rate at `step`: linear up, level, and a cosine down to `final_lr` of the rate over the last part."""
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    part = max(0.0, (step / max(1, steps) - 1 + config.decay_share) / config.decay_share)
    fall = config.final_lr + (1 - config.final_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, part)))
    return config.lr * rise * fall


def named(**modules: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that learn, as "module.parameter"."""
    return {
        f"{prefix}.{name}": parameter
        for prefix, module in modules.items()
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }


class Average:
    """Exponential moving average of parameters, warmed up so that a short run forgets its start."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.tensors = {name: p.detach().clone() for name, p in parameters.items()}
        self._parameters, self._decay = parameters, decay

    @torch.no_grad()
    def update(self, step: int, steps: int = 1) -> None:
        """`step` (0-based) was just made, the last of `steps` since the last call."""
        decay = min(self._decay, (1 + step) / (10 + step)) ** steps
        new = [p.detach() for p in self._parameters.values()]
        torch._foreach_lerp_(list(self.tensors.values()), new, 1 - decay)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = {name: tensors[name].to(p.device) for name, p in self._parameters.items()}

    def state_of(self, prefix: str) -> dict[str, Tensor]:
        start = prefix + "."
        return {name.removeprefix(start): t for name, t in self.tensors.items() if name.startswith(start)}


Sections = Mapping[str, Mapping[str, Tensor]]


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: Iterable[str]) -> dict[str, Tensor]:
    """What the optimizer remembers, by name; `names` are of the parameters of its one group, in its order."""
    parameters = optimizer.param_groups[0]["params"]
    return {
        f"{name}|{key}": value
        for name, parameter in zip(names, parameters, strict=True)
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, names: Iterable[str], tensors: Mapping[str, Tensor]) -> None:
    """The other way: what `optimizer_tensors` gave, back into an optimizer of the same kind."""
    kept: dict[str, dict[str, Tensor]] = {}
    for label, tensor in tensors.items():
        name, key = label.split("|")
        kept.setdefault(name, {})[key] = tensor
    for name, parameter in zip(names, optimizer.param_groups[0]["params"], strict=True):
        if name in kept:
            optimizer.state[parameter] = {
                key: tensor.float().cpu() if key == "step" else tensor.to(parameter)
                for key, tensor in kept[name].items()
            }


def write_state(path: Path, sections: Sections, facts: Mapping[str, Any]) -> None:
    """All sections and facts in one safetensors file that is either the old one or the whole new one."""
    flat = {
        f"{section}/{name}": t.detach().cpu().contiguous() for section, ts in sections.items() for name, t in ts.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    save_file(flat, fresh, metadata={"facts": json.dumps(dict(facts))})
    fresh.replace(path)


def read_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """None when nothing was saved yet."""
    if not path.exists():
        return None
    sections: dict[str, dict[str, Tensor]] = {}
    with safe_open(path, "pt") as file:
        for key in file.keys():  # noqa: SIM118 - not a dict
            section, name = key.split("/", 1)
            sections.setdefault(section, {})[name] = file.get_tensor(key)
        facts = json.loads((file.metadata() or {}).get("facts", "{}"))
    return sections, facts


def copy_into(parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])


@dataclass(frozen=True)
class Step:
    loss: Tensor
    pictures: int
    note: str = ""


class Loop:
    """Calls `once` until the steps or the minutes are used up; sets rates, saves now and then, tells how it goes."""

    def __init__(
        self, name: str, config: LoopConfig, steps: int, tell: Callable[[str], None], team: Team | None = None
    ) -> None:
        self._name, self._config, self._steps, self._tell = name, config, steps, tell
        self._team = team or Team()

    def run(
        self,
        start: int,
        optimizers: Iterable[torch.optim.Optimizer],
        once: Callable[[int], Step],
        save: Callable[[int], None],
    ) -> list[float]:
        """The loss of every step made, oldest first. `save(step)` is called with the number of steps done."""
        config, began, losses, recent = self._config, time.monotonic(), [], []
        told, seen, step = began, 0, start
        while step < self._steps and not (step % config.meet_every == 0 and self._out_of_time(began)):
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate(step, self._steps, config)
            done = once(step)
            step, seen = step + 1, seen + done.pictures
            recent.append(done.loss.detach())
            if step % config.log_every == 0 or step == self._steps:
                losses += torch.stack(recent).float().tolist()
                now = time.monotonic()
                speed = self._team.size * seen / max(now - told, 1e-6)
                self._tell(self._line(step, losses[-len(recent) :], speed, done.note, now - told, len(recent)))
                recent, seen, told = [], 0, now
            if step % config.save_every == 0 and step < self._steps:
                save(step)
        if recent:
            losses += torch.stack(recent).float().tolist()
        if step > start:
            save(step)
        return losses

    def _out_of_time(self, began: float) -> bool:
        return self._team.any(0 < self._config.minutes * 60 < time.monotonic() - began)

    def _line(self, step: int, losses: list[float], speed: float, note: str, spent: float, count: int) -> str:
        left = (self._steps - step) * spent / count / 60
        mean = sum(losses) / len(losses)
        return (
            f"{self._name} {step}/{self._steps}  loss {mean:.4f}  lr {rate(step - 1, self._steps, self._config):.1e}"
            f"  {speed:.0f} pictures/s  {left:.0f} min left{'  ' + note if note else ''}"
        )
