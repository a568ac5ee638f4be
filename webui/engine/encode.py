"""Pixels to latents, for pictures that start from a photo."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from webui.core.errors import NanImage
from webui.core.masks import Array
from webui.engine.model import Model
from webui.engine.place import at_work, tiles
from webui.engine.run import Desk, wider
from webui.memory.plan import VramPlan


def encoded(pixels: Array, model: Model, plan: VramPlan, desk: Desk) -> Tensor:
    """The latents of a picture (height, width, 3), uint8: (1, channels, height / 8, width / 8), float32 on the CPU.

    The distribution's mode, not a sample of it: the seed's noise alone decides. In tiles where the plan says so; where
    half precision runs over, once more in float32. Raises NanImage, and what a device raises when its memory is full.
    """
    vae = model.pipe.vae
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    with ExitStack() as stack:
        device = stack.enter_context(at_work(model, "decoding", plan, desk.device))
        stack.enter_context(tiles(vae, plan.tiled_vae))
        half = vae.dtype == torch.float16
        if half and (device.type == "cpu" or vae.config.get("force_upcast")):
            stack.enter_context(wider(vae))
        latents = _latents(vae, image.to(device))
        if not torch.isfinite(latents).all() and vae.dtype != torch.float32:
            stack.enter_context(wider(vae))
            latents = _latents(vae, image.to(device))
        if not torch.isfinite(latents).all():
            raise NanImage("The model cannot read this photo: its numbers run over.", "Try another model.")
        return latents.cpu()


def _latents(vae: Any, image: Tensor) -> Tensor:
    with torch.no_grad():
        code = vae.encode(image.to(vae.dtype))
    raw = (code.latents if hasattr(code, "latents") else code.latent_dist.mode()).float()
    config = vae.config
    mean, std = config.get("latents_mean"), config.get("latents_std")
    if mean is not None and std is not None:
        by, less = (torch.tensor(v).view(1, -1, 1, 1).to(raw) for v in (std, mean))
        return (raw - less) * config.scaling_factor / by
    return raw * config.scaling_factor
