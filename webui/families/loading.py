"""Building a checkpoint's networks from our own class table, tensor by tensor: it shows progress and can be stopped.

Names in a stranger's files never choose a class, nothing is unpickled, and no network is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webui.core.errors import ModelBroken, ModelMissing
from webui.core.types import ModelCard
from webui.families import original
from webui.families.base import Check, Report, nothing, read_json, shipped_configs
from webui.families.quantized import QuantizedTensors, is_gguf
from webui.library.model_file import weight_files

Tensors = Mapping[str, Any]


@dataclass
class Loading:
    """How far one load is, over all of its components. `total` is the bytes that will be counted."""

    total: int
    report: Report = nothing
    check: Check = nothing
    done: int = field(default=0, init=False)

    def count(self, nbytes: int) -> None:
        """Tell that so many bytes are in place; raises when the load is to stop."""
        self.check()
        self.done += nbytes
        self.report(min(1.0, self.done / max(1, self.total)))


def file_tensors(path: Path) -> Tensors:
    """All tensors of one safetensors file, by name, still on disk: pages are read when a tensor is copied."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except FileNotFoundError as error:
        raise missing() from error
    except (SafetensorError, OSError) as error:
        raise broken(path, "it cannot be read to its end") from error


def folder_tensors(folder: Path) -> Tensors:
    """The tensors of one component of a diffusers folder, shards joined."""
    files = weight_files(folder)
    if not files:
        raise missing()
    return {name: tensor for file in files for name, tensor in file_tensors(file).items()}


def build(
    cls: Any,
    config: Mapping[str, Any],
    tensors: Mapping[str, Any],
    dtype: Any,
    loading: Loading,
    source: Path,
    ours: bool = False,
) -> Any:
    """A network of `cls` with copies of `tensors` as its weights, in `dtype`, ready to draw. Tensors that are `ours`,
    in memory and counted already, are not copied.

    Raises ModelBroken when weights are missing or of another shape. Names the network does not know are left out.
    """
    import torch
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        network = cls.from_config(dict(config)) if hasattr(cls, "from_config") else cls(cls.config_class(**config))
    wanted = network.state_dict()
    named = dict(_renamed(tensors, wanted))
    for name, parameter in wanted.items():
        if name in named and tuple(named[name].shape) != tuple(parameter.shape):
            raise broken(source, f"{name} has the shape {tuple(named[name].shape)} instead of {tuple(parameter.shape)}")
    copies: dict[str, Any] = {}
    for name in wanted.keys() & named.keys():
        tensor = named[name]
        if not ours:
            loading.count(tensor.numel() * tensor.element_size())
        copies[name] = tensor.to(dtype=dtype if tensor.is_floating_point() else None, copy=not ours).contiguous()
    network.load_state_dict(copies, strict=False, assign=True)
    if left := [name for name, parameter in network.named_parameters() if parameter.is_meta]:
        raise broken(source, f"{len(left)} of {len(wanted)} parts are missing, {left[0]} first")
    network.requires_grad_(False)
    assert isinstance(network, torch.nn.Module)
    return network.eval()


_old_attention = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


