"""Stable Diffusion XL: two CLIP text encoders read at their penultimate layers, and sizes told to the UNet."""

from __future__ import annotations

from typing import Any

from webui.core.types import LoraCard, ModelCard
from webui.families import latent, loading, prompts, recognise
from webui.families.base import Check, Family, PromptEmbeds, Report, nothing
from webui.families.recognise import UNET
from webui.library.model_file import ModelFile
from webui.memory.estimate import STABLE_DIFFUSION_XL

_pipelines = ("StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline", "StableDiffusionXLImg2ImgPipeline")


class SdxlFamily(Family):
    name = "sdxl"
    title = "Stable Diffusion XL"
    activations = STABLE_DIFFUSION_XL
    usual_variant = "sdxl"

    def identify(self, file: ModelFile) -> ModelCard | None:
        channels = recognise.in_channels(file.header)
        if channels not in (4, 9) or not _is_xl(file):
            return None
        variant = "sdxl_inpaint" if channels == 9 else "sdxl"
        side = 512 if "turbo" in file.title.lower() else 1024
        return ModelCard(
            file.id,
            file.title,
            self.name,
            str(file.path),
            file.layout,
            file.sizes,
            recognise.defaults(file, side, 28, 6.0, "DPM++ 2M Karras", side // 2),
            recognise.tasks(channels),
            recognise.prediction(file) or "epsilon",
            variant,
            file.modified,
            _problem(file),
        )

    def identify_lora(self, file: ModelFile) -> LoraCard | None:
        shape = recognise.lora_shape(file.header)
        if shape is None or not shape.looks_xl or shape.width == 256:
            return None
        return recognise.lora_card(file, self.name, "sdxl")

    def load(self, card: ModelCard, dtype: Any, report: Report = nothing, check: Check = nothing) -> Any:
        from transformers import CLIPTextModel, CLIPTextModelWithProjection

        source = loading.open_source(card, self.config_folder(card), dtype, report, check)
        return _pipeline(
            text_encoder=source.network("text_encoder", CLIPTextModel),
            text_encoder_2=source.network("text_encoder_2", CLIPTextModelWithProjection),
            tokenizer=source.tokenizer("tokenizer"),
            tokenizer_2=source.tokenizer("tokenizer_2"),
            **latent.parts(source),
            force_zeros_for_empty_prompt=bool(source.index.get("force_zeros_for_empty_prompt", True)),
        )

    def encode(self, pipe: Any, prompt: str, negative: str, guidance: float, check: Check = nothing) -> PromptEmbeds:
        import torch

        zeros = guidance > 1 and not negative and pipe.config.force_zeros_for_empty_prompt
        asked = negative if guidance > 1 and not zeros else None
        wanted: list[Any] = []
        unwanted: list[Any] = []
        pooled: list[Any] = []
        for tokenizer, network in ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)):
            encoder = prompts.Encoder(tokenizer, network, prompts.penultimate)
            first, second = prompts.pair(tokenizer, prompt, asked)
            encoded = [encoder(part) for part in (first, second) if part]
            wanted.append(encoded[0][0])
            unwanted.extend(states for states, _ in encoded[1:])
            pooled = [pool for _, pool in encoded]
            check()
        arguments = {"prompt_embeds": torch.cat(wanted, dim=-1), "pooled_prompt_embeds": pooled[0]}
        if zeros:
            arguments |= {f"negative_{name}": torch.zeros_like(tensor) for name, tensor in arguments.items()}
        elif unwanted:
            arguments["negative_prompt_embeds"] = torch.cat(unwanted, dim=-1)
            arguments["negative_pooled_prompt_embeds"] = pooled[1]
        return PromptEmbeds(arguments)

    def text_encoders(self, pipe: Any) -> tuple[Any, ...]:
        return (pipe.text_encoder, pipe.text_encoder_2)

    def denoiser(self, pipe: Any, scheduler: Any) -> Any:
        absent = dict.fromkeys(("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
        return _pipeline(unet=pipe.unet, scheduler=scheduler, **absent)


def _pipeline(**components: Any) -> Any:
    from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline(**components, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _is_xl(file: ModelFile) -> bool:
    if file.layout == "folder":
        return file.pipeline in _pipelines
    unet = file.header.starts(UNET + "input_blocks.4.1.transformer_blocks.") and file.header.starts(UNET + "label_emb.")
    return unet and not file.header.starts(UNET + "input_blocks.1.1.")


def _problem(file: ModelFile) -> Any:
    if file.layout == "folder":
        both = {"text_encoder", "text_encoder_2"} <= set(file.headers)
        return recognise.incomplete(file, {"text encoders": both, "autoencoder (VAE)": "vae" in file.headers})
    there = {
        "first text encoder": file.header.starts("conditioner.embedders.0.transformer."),
        "second text encoder": file.header.starts("conditioner.embedders.1.model."),
        "autoencoder (VAE)": file.header.starts("first_stage_model."),
    }
    return recognise.incomplete(file, there)


FAMILY = SdxlFamily()
