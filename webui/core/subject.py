"""What a photo is of: the subject as a mask, found by U²-Netp (Qin et al. 2020) in plain numpy, in a second or two.

Small enough (1.1 million weights) for the page's process, which never loads torch: a mask is there at once for a person
to see and to correct, whatever the worker is busy with.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from webui.core.errors import NothingFound
from webui.core.masks import Array

SIDE = 320
ROWS = 16
SURE = 0.5
"""What the network says of its surest pixel where nothing stands out stays far below."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
_DEPTHS = (7, 6, 5, 4)
"""Levels of the residual U-blocks on the way down; the two deepest stages use dilated ones without pooling."""


def subject_mask(photo: Image.Image, weights: Path) -> Image.Image:
    """A mask ("L", of the photo's size), white on the subject, with soft edges. `weights` is a safetensors file.

    Raises NothingFound where nothing stands out.
    """
    small = np.asarray(photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32)
    values = (small / max(float(small.max()), 1.0) - _MEAN) / _STD
    found = _Net(weights).run(np.ascontiguousarray(values.transpose(2, 0, 1)))
    low, high = float(found.min()), float(found.max())
    if high < SURE:
        raise NothingFound("Nothing stands out in this photo.", "Paint over it by hand.")
    spread = (found - low) / max(high - low, 1e-6)
    mask = Image.fromarray(np.rint(spread * 255).astype(np.uint8))
    return mask.resize(photo.size, Image.Resampling.BICUBIC)


class _Net:
    """The network, run once. Its convolutions lie in the file in the order in which they are used."""

    def __init__(self, weights: Path) -> None:
        self._convolutions: Iterator[tuple[Array, Array]] = iter(_read(weights))

    def run(self, image: Array) -> Array:
        """(3, 320, 320) to (320, 320) in [0, 1]."""
        levels = []
        hidden = image
        for depth in _DEPTHS:
            levels.append(self._block(hidden, depth))
            hidden = _pooled(levels[-1])
        levels.append(self._dilated(hidden))
        hidden = self._dilated(_pooled(levels[-1]))
        sides = [hidden]
        for level, depth in zip(reversed(levels), (0, *reversed(_DEPTHS)), strict=True):
            both = np.concatenate([_enlarged(hidden, level.shape[1]), level])
            hidden = self._block(both, depth) if depth else self._dilated(both)
            sides.insert(0, hidden)
        maps = [_enlarged(self._conv(side), SIDE) for side in sides]
        merged: Array = self._conv(np.concatenate(maps))[0]
        return 1.0 / (1.0 + np.exp(-merged))

    def _block(self, x: Array, depth: int) -> Array:
        """A residual U-block: down by pooling, up by bilinear enlargement, each level joined with its like."""
        outer = self._layer(x)
        levels = [self._layer(outer)]
        for _ in range(depth - 2):
            levels.append(self._layer(_pooled(levels[-1])))
        hidden = self._layer(levels[-1], 2)
        for level in reversed(levels):
            hidden = self._layer(np.concatenate([_enlarged(hidden, level.shape[1]), level]))
        return hidden + outer

    def _dilated(self, x: Array) -> Array:
        outer = self._layer(x)
        levels = [self._layer(outer)]
        for dilation in (2, 4):
            levels.append(self._layer(levels[-1], dilation))
        hidden = self._layer(levels[-1], 8)
        for level, dilation in zip(reversed(levels), (4, 2, 1), strict=True):
            hidden = self._layer(np.concatenate([hidden, level]), dilation)
        return hidden + outer

    def _layer(self, x: Array, dilation: int = 1) -> Array:
        return np.maximum(self._conv(x, dilation), 0.0)

    def _conv(self, x: Array, dilation: int = 1) -> Array:
        """A convolution of stride 1 that keeps the size: its taps stacked, one matrix product for a few rows."""
        weight, bias = next(self._convolutions)
        _, height, width = x.shape
        taps = [
            (row * dilation, column * dilation) for row in range(weight.shape[2]) for column in range(weight.shape[3])
        ]
        flat = weight.transpose(0, 2, 3, 1).reshape(weight.shape[0], -1)
        edge = weight.shape[-1] // 2 * dilation
        padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge)))
        out = np.empty((weight.shape[0], height, width), np.float32)
        for start in range(0, height, ROWS):
            end = min(start + ROWS, height)
            seen = np.concatenate([padded[:, start + top : end + top, left : left + width] for top, left in taps])
            out[:, start:end] = (flat @ seen.reshape(flat.shape[1], -1)).reshape(-1, end - start, width)
        return out + bias[:, None, None]


def _pooled(x: Array) -> Array:
    channels, height, width = x.shape
    largest: Array = x.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))
    return largest


def _enlarged(x: Array, side: int) -> Array:
    """Bilinear, centres aligned, square."""
    if x.shape[1] == side:
        return x
    places = np.clip((np.arange(side) + 0.5) * x.shape[1] / side - 0.5, 0, x.shape[1] - 1)
    low = places.astype(np.int64)
    high, share = np.minimum(low + 1, x.shape[1] - 1), (places - low).astype(np.float32)
    rows = x[:, low] * (1 - share)[None, :, None] + x[:, high] * share[None, :, None]
    enlarged: Array = rows[:, :, low] * (1 - share) + rows[:, :, high] * share
    return enlarged


def _read(path: Path) -> list[tuple[Array, Array]]:
    """Pairs of weight and bias, float32, by their numbers. The file is ours; what is damaged raises ValueError."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        kind = np.dtype("<f2" if entry["dtype"] == "F16" else "<f4")
        raw = np.frombuffer(data[8 + length + start : 8 + length + end], kind)
        tensors[name] = raw.astype(np.float32).reshape(entry["shape"])
    count = len(tensors) // 2
    return [(tensors[f"{n:03d}.weight"], tensors[f"{n:03d}.bias"]) for n in range(count)]
