"""Tensors of a GGUF file as networks compute with them: made plain numbers again, one at a time, when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from webui.core.errors import ModelBroken
from webui.library.gguf import MAGIC
from webui.library.header import read_header


def is_gguf(path: Path) -> bool:
    """By its first bytes, as the catalog tells it. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class QuantizedTensors(Mapping[str, Any]):
    """Torch tensors of `dtype` by name. All of them at once would take several times the file's size in memory.

    Raises ModelBroken; also on access, for a kind of quantization that the gguf package cannot undo.
    """

    def __init__(self, path: Path, dtype: Any) -> None:
        from gguf import GGUFReader

        read_header(path)  # with bounds, which the reader below lacks
        self._dtype, self._title = dtype, path.name
        try:
            self._stored = {tensor.name: tensor for tensor in GGUFReader(path).tensors}
        except (ValueError, LookupError) as error:
            raise ModelBroken(f"{path.name} is damaged: {error}.", "Download it again.") from error

    def __getitem__(self, name: str) -> Any:
        import torch
        from gguf.quants import dequantize

        stored = self._stored[name]
        try:
            numbers = dequantize(stored.data, stored.tensor_type)
        except NotImplementedError as error:
            raise ModelBroken(
                f"{self._title} is packed in a way that cannot be drawn with ({stored.tensor_type.name}).",
                "Take another packing of it, such as Q8_0 or Q4_K.",
            ) from error
        shape = tuple(int(side) for side in reversed(stored.shape))
        plain = numbers if numbers.flags.writeable else numbers.copy()  # F32 is a view of the file
        return torch.from_numpy(plain.reshape(shape)).to(self._dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)
