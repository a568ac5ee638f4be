"""A model on disk, one file or a diffusers folder, as families see it. No tensor is read, no class loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from webui.core.errors import ModelBroken, PickleRefused
from webui.core.types import ComponentSizes
from webui.library.header import PICKLE_ENDINGS, Header, is_so, merge, read_header, read_json

_DENOISER = ("model.diffusion_model.", "unet.", "transformer.")
_VAE = ("first_stage_model.", "vae.")
_TEXT = ("cond_stage_model.", "conditioner.", "text_encoders.", "text_encoder.")
_COMPONENT = re.compile(r"[a-z][a-z0-9_]{0,40}")
_NEVER_LOADED = frozenset({"safety_checker", "feature_extractor", "image_encoder"})
_INDEX = "model_index.json"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What `identify` gets. `id`, `title` and `modified` are settled already and go into the card as they are.

    A single file has one header under "" in `headers`; a folder has one per component that carries weights ("unet",
    "vae", "text_encoder"), and `configs` holds each component's JSON and the index as "model_index". A folder's class
    names come from strangers: compare them, never import them.
    """

    path: Path
    id: str
    title: str
    layout: Literal["folder", "single_file"]
    headers: Mapping[str, Header] = field(repr=False)
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    modified: float = 0.0

    @property
    def header(self) -> Header:
        """A single file's header; of a folder, the denoiser's ("unet" or "transformer")."""
        names = ("", "unet", "transformer")
        return next((self.headers[name] for name in names if name in self.headers), Header({}))

    @property
    def pipeline(self) -> str:
        """A folder's pipeline class by name, "" for a single file."""
        return str(self.configs.get("model_index", {}).get("_class_name", ""))

    @property
    def sizes(self) -> ComponentSizes:
        """Bytes of weights by component: its share of all numbers, at the bytes that one takes on average. Packed files
        store some components smaller than others, which says nothing of what they need when they draw.

        Training's second copy (`model_ema.`) is not loaded and not counted.
        """
        if self.layout == "single_file":
            sums = [self.header.numel(p) for p in (_TEXT, _DENOISER, _VAE)]
        else:
            parts = (("text_encoder", "text_encoder_2", "text_encoder_3"), ("unet", "transformer"), ("vae",))
            sums = [sum(self.headers[n].numel() for n in names if n in self.headers) for names in parts]
        numbers = sum(header.numel() for header in self.headers.values())
        stored = sum(header.nbytes() for header in self.headers.values())
        each = stored / numbers if numbers else 2.0
        text, denoiser, vae = (round(n * each) for n in sums)
        return ComponentSizes(text, denoiser, vae, each)


def open_file(path: Path, id: str, title: str, modified: float = 0.0) -> ModelFile:
    """One checkpoint or LoRA. Raises ModelBroken, PickleRefused, ModelMissing."""
    return ModelFile(path, id, title, "single_file", {"": read_header(path)}, modified=modified)


def open_folder(path: Path, id: str, title: str, modified: float = 0.0) -> ModelFile:
    """A diffusers folder. Raises ModelBroken for a torn component, PickleRefused where weights are pickles only."""
    index = read_json(path / _INDEX)
    configs: dict[str, Mapping[str, Any]] = {"model_index": index}
    headers: dict[str, Header] = {}
    for component, what in index.items():
        if component.startswith("_") or not isinstance(what, list) or what == [None, None]:
            continue
        _check_entry(path.name, component, what)
        if component in _NEVER_LOADED:
            continue
        config = _config_of(path / component)
        if config is not None:
            configs[component] = read_json(config)
        weights = weight_files(path / component)
        if weights:
            headers[component] = merge(read_header(file) for file in weights)
    if not any(name in headers for name in ("unet", "transformer")):
        raise ModelBroken(
            f"{path.name} has no denoiser: its unet or transformer folder is missing or empty.", "Download it again."
        )
    return ModelFile(path, id, title, "folder", headers, configs, modified)


def weight_files(component: Path) -> list[Path]:
    """The safetensors files that make up a component: the plain ones, or else those of one variant (fp16 first)."""
    found = sorted(component.glob("*.safetensors"))
    if not found:
        pickles = [p for p in component.glob("*") if p.suffix.lower() in PICKLE_ENDINGS]
        if pickles:
            read_header(pickles[0])  # refuses with the right words
        return []
    _check_shards(component, {file.name for file in found})
    variants: dict[str, list[Path]] = {}
    for file in found:
        variants.setdefault(variant_of(file.name), []).append(file)
    return variants[min(variants, key=lambda v: (v != "", v != "fp16", v))]


def _check_shards(component: Path, found: set[str]) -> None:
    for index in component.glob("*.safetensors.index.json"):
        weight_map = read_json(index).get("weight_map", {})
        if not isinstance(weight_map, dict):
            raise ModelBroken(f"{index.name} of {component.name} is damaged.", "Download it again.")
        named = set(map(str, weight_map.values()))
        if named & found and named - found:
            missing = f"{len(named - found)} of {len(named)} files of its {component.name} are missing"
            raise ModelBroken(f"{component.parent.name} is incomplete: {missing}.", "Download it again.")


def variant_of(name: str) -> str:
    """ "model.fp16.safetensors" -> "fp16", "model.safetensors" and "model-00001-of-00002.safetensors" -> ""."""
    parts = name.removesuffix(".safetensors").split(".")
    return re.sub(r"-\d+-of-\d+$", "", parts[1]) if len(parts) > 1 else ""


def _config_of(component: Path) -> Path | None:
    names = ("config.json", "scheduler_config.json", "preprocessor_config.json")
    return next((component / name for name in names if is_so((component / name).is_file)), None)


def _check_entry(folder: str, component: str, what: list[Any]) -> None:
    """Only classes of diffusers and transformers: an entry may otherwise name a module of the folder's own."""
    if not _COMPONENT.fullmatch(component):
        raise ModelBroken(f"{folder} names a component that cannot be one.", "Take this model from another place.")
    if len(what) != 2 or what[0] not in ("diffusers", "transformers", "stable_diffusion", None):
        raise PickleRefused(
            f"{folder} wants to run code of its own.", "Take a version of this model without custom code."
        )
