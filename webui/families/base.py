"""What a model family says about itself. A new family is one file beside this one, with a `FAMILY` constant.

Families are instances, so that tests hand in the configs of tiny models. Nothing here imports torch outside a function.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webui.core.types import LoraCard, ModelCard
from webui.memory.estimate import Activations

shipped_configs = Path(__file__).parent / "configs"

Report = Callable[[float], None]
Check = Callable[[], None]


def nothing(*_: object) -> None:
    """A report that nobody reads, a check that always passes."""


@dataclass(frozen=True)
class PromptEmbeds:
    """An encoded prompt: `arguments` is what the family's pipeline takes (`prompt_embeds` and so on).

    `turns` is for a prompt that changes on its way: (last step, from 1, and what holds until then), the first being
    `arguments` too.
    """

    arguments: Mapping[str, Any]
    turns: tuple[tuple[int, PromptEmbeds], ...] = ()

    def to(self, device: Any, dtype: Any = None) -> PromptEmbeds:
        moved = {k: v.to(device=device, dtype=dtype) for k, v in self.arguments.items()}
        return PromptEmbeds(moved, tuple((last, embeds.to(device, dtype)) for last, embeds in self.turns))

    def at(self, step: int) -> PromptEmbeds:
        """What holds at a step (from 1)."""
        return next((embeds for last, embeds in self.turns if step <= last), self)


class Family(ABC):
    """How one kind of model is recognised, loaded and asked."""

    name: str
    title: str
    activations: Activations
    usual_variant: str

    def __init__(self, configs: Path = shipped_configs) -> None:
        self.configs = configs

    @abstractmethod
    def identify(self, file: Any) -> ModelCard | None:
        """A card when the file's structure is this family's, else None. Reads headers only."""

    @abstractmethod
    def identify_lora(self, file: Any) -> LoraCard | None:
        """A card when the file is a LoRA for this family, else None. Reads headers only."""

    def config_folder(self, card: ModelCard) -> Path:
        """The diffusers folder that holds the configs: the model's own, or ours for a single file."""
        return Path(card.path) if card.layout == "folder" else self.configs / (card.variant or self.usual_variant)

    @abstractmethod
    def load(self, card: ModelCard, dtype: Any, report: Report = nothing, check: Check = nothing) -> Any:
        """The model as a diffusers pipeline on the CPU, all weights `dtype` (a torch.dtype).

        `report` hears fractions 0 to 1; `check` is called between tensors and raises to stop. Raises ModelBroken,
        ModelMissing.
        """

    @abstractmethod
    def encode(self, pipe: Any, prompt: str, negative: str, guidance: float, check: Check = nothing) -> PromptEmbeds:
        """Both prompts, of one length, in the A1111 grammar of attention. `guidance` 1 or less: no negative one."""

    @abstractmethod
    def text_encoders(self, pipe: Any) -> tuple[Any, ...]:
        """The networks that `encode` needs on the device."""

    @abstractmethod
    def denoiser(self, pipe: Any, scheduler: Any) -> Any:
        """A pipeline with the denoiser alone, sharing its weights; it draws latents from embeddings on one device."""

    def midway(self, embeds: PromptEmbeds, guided: bool) -> dict[str, Any]:
        """An encoded prompt under the names it has within the pipeline's loop, negative and positive in one batch."""
        import torch

        inside = {"prompt_embeds": "prompt_embeds", "pooled_prompt_embeds": "add_text_embeds"}
        given = embeds.arguments
        return {
            name: torch.cat([given[f"negative_{ours}"], given[ours]]) if guided else given[ours]
            for ours, name in inside.items()
            if ours in given
        }

    def lora_fits(self, lora: LoraCard, card: ModelCard) -> bool:
        """Whether the shapes agree: same family, and same variant where the variant changes them ("" fits all)."""
        return lora.family == card.family == self.name and lora.variant in ("", lora_variant(card.variant))


def lora_variant(variant: str) -> str:
    """The part of a model's variant that decides which LoRAs fit: an inpainting model takes those of its base."""
    return variant.removesuffix("_inpaint").removesuffix("_base")


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON file; {} when it is not there."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
