"""Tensors of a single-file checkpoint under the names that diffusers' and transformers' classes have for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_clip = ("cond_stage_model.transformer.", "conditioner.embedders.0.transformer.")
_open_clip = {"text_encoder": ("cond_stage_model.model.",), "text_encoder_2": ("conditioner.embedders.1.model.",)}
_openclip_layers = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}


def convert(component: str, tensors: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The weights of "unet", "vae", "text_encoder" or "text_encoder_2"; {} when the file has none of it."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

    if component == "unet":
        return dict(convert_ldm_unet_checkpoint(_below(tensors, ("model.diffusion_model.",)), config))
    if component == "vae":
        return dict(convert_ldm_vae_checkpoint(_below(tensors, ("first_stage_model.",)), config))
    if component == "text_encoder" and (found := _stripped(tensors, _clip)):
        return found
    return open_clip(_stripped(tensors, _open_clip[component]))


def open_clip(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """OpenCLIP's names: q, k and v come as one matrix, the projection transposed."""
    heads = {
        "token_embedding.weight": "embeddings.token_embedding.weight",
        "positional_embedding": "embeddings.position_embedding.weight",
        "ln_final.weight": "final_layer_norm.weight",
        "ln_final.bias": "final_layer_norm.bias",
    }
    out = {ours: tensors[theirs] for theirs, ours in heads.items() if theirs in tensors}
    if "text_projection" in tensors:
        out["text_projection.weight"] = tensors["text_projection"].T
    for name, tensor in tensors.items():
        if not name.startswith("transformer.resblocks."):
            continue
        layer, rest = name.removeprefix("transformer.resblocks.").split(".", 1)
        base = f"encoder.layers.{layer}."
        if rest.startswith("attn.in_proj_"):
            for letter, part in zip("qkv", tensor.chunk(3), strict=True):
                out[f"{base}self_attn.{letter}_proj.{rest.removeprefix('attn.in_proj_')}"] = part
        elif rest.startswith("attn.out_proj."):
            out[f"{base}self_attn.out_proj.{rest.removeprefix('attn.out_proj.')}"] = tensor
        else:
            inner, end = rest.rsplit(".", 1)
            out[f"{base}{_openclip_layers.get(inner, inner)}.{end}"] = tensor
    return out


def _below(tensors: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {k: tensors[k] for k in tensors if k.startswith(prefixes)}


def _stripped(tensors: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {k.removeprefix(p): tensors[k] for p in prefixes for k in tensors if k.startswith(p)}
