"""Key names of the original Stable Diffusion checkpoints, from diffusers' own: what people's single-file models hold.

The inverse of diffusers' single-file loader, for UNets with two resnets a block and the KL-VAE with four levels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

Tensors = dict[str, torch.Tensor]

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "conv_in.": "input_blocks.0.0.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
}
_MIDDLE = {"resnets.0.": "0.", "attentions.0.": "1.", "resnets.1.": "2."}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def checkpoint(pipe: Any) -> Tensors:
    """All weights of an SD 1.x or SDXL pipeline under their original names."""
    out = {"model.diffusion_model." + unet_key(k, pipe.unet): v for k, v in pipe.unet.state_dict().items()}
    out |= vae(pipe.vae.state_dict())
    if getattr(pipe, "text_encoder_2", None) is None:
        return out | clip(pipe.text_encoder.state_dict(), "cond_stage_model.transformer.")
    out |= clip(pipe.text_encoder.state_dict(), "conditioner.embedders.0.transformer.")
    return out | open_clip(pipe.text_encoder_2.state_dict(), "conditioner.embedders.1.model.")


def unet_key(key: str, unet: Any) -> str:
    """`down_blocks.1.resnets.0.conv1.weight` -> `input_blocks.4.0.in_layers.2.weight` (kohya's way, too)."""
    for ours, original in _UNET_ENDS.items():
        if key.startswith(ours):
            return original + key.removeprefix(ours)
    side, rest = key.split(".", 1)
    if side == "mid_block":
        part = next(p for p in _MIDDLE if rest.startswith(p))
        return _inner(f"middle_block.{_MIDDLE[part]}{rest.removeprefix(part)}", part)
    match = re.match(r"(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", rest)
    assert match, key
    block, kind, index, tail = int(match[1]), match[2], int(match[3]), match[4]
    per = int(unet.config.layers_per_block) + 1
    if side == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{per * (block + 1)}.0.op.{tail.removeprefix('conv.')}"
        return _inner(f"input_blocks.{per * block + index + 1}.{int(kind == 'attentions')}.{tail}", kind)
    if kind == "upsamplers":
        return f"output_blocks.{per * block + per - 1}.{1 + ('CrossAttn' in unet.config.up_block_types[block])}.{tail}"
    return _inner(f"output_blocks.{per * block + index}.{int(kind == 'attentions')}.{tail}", kind)


def _inner(key: str, kind: str) -> str:
    if not kind.startswith("resnets"):
        return key
    for ours, original in _RESNET.items():
        key = key.replace(f".{ours}.", f".{original}.")
    return key


def vae(state: Mapping[str, torch.Tensor]) -> Tensors:
    """A KL-VAE; its attention was made of 1x1 convolutions then."""
    out: Tensors = {}
    for key, tensor in state.items():
        name = key.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        name = name.replace("mid_block.attentions.0.", "mid.attn_1.")
        name = re.sub(r"mid_block\.resnets\.(\d)\.", lambda m: f"mid.block_{int(m[1]) + 1}.", name)
        name = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", name)
        name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", name)
        name = re.sub(r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{3 - int(m[1])}.block.", name)
        name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0\.", lambda m: f"up.{3 - int(m[1])}.upsample.", name)
        if "attn_1" in name:
            for ours, original in _VAE_ATTENTION.items():
                name = name.replace(f".{ours}.", f".{original}.")
            tensor = tensor[:, :, None, None] if tensor.ndim == 2 else tensor
        out["first_stage_model." + name] = tensor
    return out


def clip(state: Mapping[str, torch.Tensor], prefix: str) -> Tensors:
    """OpenAI's CLIP text encoder as transformers 4 named it (transformers 5 leaves `text_model.` out)."""
    flat = {k.removeprefix("text_model."): v for k, v in state.items() if "position_ids" not in k}
    return {prefix + "text_model." + k: v for k, v in flat.items()}


def open_clip(state: Mapping[str, torch.Tensor], prefix: str) -> Tensors:
    """SDXL's second text encoder, as OpenCLIP names it: q, k and v in one matrix."""
    ours = {k.removeprefix("text_model."): v for k, v in state.items()}
    out = {
        "token_embedding.weight": ours["embeddings.token_embedding.weight"],
        "positional_embedding": ours["embeddings.position_embedding.weight"],
        "ln_final.weight": ours["final_layer_norm.weight"],
        "ln_final.bias": ours["final_layer_norm.bias"],
        "text_projection": ours["text_projection.weight"].T,
    }
    layers = 1 + max(int(k.split(".")[2]) for k in ours if k.startswith("encoder.layers."))
    for i in range(layers):
        a, b = f"encoder.layers.{i}.", f"transformer.resblocks.{i}."
        for w in ("weight", "bias"):
            out[f"{b}attn.in_proj_{w}"] = torch.cat([ours[f"{a}self_attn.{x}_proj.{w}"] for x in "qkv"])
            out[f"{b}attn.out_proj.{w}"] = ours[f"{a}self_attn.out_proj.{w}"]
            out[f"{b}ln_1.{w}"], out[f"{b}ln_2.{w}"] = ours[f"{a}layer_norm1.{w}"], ours[f"{a}layer_norm2.{w}"]
            out[f"{b}mlp.c_fc.{w}"], out[f"{b}mlp.c_proj.{w}"] = ours[f"{a}mlp.fc1.{w}"], ours[f"{a}mlp.fc2.{w}"]
    return {prefix + k: v for k, v in out.items()}
