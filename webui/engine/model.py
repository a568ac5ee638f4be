"""A model in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from webui.core.types import ModelCard
from webui.families.base import Family, PromptEmbeds

_remembered_prompts = 16


@dataclass(eq=False)
class Model:
    """Weights, and what is known of them. `loras`: weights of the adapters in place, by name. `placed` is place.py's,
    `to_rgb` is preview.py's."""

    card: ModelCard
    family: Family
    pipe: Any = field(repr=False)
    dtype: Any
    loras: dict[str, float] = field(default_factory=dict)
    placed: tuple[str, Any] | None = None
    to_rgb: Any = field(default=None, repr=False)
    _prompts: OrderedDict[object, PromptEmbeds] = field(default_factory=OrderedDict, repr=False)

    def part(self, name: str) -> tuple[Any, ...]:
        """The networks of "text", "denoiser" or "vae"."""
        parts = {"denoiser": (self.pipe.unet,), "vae": (self.pipe.vae,)}
        return parts.get(name) or self.family.text_encoders(self.pipe)

    def networks(self) -> Iterator[Any]:
        for name in ("text", "denoiser", "vae"):
            yield from self.part(name)

    def remembered(self, key: object, encode: Callable[[], PromptEmbeds]) -> PromptEmbeds:
        """An encoded prompt, from before if the LoRAs are the same, else made by `encode`."""
        whole = (tuple(sorted(self.loras.items())), key)
        if whole not in self._prompts:
            self._prompts[whole] = encode().to("cpu")
            while len(self._prompts) > _remembered_prompts:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(whole)
        return self._prompts[whole]

    def knows(self, key: object) -> bool:
        return (tuple(sorted(self.loras.items())), key) in self._prompts
