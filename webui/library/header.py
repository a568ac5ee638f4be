"""What a model file says about itself before any tensor is read: names, shapes, kinds of numbers, metadata.

safetensors: 8 bytes little-endian length, JSON, tensors without gaps (github.com/huggingface/safetensors, "Format").
Nothing here unpickles; what could run code is refused by its first bytes, whatever its name.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from webui.core.errors import ModelBroken, ModelMissing, PickleRefused
from webui.library.gguf import MAGIC, read_gguf
from webui.library.tensors import Header, TensorInfo

__all__ = ["Header", "TensorInfo", "is_so", "merge", "read_header", "read_json"]

PICKLE_ENDINGS = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl"})
MAX_HEADER = 32 * 2**20

_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
}  # fmt: skip
_DAMAGED = "Download it again; if it stays like this, it was damaged where it came from."
_MOST_DIMENSIONS = 8


def is_so(asked: Callable[[], bool]) -> bool:
    """What `is_file` or `is_dir` says; False where it would raise: no permission, a circle of links, a dead share."""
    try:
        return asked()
    except OSError:
        return False


def read_header(path: Path) -> Header:
    """The header of a .safetensors or .gguf file, without reading a tensor; a few milliseconds.

    Raises ModelBroken that names the damage, PickleRefused for anything that could run code, ModelMissing.
    """
    name = path.name
    if path.suffix.lower() in PICKLE_ENDINGS:
        raise _pickle(name)
    if not is_so(path.is_file):  # opening a pipe would wait for ever
        raise ModelMissing(f"{name} is not there, or leads nowhere.", "Look for models again.", "refresh", "Refresh")
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            start = file.read(1024)
            if start.startswith(MAGIC):
                file.seek(0)
                return read_gguf(file, size, name)
            length = _header_length(start, size, name)
            file.seek(8)
            return _parse(file.read(length), size - 8 - length, size, name)
    except FileNotFoundError as gone:
        raise ModelMissing(f"{name} is not there any more.", "Look for models again.", "refresh", "Refresh") from gone
    except OSError as error:
        raise ModelBroken(f"{name} cannot be read ({error.strerror}).", "Look at the file's permissions.") from error


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON object, such as a component's config.json. Raises ModelBroken."""
    try:
        if path.stat().st_size > 2**20:
            raise ModelBroken(f"{path.name} of {path.parent.name} is too big to be a description of a model.", _DAMAGED)
        data = json.loads(path.read_bytes())
    except FileNotFoundError as gone:
        raise ModelBroken(f"{path.name} of {path.parent.name} is missing.", _DAMAGED) from gone
    except (OSError, ValueError, RecursionError) as error:
        raise ModelBroken(f"{path.name} of {path.parent.name} cannot be read.", _DAMAGED) from error
    if not isinstance(data, dict):
        raise ModelBroken(f"{path.name} of {path.parent.name} is not a description of a model.", _DAMAGED)
    return data


def merge(headers: Iterable[Header]) -> Header:
    """One header for a component that is split over several files."""
    tensors: dict[str, TensorInfo] = {}
    metadata: dict[str, str] = {}
    for header in headers:
        tensors |= header.tensors
        metadata |= header.metadata
    return Header(tensors, metadata)


def _header_length(start: bytes, size: int, name: str) -> int:
    """The JSON's length, or the word for what this file is instead."""
    if size == 0:
        raise ModelBroken(f"{name} is empty.", _DAMAGED)
    if start[8:9] != b"{":
        _refuse_other_kinds(start, name)
    length = int(struct.unpack("<Q", start[:8].ljust(8, b"\0"))[0])
    if size < 8 or (start[8:9] == b"{" and length + 8 > size and length <= MAX_HEADER):
        raise ModelBroken(
            f"{name}: the download is incomplete, it stopped within the first {size / 1e6:.1f} MB.", _DAMAGED
        )
    if length > MAX_HEADER:
        raise ModelBroken(f"{name} is damaged: its first bytes make no sense.", _DAMAGED)
    if start[8:9] != b"{":
        raise ModelBroken(f"{name} is not a safetensors file.", _DAMAGED)
    return length


def _refuse_other_kinds(start: bytes, name: str) -> None:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] in b"\x01\x02\x03\x04\x05"):
        raise _pickle(name)
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        hint = "The site asked for a login instead of sending the file. Log in there and download it again."
        raise ModelBroken(f"{name} is a web page, not a model.", hint)
    if text.startswith(b"version https://git-lfs"):
        raise ModelBroken(
            f"{name} is only a pointer of git-lfs, not the model itself.", "Run `git lfs pull` where it came from."
        )


def _pickle(name: str) -> PickleRefused:
    hint = "Take the .safetensors version of this model, or convert it on a computer that you can spare."
    return PickleRefused(f"{name} is a pickle or an archive, which could run programs when opened.", hint)


def _parse(data: bytes, room: int, size: int, name: str) -> Header:
    try:
        content = json.loads(data)
        metadata = content.pop("__metadata__", None) or {}
        entries = {key: _entry(value) for key, value in content.items()}
        notes = {str(k): str(v) for k, v in metadata.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelBroken(f"{name} has a damaged header.", _DAMAGED) from error
    _check_layout([(begin, end) for _, begin, end in entries.values()], room, size, name)
    return Header({key: info for key, (info, _, _) in entries.items()}, notes)


def _entry(value: Mapping[str, Any]) -> tuple[TensorInfo, int, int]:
    shape, (begin, end) = tuple(value["shape"]), value["data_offsets"]
    if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise ValueError("a shape or an offset is not a natural number")
    if len(shape) > _MOST_DIMENSIONS:  # the product of a million numbers would take hours
        raise ValueError("a tensor has more than eight dimensions")
    if math.prod(shape) * _BITS[value["dtype"]] != 8 * (end - begin):
        raise ValueError("a tensor's shape and its bytes disagree")
    return TensorInfo(value["dtype"], shape, end - begin), begin, end


def _check_layout(spans: list[tuple[int, int]], room: int, size: int, name: str) -> None:
    """Tensors follow one another without gap or overlap and end where the file ends."""
    expected = 0
    for begin, end in sorted(spans):
        if begin != expected:
            raise ModelBroken(f"{name} is damaged: its tensors overlap or leave gaps.", _DAMAGED)
        expected = end
    if expected > room:
        whole = size - room + expected
        raise ModelBroken(f"{name}: the download is incomplete: {_of(size, whole)}.", _DAMAGED)
    if expected < room:
        raise ModelBroken(f"{name} is damaged: {room - expected} bytes too many at its end.", _DAMAGED)


def _of(have: int, whole: int) -> str:
    """ "2.1 of 6.9 GB"; exact where rounding would hide the difference."""
    unit, scale = ("GB", 1e9) if whole >= 1e9 else ("MB", 1e6)
    if f"{have / scale:.1f}" == f"{whole / scale:.1f}":
        return f"{have} of {whole} bytes"
    return f"{have / scale:.1f} of {whole / scale:.1f} {unit}"