def _renamed(tensors: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names as today's classes have them: CLIP with or without `text_model.`, older VAEs' attention."""
    for name, tensor in tensors.items():
        for candidate in _spellings(name):
            if candidate in wanted:
                parameter = wanted[candidate]
                # the attention of old VAEs was made of 1x1 convolutions
                yield candidate, tensor[:, :, 0, 0] if tensor.ndim == 4 and parameter.ndim == 2 else tensor
                break


def _spellings(name: str) -> Iterable[str]:
    yield name
    yield name.removeprefix("text_model.")
    yield "text_model." + name
    for old, new in _old_attention.items():
        if old in name:
            yield name.replace(old, new)


@dataclass
class Source:
    """One checkpoint while it is loaded: where its configs, tensors and progress are."""

    card: ModelCard
    configs: Path
    dtype: Any
    progress: Loading
    tensors: Tensors = field(repr=False)

    @property
    def path(self) -> Path:
        return Path(self.card.path)

    @property
    def index(self) -> dict[str, Any]:
        return read_json(self.configs / "model_index.json")

    def config(self, component: str) -> dict[str, Any]:
        return read_json(self.configs / component / "config.json")

    def network(self, component: str, cls: Any) -> Any:
        """One component with its weights; `cls` is of our choice whatever the config says."""
        config = self.config(component)
        if self.card.layout == "folder":
            tensors = folder_tensors(self.path / component)
        else:
            tensors = self._original(component, config)
        ours = isinstance(self.tensors, QuantizedTensors)
        return build(cls, _plain(config), tensors, self.dtype, self.progress, self.path, ours)

    def _original(self, component: str, config: Mapping[str, Any]) -> Tensors:
        try:
            return original.convert(component, self.tensors, config)
        except (KeyError, IndexError) as error:
            raise broken(self.path, f"a part of its {component} is missing") from error

    def tokenizer(self, component: str) -> Any:
        """CLIP's. Configs of ours share one vocabulary; SDXL's second one is padded with "!"."""
        own, shared = self.configs / component, shipped_configs / "clip"
        settings = read_json(shared / "tokenizer_config.json") | read_json(own / "tokenizer_config.json")
        if (own / "tokenizer.json").is_file():
            return _tokenizer(own / "tokenizer.json", settings)
        if (own / "vocab.json").is_file():
            from transformers import CLIPTokenizer

            return CLIPTokenizer.from_pretrained(own, local_files_only=True)
        return _tokenizer(shared / "tokenizer.json", settings)

    def scheduler(self) -> Any:
        """The checkpoint's noise schedule, as DDIM's class keeps it; the sampler is chosen per picture."""
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler

        config = _plain(read_json(self.configs / "scheduler" / "scheduler_config.json"))
        if self.card.layout == "single_file":
            config["prediction_type"] = self.card.prediction or "epsilon"
            if "ztsnr" in self.tensors:
                config |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
            if self.card.defaults.guidance_scale <= 1:
                config["timestep_spacing"] = "trailing"
        known = set(inspect.signature(DDIMScheduler.__init__).parameters)
        return DDIMScheduler(**{k: v for k, v in config.items() if k in known})


_token_settings = ("bos_token", "eos_token", "pad_token", "unk_token")


def _tokenizer(file: Path, settings: Mapping[str, Any]) -> Any:
    """In half the time that `from_pretrained` takes, which reads four megabytes of JSON several times over."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    try:
        words = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises no class of its own
        raise broken(file, "it is no tokenizer") from error
    tokens = {name: settings[name] for name in _token_settings if name in settings}
    texts = {name: token.get("content") if isinstance(token, Mapping) else token for name, token in tokens.items()}
    return PreTrainedTokenizerFast(
        tokenizer_object=words, model_max_length=settings.get("model_max_length", 77), **texts
    )


def open_source(card: ModelCard, configs: Path, dtype: Any, report: Report, check: Check) -> Source:
    """Raises ModelMissing, ModelBroken."""
    loading = Loading(card.sizes.total, report, check)
    tensors = _tensors(Path(card.path), dtype, loading) if card.layout == "single_file" else {}
    if isinstance(tensors, QuantizedTensors):  # what is counted are the bytes that they become
        loading.total = round(card.sizes.total * dtype.itemsize / card.sizes.bytes_per_parameter)
    return Source(card, configs, dtype, loading, tensors)


def _tensors(path: Path, dtype: Any, loading: Loading) -> Tensors:
    try:
        packed = is_gguf(path)
    except OSError as error:
        raise missing() from error
    return QuantizedTensors(path, dtype, loading.count) if packed else file_tensors(path)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the marks of who wrote it (`_class_name`, `_name_or_path`, ...)."""
    return {k: v for k, v in config.items() if not k.startswith("_")}


def broken(path: Path, reason: str) -> ModelBroken:
    return ModelBroken(
        f"{path.name} is damaged: {reason}.", "Download it again.", fix="refresh", fix_label="Look again"
    )


def missing() -> ModelMissing:
    return ModelMissing(
        "The model's file is no longer there.",
        "Put it back, or choose another model.",
        fix="refresh",
        fix_label="Look again",
    )
