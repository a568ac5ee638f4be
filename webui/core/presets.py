"""What `presets/` holds: styles, shapes, samplers, tasks, models. And the styles in `<data>/styles/`, in any of five
formats.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from webui.core.files import keep_as_bad
from webui.core.model_presets import ModelPreset, read_models
from webui.core.prompt import extract_loras
from webui.core.tasks import TaskPreset, read_tasks

BIGGEST_FILE = 64 * 2**20
NO_STYLE = "None"

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Style:
    """A look. `prompt` may hold {prompt}, else it comes last. `preview` is a file of presets/styles/previews.

    `loras` are those that its file names in the prompt: (name, weight as text).
    """

    name: str
    prompt: str
    negative_prompt: str = ""
    group: str = ""
    preview: str = ""
    loras: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """An aspect ratio by name."""

    name: str
    ratio_w: int
    ratio_h: int


@dataclass(frozen=True, slots=True)
class Sampler:
    """A way to walk from noise to picture: a diffusers scheduler class by name, and what it is built with.

    `most_steps`: in more it cannot be built, or what it draws comes apart.
    """

    name: str
    aliases: tuple[str, ...] = ()
    scheduler: str = "EulerDiscreteScheduler"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""
    most_steps: int | None = None


@dataclass(frozen=True, slots=True)
class Presets:
    """Everything by its name, in the order of the files. `warnings` are sentences to tell the person once.

    `drawn` are the styles' previews that lie in presets/styles/previews.
    """

    styles: Mapping[str, Style]
    shapes: Mapping[str, Shape]
    samplers: Mapping[str, Sampler]
    warnings: tuple[str, ...] = ()
    tasks: Mapping[str, TaskPreset] = field(default_factory=dict)
    drawn: frozenset[str] = frozenset()
    models: Mapping[str, ModelPreset] = field(default_factory=dict)

    def style(self, name: str) -> Style | None:
        return self.styles.get(name) or _same(self.styles, name)

    def shape(self, name: str) -> Shape | None:
        """By name ("Wide") or by ratio ("16:9")."""
        by_ratio = {f"{shape.ratio_w}:{shape.ratio_h}": shape for shape in self.shapes.values()}
        return _same(self.shapes, name) or by_ratio.get(name.replace(" ", "")) or by_ratio.get(name.rpartition(" ")[2])

    def sampler(self, name: str) -> Sampler | None:
        """By name or alias, whatever the case."""
        wanted = name.strip().casefold()
        return _same(self.samplers, name) or next(
            (s for s in self.samplers.values() if wanted in (alias.casefold() for alias in s.aliases)), None
        )


def load_presets(folder: Path, user_folder: Path | None) -> Presets:
    """Read `folder` (styles/, tasks/, models/, shapes.json, samplers.json), and the person's own styles, which win.

    A broken file is left out with a warning; the person's is also kept as .bad, so that it is told once.
    """
    warnings: list[str] = []
    styles: dict[str, Style] = {}
    for file in sorted((folder / "styles").glob("*.json")):
        styles |= _read(file, _styles, warnings, users=False) or {}
    for file in _user_files(user_folder):
        styles |= _read(file, _styles, warnings, users=True) or {}
    styles.pop(NO_STYLE, None)
    tasks: dict[str, TaskPreset] = {}
    for file in sorted((folder / "tasks").glob("*.json")):
        tasks |= _read(file, read_tasks, warnings, users=False) or {}
    models: dict[str, ModelPreset] = {}
    for file in sorted((folder / "models").glob("*.json")):
        models |= _read(file, read_models, warnings, users=False) or {}
    shapes = _read(folder / "shapes.json", _shapes, warnings, users=False) or {"Square": Shape("Square", 1, 1)}
    samplers = _read(folder / "samplers.json", _samplers, warnings, users=False) or {"Euler": Sampler("Euler")}
    frozen = MappingProxyType(styles), MappingProxyType(shapes), MappingProxyType(samplers)
    drawn = frozenset(file.name for file in (folder / "styles" / "previews").glob("*.*"))
    return Presets(*frozen, tuple(warnings), MappingProxyType(tasks), drawn, MappingProxyType(models))


def _same(things: Mapping[str, Thing], name: str) -> Thing | None:
    wanted = name.strip().casefold()
    return next((thing for key, thing in things.items() if key.casefold() == wanted), None)


def _user_files(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in (".json", ".csv") and file.is_file())


def _read(
    file: Path, parse: Callable[[str, str], dict[str, Thing]], warnings: list[str], *, users: bool
) -> dict[str, Thing] | None:
    """Parse one file (its text and its stem); None and a warning when it is broken."""
    try:
        if file.stat().st_size > BIGGEST_FILE:
            raise ValueError("it is too big")
        return parse(file.read_text("utf-8-sig"), file.stem)
    except OSError as error:
        warnings.append(f"{file.name} cannot be read ({error.strerror}), so it was left out.")
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error):
        kept = f" It is kept as {file.name}.bad." if users and keep_as_bad(file) else ""
        warnings.append(f"{file.name} is damaged, so it was left out.{kept}")
    return None


def _styles(text: str, stem: str) -> dict[str, Style]:
    """The styles in a text; `text` is a csv when it does not begin like JSON."""
    rows = _json_rows(text) if text.lstrip()[:1] in ("[", "{") else list(_csv_rows(text))
    styles = [_style(row, stem) for row in rows]
    found = {style.name: style for style in styles if style}
    if rows and not found:
        raise ValueError("no styles in it")
    return found


def _json_rows(text: str) -> list[dict[str, Any]]:
    data = json.loads(text)
    rows = data if isinstance(data, list) else [data]
    return [row for row in rows if isinstance(row, dict)] or ([{}] if rows else [])


def _csv_rows(text: str) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    if "name" not in (reader.fieldnames or ()):
        raise ValueError("no column called name")
    for row in reader:
        if not str(row["name"]).startswith("#"):
            yield row


def _style(row: dict[str, Any], stem: str) -> Style | None:
    """One style of any of the formats: ours, A1111's csv, Fooocus, SD.Next ("negative"), InvokeAI ("preset_data")."""
    data = row.get("preset_data")
    if isinstance(data, dict):
        prompt, negative = data.get("positive_prompt"), data.get("negative_prompt")
    else:
        prompt = row.get("prompt", row.get("text"))
        negative = row.get("negative_prompt", row.get("negative"))
    name = row.get("name")
    if not isinstance(name, str) or not name.strip() or not all(isinstance(t, str | None) for t in (prompt, negative)):
        return None
    if not prompt and not negative:
        return None  # a divider between groups, as A1111 writes them
    preview = row.get("preview")
    preview = preview if isinstance(preview, str) and _plain_file_name(preview) else ""
    group = row.get("group")
    text, loras = extract_loras(prompt or "")
    return Style(name.strip(), text, negative or "", group if isinstance(group, str) else stem, preview, tuple(loras))


def _plain_file_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{1,80}\.(webp|jpe?g|png)", text) is not None


def _shapes(text: str, stem: str) -> dict[str, Shape]:
    shapes = [Shape(str(row["name"]), int(row["ratio_w"]), int(row["ratio_h"])) for row in json.loads(text)]
    if not all(0 < shape.ratio_w <= 100 and 0 < shape.ratio_h <= 100 for shape in shapes):
        raise ValueError("a ratio that cannot be")
    return {shape.name: shape for shape in shapes}


def _samplers(text: str, stem: str) -> dict[str, Sampler]:
    samplers = [
        Sampler(
            row["name"],
            tuple(row["aliases"]),
            row["scheduler"],
            MappingProxyType(row["arguments"]),
            row["hint"],
            row.get("most_steps"),
        )
        for row in json.loads(text)
    ]
    return {sampler.name: sampler for sampler in samplers}
