"""The networks that the latent diffusion families share, imported only when one is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webui.families.loading import Source


def parts(source: Source) -> dict[str, Any]:
    """What every latent diffusion pipeline has besides its text encoders: `unet`, `vae` and `scheduler`."""
    return {
        "unet": source.network("unet", unet_class()),
        "vae": source.network("vae", vae_class(source.config("vae"))),
        "scheduler": source.scheduler(),
    }


def unet_class() -> Any:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return UNet2DConditionModel


def vae_class(config: Mapping[str, Any]) -> Any:
    """The small autoencoder where a config names it, else the usual one; no other class is ever taken from a config."""
    if config.get("_class_name") == "AutoencoderTiny":
        from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

        return AutoencoderTiny
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return AutoencoderKL
