"""What headers tell: a UNet's structure, what it predicts, whether it was distilled, what a LoRA is for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from webui.core.types import Defaults, Fault, LoraCard, Task
from webui.library.model_file import ModelFile
from webui.library.names import readable
from webui.library.tensors import Header

UNET = "model.diffusion_model."
Prediction = Literal["epsilon", "v_prediction"]

_few_steps = re.compile(r"turbo|lightning|\blcm\b|lcm[-_]|[-_]lcm|hyper[-_ ]?sd|dmd2|flash", re.IGNORECASE)
_v_name = re.compile(r"v[-_ ]?pred", re.IGNORECASE)
_steps = re.compile(r"(\d{1,2})[-_ ]?steps?\b", re.IGNORECASE)


def tasks(channels: int) -> frozenset[Task]:
    """What a UNet is good for by its input channels: an inpainting one (9) wants to see a photo."""
    photo: tuple[Task, ...] = ("image_to_image", "inpaint")
    return frozenset(photo if channels == 9 else ("text_to_image", *photo))


def in_channels(header: Header) -> int:
    """Channels the denoiser reads: 4 draws, 9 repaints (4 latents, 1 mask, 4 masked latents), 0: no UNet."""
    shape = header.shape(UNET + "input_blocks.0.0.weight") or header.shape("conv_in.weight")
    return shape[1] if len(shape) == 4 else 0


def prediction(file: ModelFile) -> Prediction | None:
    """What the file says it predicts; None when it says nothing."""
    said = str(file.configs.get("scheduler", {}).get("prediction_type", ""))
    meta = file.header.metadata
    marks = (meta.get("modelspec.prediction_type", ""), meta.get("modelspec.predict_key", ""), said)
    if file.header.has("v_pred") or any(m in ("v", "v_prediction") for m in marks) or _v_name.search(file.title):
        return "v_prediction"
    return "epsilon" if any(m == "epsilon" for m in marks) else None


def distilled(file: ModelFile) -> bool:
    """Whether its names say that it draws in a few steps without guidance (Turbo, Lightning, LCM, Hyper)."""
    return bool(_few_steps.search(_names(file)))


def _names(file: ModelFile) -> str:
    meta = file.header.metadata
    return " ".join((file.title, file.path.name, meta.get("modelspec.title", ""), meta.get("ss_output_name", "")))


def defaults(file: ModelFile, side: int, steps: int, guidance: float, sampler: str, smallest: int) -> Defaults:
    """A family's best settings, or those of a distilled model: as many steps as its name says, without guidance."""
    if not distilled(file):
        return Defaults(side, side, steps, guidance, sampler, smallest, 2 * side)
    names = _names(file)
    said = _steps.search(names)
    few = min(12, max(1, int(said[1]))) if said else 6
    chosen = "LCM" if "lcm" in names.lower() else "Euler"
    return Defaults(side, side, few, 1.0, chosen, smallest, 2 * side)


def incomplete(file: ModelFile, parts: Mapping[str, bool]) -> Fault | None:
    """The fault of a file that holds the denoiser but not everything else that draws."""
    absent = [name for name, there in parts.items() if not there]
    if not absent:
        return None
    return Fault(
        "model_incomplete",
        f"{file.title} has no {' and no '.join(absent)} inside.",
        "Take the full version of this checkpoint (a few GB larger).",
        status=422,
    )


@dataclass(frozen=True)
class LoraShape:
    """What a LoRA's keys tell of its base: the width of its text embeddings (0 unknown) and how its UNet is built."""

    width: int
    original: bool
    levels: frozenset[str]
    second_encoder: bool

    @property
    def looks_xl(self) -> bool:
        """By the width; else SDXL has a second text encoder, and its UNet no attention at the first and last level."""
        if self.width in _wide:
            return _wide[self.width]
        if self.second_encoder:
            return True
        if self.original:
            return bool(self.levels & {f"input_blocks.{i}" for i in (4, 5)}) and "input_blocks.1" not in self.levels
        return "up_blocks.0" in self.levels and not self.levels & {"down_blocks.0", "up_blocks.3"}


# Width of the text embeddings of Stable Diffusion 1.x, 2.x and XL: whether it is XL's.
_wide = {768: False, 1024: False, 2048: True}
_level = re.compile(r"(down_blocks|up_blocks|input_blocks|output_blocks)[._](\d+)[._](?:attentions|1[._]transformer)")
_down = re.compile(r"attn2[._]to_[kv]\.(lora_down|lora_A|lora\.down)(\.default)?\.weight$")
_middle = re.compile(r"mid_block|middle_block")
_adapter = re.compile(r"lora|hada|lokr|oft")
_unet = re.compile(r"^(lora_unet_|unet\.|base_model\.model\.unet\.|down_blocks|up_blocks|mid_block)")


def lora_shape(header: Header) -> LoraShape | None:
    """None when it is no LoRA for a UNet with text attention: a whole UNet, say, or made for Flux, SD 3 or Wan."""
    keys = list(header.tensors)
    if not any(_adapter.search(k) for k in keys):
        return None
    if not any(_unet.match(k) for k in keys) or not any("attn" in k for k in keys):
        return None
    widths = [header.tensors[k].shape[1] for k in keys if _down.search(k) and len(header.tensors[k].shape) >= 2]
    levels = frozenset(f"{m[1]}.{m[2]}" for k in keys if (m := _level.search(k)))
    if not levels and not any(_middle.search(k) for k in keys):
        return None
    original = any(level.startswith(("input", "output")) for level in levels)
    second = any(k.startswith(("lora_te2_", "text_encoder_2.")) for k in keys)
    return LoraShape(widths[0] if widths else 0, original, levels, second)


def lora_card(file: ModelFile, family: str, variant: str) -> LoraCard:
    kind = unsupported(file.header.tensors)
    problem = kind and Fault(
        "lora_kind",
        f"{file.title} is a {kind}, a kind of LoRA that cannot be used here yet.",
        "Look for a version of it that was trained as a plain LoRA.",
        status=422,
    )
    size = sum(header.nbytes() for header in file.headers.values())
    trigger = _trigger(file.header.metadata)
    return LoraCard(file.id, file.title, family, str(file.path), size, variant, trigger, file.modified, problem or None)


def unsupported(keys: Iterable[str]) -> str:
    """ "LoHa", "LoKr" or "OFT" when a file holds one of those, else ""."""
    marks = {"hada_w": "LoHa", "lokr_w": "LoKr", "oft_": "OFT"}
    return next((kind for key in keys for mark, kind in marks.items() if mark in key), "")


def _trigger(metadata: Mapping[str, str]) -> str:
    """The word that calls it: as said, else the tag that its trainer saw most often."""
    if said := metadata.get("modelspec.trigger_phrase", ""):
        return readable(said[:100])
    try:
        groups = json.loads(metadata.get("ss_tag_frequency", "{}")).values()
        counts = {tag: int(n) for group in groups for tag, n in group.items()}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return ""
    return readable(max(counts, key=lambda tag: counts[tag], default="").strip()[:100])
