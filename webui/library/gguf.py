"""The header of a GGUF file (ggml-org/ggml, docs/gguf.md), read with bounds.

The gguf package's reader also reads every token of a vocabulary and trusts the counts in the file; a catalog must not.
"""

from __future__ import annotations

import math
import struct
from typing import BinaryIO

from webui.core.errors import ModelBroken
from webui.library.tensors import Header, TensorInfo

MAGIC = b"GGUF"
_MAX_ITEMS = 2**20
_MAX_STRING = 2**20

# type id -> name, numbers per block, bytes per block
_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
    26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
# metadata value type -> bytes; 8 is a string, 9 an array
_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9


def read_gguf(file: BinaryIO, size: int, name: str) -> Header:
    """Tensors with shapes in torch's order, and the metadata's strings. Raises ModelBroken."""
    try:
        return _Reader(file, size).header()
    except (ValueError, KeyError, struct.error, OverflowError) as error:
        hint = "Download it again; if it stays like this, it was damaged where it came from."
        raise ModelBroken(f"{name} is damaged or incomplete: {error}.", hint) from error


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size

    def header(self) -> Header:
        magic, version, tensors, pairs = struct.unpack("<4sIQQ", self._file.read(24))
        if magic != MAGIC or version not in (2, 3):
            raise ValueError(f"version {version} of the GGUF format is not known")
        if tensors > _MAX_ITEMS or pairs > _MAX_ITEMS:
            raise ValueError("it counts more entries than any model has")
        metadata: dict[str, str] = {}
        for _ in range(pairs):
            key, text = self._string(), self._value(self._number("I"))
            if text is not None:
                metadata[key] = text
        infos, end = {}, 0
        for _ in range(tensors):
            key, info, offset = self._tensor()
            infos[key], end = info, max(end, offset + info.nbytes)
        if self._file.tell() + end > self._size:
            raise ValueError(f"{self._size / 1e9:.2f} of {(self._file.tell() + end) / 1e9:.2f} GB are there")
        return Header(infos, metadata, "gguf")

    def _number(self, kind: str) -> int:
        return int(struct.unpack("<" + kind, self._file.read(struct.calcsize(kind)))[0])

    def _string(self) -> str:
        length = self._number("Q")
        if length > _MAX_STRING:
            raise ValueError("a text in its header is too long")
        return self._file.read(length).decode("utf-8", "replace")

    def _value(self, kind: int) -> str | None:
        """A string is returned; anything else is only stepped over."""
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            self._file.seek(_VALUE_BYTES[kind], 1)
            return None
        inner, count = self._number("I"), self._number("Q")
        if inner == _STRING and count <= _MAX_ITEMS:
            for _ in range(count):
                self._file.seek(self._number("Q"), 1)
        else:
            self._file.seek(_VALUE_BYTES[inner] * count, 1)
        return None

    def _tensor(self) -> tuple[str, TensorInfo, int]:
        key, dimensions = self._string(), self._number("I")
        if dimensions > 8:
            raise ValueError("a tensor has more than eight dimensions")
        shape = tuple(reversed([self._number("Q") for _ in range(dimensions)]))
        dtype, numbers, nbytes = _TYPES[self._number("I")]
        return key, TensorInfo(dtype, shape, math.prod(shape) * nbytes // numbers), self._number("Q")
