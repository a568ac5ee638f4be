"""Stable Diffusion at tiny size: real classes and real key names, random weights. What the tests draw with.

Widths are tiny throughout (cross-attention 32 for SD 1.x, 96 for SDXL), so a family is recognised by structure.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from tests import original_keys

STARTER = Path(__file__).resolve().parent.parent / "models" / "starter"

LoraFormat = Literal["kohya", "peft"]
_NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


@dataclass(frozen=True)
class TinyModels:
    """`folder` is a models folder as a person has it; `configs` holds sd15/, sd15_inpaint/, sdxl/ (all but weights)."""

    folder: Path
    configs: Path

    @property
    def sd(self) -> Path:
        return self.folder / "checkpoints" / "tiny-sd.safetensors"

    @property
    def sd_inpaint(self) -> Path:
        return self.folder / "checkpoints" / "tiny-sd-inpaint.safetensors"

    @property
    def xl(self) -> Path:
        return self.folder / "checkpoints" / "tiny-xl.safetensors"

    @property
    def sd_folder(self) -> Path:
        return self.folder / "checkpoints" / "tiny-sd-folder"

    @property
    def xl_folder(self) -> Path:
        return self.folder / "checkpoints" / "tiny-xl-folder"

    def lora(self, family: Literal["sd", "xl"], layout: LoraFormat) -> Path:
        return self.folder / "loras" / f"tiny-{family}-{layout}.safetensors"


def build(folder: Path, configs: Path) -> TinyModels:
    """Write three checkpoints, two diffusers folders and four LoRAs; 90 MB, mostly vocabularies, in two seconds."""
    models = TinyModels(folder, configs)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "loras").mkdir()
    sd, inpaint, xl = sd15(), sd15(in_channels=9), sdxl()
    for pipe, path, config in (
        (sd, models.sd, "sd15"),
        (inpaint, models.sd_inpaint, "sd15_inpaint"),
        (xl, models.xl, "sdxl"),
    ):
        save_checkpoint(pipe, path)
        save_configs(pipe, configs / config)
    sd.to(torch.float16).save_pretrained(models.sd_folder)
    xl.to(torch.float16).save_pretrained(models.xl_folder)
    for layout in ("kohya", "peft"):
        save_lora(sd.unet, models.lora("sd", layout), layout, original_names=False)
        save_lora(xl.unet, models.lora("xl", layout), layout, original_names=True)
    return models


def sd15(seed: int = 0, in_channels: int = 4) -> Any:
    """A tiny SD 1.x pipeline; `in_channels=9` makes it an inpainting model."""
    from diffusers import PNDMScheduler, StableDiffusionInpaintPipeline, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=in_channels,
        block_out_channels=(32, 64, 64, 64),
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=32,
        attention_head_dim=8,
    )
    pipeline = StableDiffusionInpaintPipeline if in_channels == 9 else StableDiffusionPipeline
    return _quiet(
        pipeline(
            vae=_vae(0.18215, 512),
            text_encoder=_text_encoder(CLIPTextModel, 32, layers=3),
            tokenizer=_tokenizer("<|endoftext|>"),
            unet=_lively(unet),
            scheduler=PNDMScheduler(skip_prk_steps=True, set_alpha_to_one=False, **_NOISE),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    )


def sdxl(seed: int = 0) -> Any:
    """A tiny SDXL pipeline. Its second text encoder keeps eleven layers: the loader looks for the tenth."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=[1, 1, 2],
        cross_attention_dim=96,
        attention_head_dim=[2, 4, 4],
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64 + 6 * 8,
    )
    return _quiet(
        StableDiffusionXLPipeline(
            vae=_vae(0.13025, 1024),
            text_encoder=_text_encoder(CLIPTextModel, 32, layers=3),
            text_encoder_2=_text_encoder(CLIPTextModelWithProjection, 64, layers=11, act="gelu"),
            tokenizer=_tokenizer("<|endoftext|>"),
            tokenizer_2=_tokenizer("!"),
            unet=_lively(unet),
            scheduler=EulerDiscreteScheduler(timestep_spacing="leading", **_NOISE),
            add_watermarker=False,
        )
    )


