"""Stable Diffusion 1.x and 2.x, and the starter: one CLIP text encoder, a UNet over 4 channels (9 for inpainting)."""

from __future__ import annotations

from typing import Any

from webui.core.types import Defaults, LoraCard, ModelCard
from webui.families import latent, loading, prompts, recognise
from webui.families.base import Check, Family, PromptEmbeds, Report, nothing
from webui.families.recognise import UNET
from webui.library.model_file import ModelFile
from webui.memory.estimate import STABLE_DIFFUSION

_first_attention = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
_pipelines = ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline", "StableDiffusionImg2ImgPipeline")
_starter_width = 256


class SdFamily(Family):
    name = "sd"
    title = "Stable Diffusion"
    activations = STABLE_DIFFUSION
    usual_variant = "sd15"

    def identify(self, file: ModelFile) -> ModelCard | None:
        channels = recognise.in_channels(file.header)
        ours = (
            file.pipeline in _pipelines if file.layout == "folder" else UNET + _first_attention in file.header.tensors
        )
        if not ours or channels not in (4, 9):
            return None
        variant = self._variant(file, channels)
        predicts = recognise.prediction(file) or ("v_prediction" if variant == "sd2" else "epsilon")
        return ModelCard(
            file.id,
            file.title,
            self.name,
            str(file.path),
            file.layout,
            file.sizes,
            _defaults(file, variant),
            recognise.tasks(channels),
            predicts,
            variant,
            file.modified,
            _problem(file),
        )

    def _variant(self, file: ModelFile, channels: int) -> str:
        if file.layout == "folder":
            width = file.configs.get("unet", {}).get("cross_attention_dim", 0)
        else:
            width = file.header.shape(UNET + _first_attention)[-1]
        end = "_inpaint" if channels == 9 else ""
        if width == _starter_width:
            return "starter" + end
        if not (width == 1024 or file.header.starts("cond_stage_model.model.")):
            return "sd15" + end
        base = "512" in file.header.metadata.get("modelspec.resolution", file.path.name) or "base" in file.path.name
        return "sd2_inpaint" if end else "sd2_base" if base else "sd2"

    def identify_lora(self, file: ModelFile) -> LoraCard | None:
        shape = recognise.lora_shape(file.header)
        if shape is None or (shape.looks_xl and shape.width != _starter_width):
            return None
        second = file.header.metadata.get("ss_base_model_version", "").startswith("sd_v2")
        variant = {_starter_width: "starter", 1024: "sd2"}.get(shape.width, "sd2" if second else "sd15")
        return recognise.lora_card(file, self.name, variant)

    def load(self, card: ModelCard, dtype: Any, report: Report = nothing, check: Check = nothing) -> Any:
        from transformers import CLIPTextModel

        source = loading.open_source(card, self.config_folder(card), dtype, report, check)
        return _pipeline(
            text_encoder=source.network("text_encoder", CLIPTextModel),
            tokenizer=source.tokenizer("tokenizer"),
            **latent.parts(source),
        )

    def encode(self, pipe: Any, prompt: str, negative: str, guidance: float, check: Check = nothing) -> PromptEmbeds:
        encoder = prompts.Encoder(pipe.tokenizer, pipe.text_encoder, prompts.last)
        wanted, unwanted = prompts.pair(pipe.tokenizer, prompt, negative if guidance > 1 else None)
        arguments = {"prompt_embeds": encoder(wanted)[0]}
        check()
        if unwanted:
            arguments["negative_prompt_embeds"] = encoder(unwanted)[0]
        return PromptEmbeds(arguments)

    def text_encoders(self, pipe: Any) -> tuple[Any, ...]:
        return (pipe.text_encoder,)

    def denoiser(self, pipe: Any, scheduler: Any) -> Any:
        return _pipeline(vae=None, text_encoder=None, tokenizer=None, unet=pipe.unet, scheduler=scheduler)


def _pipeline(**components: Any) -> Any:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    pipe = StableDiffusionPipeline(
        **components, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _defaults(file: ModelFile, variant: str) -> Defaults:
    if variant.startswith("starter"):
        return Defaults(128, 128, 12, 2.5, "DPM++ 2M", 64, 512, photo_side=256)
    side = 768 if variant == "sd2" else 512
    return recognise.defaults(file, side, 25, 7.0, "DPM++ 2M Karras", side // 2)


def _problem(file: ModelFile) -> Any:
    if file.layout == "folder":
        there = {"text encoder": "text_encoder" in file.headers, "autoencoder (VAE)": "vae" in file.headers}
    else:
        there = {
            "text encoder": file.header.starts("cond_stage_model."),
            "autoencoder (VAE)": file.header.starts("first_stage_model."),
        }
    return recognise.incomplete(file, there)


FAMILY = SdFamily()
