"""Tensors of a GGUF file as networks compute with them: made plain numbers again when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from webui.core.errors import ModelBroken
from webui.library.gguf import MAGIC
from webui.library.header import read_header

_PLAIN = frozenset({"I8", "I16", "I32", "I64", "F64"})


def is_gguf(path: Path) -> bool:
    """By its first bytes, as the catalog tells it. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class QuantizedTensors(Mapping[str, Any]):
    """Torch tensors of `dtype` by name, each made when it is asked for; `count` is told its bytes, and may raise.

    Raises ModelBroken; also on access, for a kind of quantization that the gguf package cannot undo.
    """

    def __init__(self, path: Path, dtype: Any, count: Callable[[int], None]) -> None:
        from gguf import GGUFReader

        read_header(path)  # with bounds, which the reader below lacks
        self._dtype, self._count, self._title = dtype, count, path.name
        try:
            self._stored = {tensor.name: tensor for tensor in GGUFReader(path).tensors}
        except (ValueError, LookupError) as error:
            raise ModelBroken(f"{path.name} is damaged: {error}.", "Download it again.") from error

    def __getitem__(self, name: str) -> Any:
        import torch

        stored = self._stored[name]
        numbers = self._plain(stored).reshape([int(side) for side in reversed(stored.shape)])
        ours = numbers if numbers.flags.writeable else numbers.copy()  # what is not packed is a view of the file
        tensor = torch.from_numpy(ours)
        tensor = tensor.to(self._dtype) if tensor.is_floating_point() else tensor
        self._count(tensor.numel() * tensor.element_size())
        return tensor

    def _plain(self, stored: Any) -> Any:
        from gguf.quants import dequantize

        kind = stored.tensor_type.name
        if kind in _PLAIN:
            return stored.data
        try:
            return dequantize(stored.data, stored.tensor_type)
        except NotImplementedError as error:
            raise ModelBroken(
                f"{self._title} uses a packing that Easel cannot read ({kind}).",
                "Take another packing of it, such as Q8_0 or Q4_K.",
            ) from error

    def __contains__(self, name: object) -> bool:
        return name in self._stored

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)
