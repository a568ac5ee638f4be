"""A memory plan put on a model, and taken off again: what is on the device in which stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from webui.core.types import Stage
from webui.engine.model import Model
from webui.memory.plan import VramPlan

_staying: dict[str, tuple[str, ...]] = {
    "resident": ("text", "denoiser", "vae"),
    "text_encoder_leaves": ("denoiser", "vae"),
}
_streamed: dict[str, tuple[str, ...]] = {
    "group_offload_block": ("denoiser",),
    "group_offload_leaf": ("text", "denoiser"),
}
_part_of: dict[Stage, str] = {"encoding": "text", "denoising": "denoiser", "decoding": "vae"}
_group_hooks = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")


def place(model: Model, plan: VramPlan, device: Any) -> None:
    """Bring the model into the plan's order; nothing happens when it is in it. What stays there moves now."""
    import torch

    if model.placed == (plan.rung, device):
        return
    take_off(model)
    model.placed = (plan.rung, device)
    try:
        if plan.rung == "cpu":
            for network in model.networks():
                network.to(torch.float32)
        for part in _streamed.get(plan.rung, ()):
            for network in model.part(part):
                _stream(network, plan.rung, device)
        for part in _staying.get(plan.rung, ()):
            for network in model.part(part):
                network.to(device)
    except BaseException:  # half of it may be there
        take_off(model)
        raise


def streams_denoiser(plan: VramPlan) -> bool:
    """Whether the denoiser comes to the device in groups of layers, from copies of their weights."""
    return "denoiser" in _streamed.get(plan.rung, ())


def take_off(model: Model) -> None:
    """Everything back into system memory, as it was loaded, without hooks."""
    if model.placed is None:
        return
    for network in model.networks():
        _remove_group_hooks(network)
        network.to(device="cpu", dtype=model.dtype)
    model.placed = None


@contextmanager
def at_work(model: Model, stage: Stage, plan: VramPlan, device: Any) -> Iterator[Any]:
    """What a stage needs is where it computes; yields that torch device. What does not stay there leaves in the end."""
    import torch

    part = _part_of[stage]
    here = torch.device("cpu") if plan.rung == "cpu" or (stage == "decoding" and plan.vae_on_cpu) else device
    if part in _streamed.get(plan.rung, ()):
        yield here
        return
    for network in model.part(part):
        network.to(here)
    try:
        yield here
    finally:
        stays = part in _staying.get(plan.rung, ())
        for network in model.part(part):
            network.to(device if stays else "cpu")


@contextmanager
def tiles(vae: Any, wanted: bool) -> Iterator[None]:
    """Decode in overlapping tiles of 512 px, when the plan says so."""
    if not wanted:
        yield
        return
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = 512, 64
    try:
        yield
    finally:
        vae.disable_tiling()


def _stream(network: Any, rung: str, device: Any) -> None:
    import torch
    from diffusers.hooks import apply_group_offloading

    kind = (
        {"offload_type": "leaf_level"}
        if rung == "group_offload_leaf"
        else {"offload_type": "block_level", "num_blocks_per_group": 1}
    )
    apply_group_offloading(
        network,
        onload_device=device,
        offload_device=torch.device("cpu"),
        use_stream=device.type == "cuda",
        low_cpu_mem_usage=True,
        **kind,
    )


def _remove_group_hooks(network: Any) -> None:
    for module in network.modules():
        registry: Any = getattr(module, "_diffusers_hook", None)
        if registry is None:
            continue
        for name in _group_hooks:
            if registry.get_hook(name) is not None:
                registry.remove_hook(name, recurse=False)
