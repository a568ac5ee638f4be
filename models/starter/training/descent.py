"""How the denoiser's weights move: Muon for what mixes channels, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.starter.training.loop import named, optimizer_tensors, restore_optimizer

ENDS = ("conv_in", "conv_out")  # next to the latents, where orthogonal steps have nothing to even out


class Descent:
    """Both optimizers as one.

    Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") makes all directions of a
    matrix' step equally long. Tried once, learning 87 pictures by heart: 75 of its steps with 64 pictures each came as
    far as 240 of AdamW's with 32 (rates 6e-4 and 3e-4). It takes some 0.5 s of a core a step, however many pictures a
    step has.
    """

    def __init__(self, modules: Mapping[str, nn.Module], fused: bool) -> None:
        weights, inner = named(**modules), _matrices(modules)
        self._matrices = {name: p for name, p in weights.items() if name in inner}
        self._others = {name: p for name, p in weights.items() if name not in inner}
        # Muon knows matrices alone: it is given views of the kernels, which share their memory.
        self._views = {name: nn.Parameter(_rows(p.detach()).view(len(p), -1)) for name, p in self._matrices.items()}
        self.muon = torch.optim.Muon(self._views.values(), weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        self.adam = torch.optim.AdamW(self._others.values(), betas=(0.9, 0.99), weight_decay=0.01, fused=fused)

    @property
    def optimizers(self) -> tuple[torch.optim.Optimizer, ...]:
        return self.muon, self.adam

    def clear(self) -> None:
        """No gradient is left, nor a view that would keep its memory."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        for weight in self._matrices.values():
            weight.grad = None

    def step(self) -> None:
        for name, weight in self._matrices.items():
            self._views[name].grad = None if weight.grad is None else _rows(weight.grad).flatten(1)
        self.muon.step()
        self.adam.step()

    def tensors(self) -> dict[str, Tensor]:
        """Momenta by the name of the weight."""
        return optimizer_tensors(self.muon, self._views) | optimizer_tensors(self.adam, self._others)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        restore_optimizer(self.muon, self._views, tensors)
        restore_optimizer(self.adam, self._others, tensors)


def _matrices(modules: Mapping[str, nn.Module]) -> set[str]:
    """Names of the weights of linear and convolutional layers between the ends."""
    return {
        f"{prefix}.{name}.weight"
        for prefix, module in modules.items()
        for name, layer in module.named_modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d)) and name not in ENDS
    }


def _rows(kernel: Tensor) -> Tensor:
    """Kernels (out, in, h, w) with their channels last, as they lie in memory: the rest is then one row each."""
    return kernel.permute(0, 2, 3, 1) if kernel.ndim == 4 else kernel