def save_checkpoint(pipe: Any, path: Path, extra: dict[str, torch.Tensor] | None = None) -> None:
    """One fp16 file with the original key names. `extra` adds marks such as `v_pred`."""
    tensors = original_keys.checkpoint(pipe) | (extra or {})
    save_file({k: v.to(torch.float16).contiguous().clone() for k, v in tensors.items()}, path)


def save_configs(pipe: Any, folder: Path) -> None:
    """The diffusers folder without weights, as a single file needs it beside."""
    pipe.save_pretrained(folder)
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()


def save_lora(
    unet: Any, path: Path, layout: LoraFormat, original_names: bool, rank: int = 4, size: float = 0.3
) -> None:
    """A LoRA over every attention of the UNet, strong enough to change any picture.

    `original_names`: kohya's trainer calls SDXL's blocks by their original names, those of SD 1.x by diffusers' ones.
    """
    make = torch.Generator().manual_seed(7)
    tensors: dict[str, torch.Tensor] = {}
    for name, width_out, width_in in _attentions(unet):
        down = torch.randn(rank, width_in, generator=make) * size
        up = torch.randn(width_out, rank, generator=make) * size
        if layout == "peft":
            tensors |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
            continue
        key = original_keys.unet_key(name + ".weight", unet).removesuffix(".weight") if original_names else name
        flat = "lora_unet_" + key.replace(".", "_")
        tensors |= {
            f"{flat}.lora_down.weight": down,
            f"{flat}.lora_up.weight": up,
            f"{flat}.alpha": torch.tensor(float(rank)),
        }
    metadata = {
        "ss_network_dim": str(rank),
        "ss_network_module": "networks.lora",
        "ss_base_model_version": "sdxl_base_v1-0" if original_names else "sd_v1",
        "ss_tag_frequency": json.dumps({"1_tiny": {"tinystyle": 12, "a cat": 3}}),
    }
    save_file(
        {k: v.to(torch.float16).contiguous() for k, v in tensors.items()}, path, metadata if layout == "kohya" else None
    )


def _attentions(unet: Any) -> Iterator[tuple[str, int, int]]:
    for key, weight in unet.state_dict().items():
        name = key.removesuffix(".weight")
        if weight.ndim == 2 and name.endswith((".to_q", ".to_k", ".to_v", ".to_out.0")):
            yield name, *weight.shape


def _vae(scaling_factor: float, sample_size: int) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 32, 32, 32),
        layers_per_block=2,
        sample_size=sample_size,
        scaling_factor=scaling_factor,
    ).eval()


def _text_encoder(cls: Any, width: int, layers: int, act: str = "quick_gelu") -> Any:
    from transformers import CLIPTextConfig

    config = CLIPTextConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        projection_dim=width,
        vocab_size=49408,
        hidden_act=act,
        initializer_factor=20.0,
        bos_token_id=49406,
        eos_token_id=2,
    )
    return cls(config).eval()


def _tokenizer(pad: str) -> Any:
    """The starter's vocabulary is CLIP's own. SDXL's second encoder is padded with `!` (id 0)."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(STARTER / "tokenizer", model_max_length=77, pad_token=pad)


def _lively(unet: Any) -> Any:
    """Random weights hardly listen to a prompt; louder cross-attention makes different prompts different pictures."""
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if ".attn2." in name and parameter.ndim == 2:
                parameter.mul_(4.0)
    return unet.eval()


def _quiet(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe


def main() -> None:
    """Build into a folder by hand: python -m tests.tiny FOLDER"""
    import sys

    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    build(folder / "models", folder / "configs")


if __name__ == "__main__":
    main()
