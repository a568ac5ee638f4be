"""What lies in a models folder, by stat alone: which files and folders could be models, and whether they changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from webui.library.header import PICKLE_ENDINGS, is_so

MODEL_ENDINGS = PICKLE_ENDINGS | {".safetensors", ".gguf"}
_INDEX = "model_index.json"
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a diffusers folder. `stamp` tells whether it has changed: (name, bytes, time) of each of its files."""

    path: Path
    layout: Literal["folder", "single_file"]
    stamp: tuple[tuple[str, int, int], ...]

    @property
    def modified(self) -> float:
        """Seconds since 1970 of its newest part."""
        return max((time for _, _, time in self.stamp), default=0) / 1e9

    @property
    def nbytes(self) -> int:
        return sum(size for _, size, _ in self.stamp)

    def again(self) -> Entry | None:
        """The same, as it is now; None when it has gone."""
        return find_folder_model(self.path) if self.layout == "folder" else _file(self.path)


def scan(folder: Path, folders_are_models: bool) -> Iterator[Entry]:
    """Everything below a folder that could be a model, in the order of names. Links are followed, never in a circle.

    What cannot be listed (no permission) is left out; a link that cannot be followed is an entry, to be told.
    """
    yield from _walk(folder, folders_are_models, frozenset(), 0)


def find_folder_model(folder: Path) -> Entry | None:
    """A diffusers folder as an entry, None when it is not one."""
    if not is_so((folder / _INDEX).is_file):
        return None
    components = [Path(part.path) for part in _listed(folder) if is_so(part.is_dir)]
    files = [Path(file.path) for part in components for file in _listed(part) if is_so(file.is_file)]
    parts = [folder / _INDEX, *files]
    try:
        stamps = [(part.relative_to(folder).as_posix(), *_stamp(part.stat())) for part in parts]
    except OSError:  # a file went away just now
        return None
    return Entry(folder, "folder", tuple(sorted(stamps)))


def _walk(folder: Path, folders_are_models: bool, above: frozenset[str], depth: int) -> Iterator[Entry]:
    real = os.path.realpath(folder)
    if real in above or depth > _DEEPEST:
        return
    for item in _listed(folder):
        path = Path(item.path)
        if item.name.startswith("."):
            continue
        if is_so(item.is_dir):
            model = find_folder_model(path) if folders_are_models else None
            if model is not None:
                yield model
            else:
                yield from _walk(path, folders_are_models, above | {real}, depth + 1)
        elif path.suffix.lower() in MODEL_ENDINGS and (is_so(item.is_file) or is_so(item.is_symlink)):
            yield _file(path) or Entry(path, "single_file", ())


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return sorted(items, key=lambda item: item.name)
    except OSError:
        return []


def _file(path: Path) -> Entry | None:
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return None
    return Entry(path, "single_file", ((path.name, *_stamp(facts)),)) if stat.S_ISREG(facts.st_mode) else None


def _stamp(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_size, facts.st_mtime_ns
