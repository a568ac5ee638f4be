"""The cut-out pictures that everything is composed of: sprites.jsonl.gz and sprites-{1,2}.bin."""

from __future__ import annotations

import bisect
import gzip
import io
import itertools
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

# Sources with many look-alikes are shown less often than their number of pictures says.
WEIGHTS: Mapping[str, float] = {"dungeon-crawl rltiles": 0.4, "dicebear-pixel-art": 0.35, "openclipart": 0.6}
_ONE_WAY = re.compile(
    r"\b(flag|letter|sign|signs|number|arrow|clock|watch|map|maps|calendar|keyboard|left|right|medal)\b"
)


@dataclass(frozen=True)
class Sprite:
    """One picture of the data set. `cut`: it has a transparent ground; otherwise it is a photo of a whole scene."""

    source: str
    licence: str
    style: str
    name: str
    captions: tuple[str, ...]
    cut: bool
    part: int
    offset: int
    length: int

    @property
    def mirrors(self) -> bool:
        """Whether it means the same when seen in a mirror; writing and flags do not."""
        return not _ONE_WAY.search(self.name)


def _sprite(row: Mapping[str, object]) -> Sprite:
    return Sprite(
        source=str(row["source"]),
        licence=str(row["licence"]),
        style=str(row["style"]),
        name=str(row["name"]).lower(),
        captions=tuple(str(c).lower() for c in row["captions"]),  # type: ignore[attr-defined]
        cut=bool(row["has_alpha"]),
        part=int(str(row["part"])),
        offset=int(str(row["offset"])),
        length=int(str(row["length"])),
    )


def read_sprites(folder: Path) -> list[Sprite]:
    with gzip.open(folder / "sprites.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [_sprite(json.loads(line)) for line in lines]


class Sprites:
    """All sprites with their compressed pictures (some 85 MB); a picture is decoded when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.all = read_sprites(folder)
        parts = {sprite.part for sprite in self.all}
        self._parts = {part: (folder / f"sprites-{part}.bin").read_bytes() for part in parts}
        self._totals = list(itertools.accumulate(WEIGHTS.get(sprite.source, 1.0) for sprite in self.all))
        self._cut_by_source: dict[str, list[Sprite]] = {}
        for sprite in self.all:
            if sprite.cut:
                self._cut_by_source.setdefault(sprite.source, []).append(sprite)

    def picture(self, sprite: Sprite) -> Image.Image:
        """RGBA, 256 x 256."""
        data = self._parts[sprite.part][sprite.offset : sprite.offset + sprite.length]
        with Image.open(io.BytesIO(data)) as picture:
            return picture.convert("RGBA")

    def any(self, rng: random.Random) -> Sprite:
        return self.all[bisect.bisect_right(self._totals, rng.random() * self._totals[-1])]

    def companion(self, sprite: Sprite, rng: random.Random) -> Sprite:
        """Another cut-out that looks as if the same hand had drawn it."""
        return rng.choice(self._cut_by_source[sprite.source])
