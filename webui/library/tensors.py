"""What the header of a model file holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor's description. `dtype` as the file spells it ("F16", "Q8_0"), `shape` as torch would show it."""

    dtype: str
    shape: tuple[int, ...]
    nbytes: int

    @property
    def numel(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """All tensors of a file by name, and its free metadata (strings)."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["safetensors", "gguf"] = "safetensors"

    def has(self, *names: str) -> bool:
        """Whether every one of these tensors is there."""
        return all(name in self.tensors for name in names)

    def starts(self, prefix: str) -> bool:
        """Whether any tensor's name starts so."""
        return any(name.startswith(prefix) for name in self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, () when there is none of this name."""
        info = self.tensors.get(name)
        return info.shape if info else ()

    def numel(self, prefixes: tuple[str, ...] = ("",)) -> int:
        """Numbers of all tensors whose names start with one of the prefixes."""
        return sum(info.numel for name, info in self.tensors.items() if name.startswith(prefixes))

    def nbytes(self, prefixes: tuple[str, ...] = ("",)) -> int:
        """Bytes of all tensors whose names start with one of the prefixes."""
        return sum(info.nbytes for name, info in self.tensors.items() if name.startswith(prefixes))
