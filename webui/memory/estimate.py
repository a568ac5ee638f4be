"""How many bytes a picture takes, before anything is loaded: the header's sums and measured activations.

Activations are the live-tensor peak of full-size networks on the meta device with attention that never makes the S x S
matrix (tests/memory/test_estimate_meta.py repeats the measurement); they grow with the pixels and with the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from webui.core.types import ComponentSizes

Dtype = Literal["float32", "bfloat16", "float16"]

GIB = 2**30
BYTES: dict[Dtype, int] = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class Activations:
    """What a family's networks need beside their weights. Bytes in 16-bit numbers; per megapixel (10^6) of the picture.

    `denoiser_per_megapixel` is with classifier-free guidance (batch 2). `vae_tiled` is decoding in tiles of 512 px,
    whatever the picture's size. `vae_upcasts`: the VAE runs in float32 where the rest is float16 (SDXL's overflows).
    `largest_blocks` and `largest_layers` are the shares of the denoiser's weights that are on the device together when
    two blocks, or two layers, are: one computing, the next one arriving. `text_encoder_largest_layers` likewise.
    """

    denoiser_per_megapixel: int
    vae_decode_per_megapixel: int
    vae_encode_per_megapixel: int
    vae_tiled: int
    denoiser_flat: int = 0
    vae_upcasts: bool = False
    largest_blocks: float = 1.0
    largest_layers: float = 0.1
    text_encoder: int = 32 * 2**20
    text_encoder_largest_layers: float = 0.5


_KL_DECODE, _KL_ENCODE, _KL_TILED = int(1.50 * GIB), int(1.26 * GIB), int(0.38 * GIB)

STABLE_DIFFUSION = Activations(
    denoiser_per_megapixel=int(0.50 * GIB),
    vae_decode_per_megapixel=_KL_DECODE,
    vae_encode_per_megapixel=_KL_ENCODE,
    vae_tiled=_KL_TILED,
    largest_blocks=0.52,
    largest_layers=0.08,
    text_encoder_largest_layers=0.35,
)
STABLE_DIFFUSION_XL = Activations(
    denoiser_per_megapixel=int(0.31 * GIB),
    vae_decode_per_megapixel=_KL_DECODE,
    vae_encode_per_megapixel=_KL_ENCODE,
    vae_tiled=_KL_TILED,
    vae_upcasts=True,
    largest_blocks=0.67,
    largest_layers=0.03,
    text_encoder_largest_layers=0.12,
)


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes of one picture on one device, by part: weights as they will be held, and activations."""

    text_encoders: int
    denoiser: int
    vae: int
    text_work: int
    denoiser_work: int
    vae_work: int
    vae_work_tiled: int
    denoiser_blocks: int
    denoiser_layers: int
    text_layers: int


def estimate(
    sizes: ComponentSizes, activations: Activations, dtype: Dtype, width: int, height: int, *, cfg: bool = True
) -> Needs:
    """What a picture of `width` x `height` needs in `dtype`. Weights are converted from how the file stores them."""
    number = BYTES[dtype]
    stored = number / sizes.bytes_per_parameter
    wide = number / 2
    vae_wide = 2.0 if activations.vae_upcasts and dtype == "float16" else wide
    megapixels = width * height / 1e6
    work = activations.denoiser_flat + activations.denoiser_per_megapixel * megapixels
    vae_work = max(activations.vae_decode_per_megapixel, activations.vae_encode_per_megapixel) * megapixels
    denoiser, text = sizes.denoiser * stored, sizes.text_encoders * stored
    return Needs(
        text_encoders=int(text),
        denoiser=int(denoiser),
        vae=int(sizes.vae * stored * vae_wide / wide),
        text_work=int(activations.text_encoder * wide),
        denoiser_work=int(work * wide * (1.0 if cfg else 0.5)),
        vae_work=int(vae_work * vae_wide),
        vae_work_tiled=int(min(activations.vae_tiled, vae_work) * vae_wide),
        denoiser_blocks=int(denoiser * activations.largest_blocks),
        denoiser_layers=int(denoiser * activations.largest_layers),
        text_layers=int(text * activations.text_encoder_largest_layers),
    )
