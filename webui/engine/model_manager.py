"""The model in memory and its LoRAs: switched with progress, stopped at any moment, leaving nothing behind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from webui.core.errors import InvalidRequest, ModelBroken, ModelMissing, WrongFamily
from webui.core.types import DeviceFacts, LoraCard, LoraUse, ModelCard
from webui.engine.device import sweep, torch_dtype
from webui.engine.model import Model
from webui.engine.place import take_off
from webui.engine.preview import fit_rgb
from webui.families.base import Family
from webui.families.recognise import unsupported
from webui.library.header import read_header


class ModelManager:
    """Holds one model. Not thread-safe: the worker's drawing thread alone uses it."""

    def __init__(self, families: Sequence[Family], facts: DeviceFacts) -> None:
        self._families: Mapping[str, Family] = {family.name: family for family in families}
        self._facts = facts
        self.current: Model | None = None

    def get(self, card: ModelCard, report: Callable[[float], None], check: Callable[[], None]) -> Model:
        """This card's model, loaded now unless it is the current one. Raises ModelMissing, ModelBroken, Stopped."""
        if self.current is None or _identity(self.current.card) != _identity(card):
            self.drop()
            self.current = self._load(card, report, check)
        return self.current

    def _load(self, card: ModelCard, report: Callable[[float], None], check: Callable[[], None]) -> Model:
        import torch

        if card.problem:
            raise ModelBroken(card.problem.message, card.problem.hint, card.problem.fix, card.problem.fix_label)
        family = self.family(card)
        pipe = family.load(card, torch_dtype(self._facts), report, check)
        if self._facts.kind == "cpu":
            for network in (pipe.unet, pipe.vae):
                network.to(memory_format=torch.channels_last)
        return Model(card, family, pipe, torch_dtype(self._facts), to_rgb=fit_rgb(pipe.vae))

    def family(self, card: ModelCard) -> Family:
        """Raises InvalidRequest for a family that is not here."""
        if card.family not in self._families:
            raise InvalidRequest(f"{card.title} is of a kind that cannot be drawn with here.")
        return self._families[card.family]

    def drop(self) -> None:
        """Let go of the model and give its memory back."""
        if self.current is not None:
            take_off(self.current)
            self.current = None
        sweep(self._facts)

    def use_loras(self, model: Model, uses: Sequence[LoraUse], cards: Sequence[LoraCard]) -> None:
        """Exactly these LoRAs with these weights; without any, the weights are bit for bit those of the file.

        Raises WrongFamily before anything is loaded, ModelMissing, ModelBroken.
        """
        by_id = {card.id: card for card in cards}
        wanted: dict[str, float] = {}
        chosen: dict[str, LoraCard] = {}
        for use in uses:
            card = by_id.get(use.id)
            if card is None:
                raise ModelMissing("A LoRA of this picture is no longer there.", "Leave it out, or put it back.")
            _check_fits(model, card)
            name = _adapter(card)
            chosen[name] = card
            wanted[name] = wanted.get(name, 0.0) + use.weight
        wanted = {name: weight for name, weight in wanted.items() if weight}
        if wanted == model.loras:
            return
        take_off(model)
        try:
            self._exchange(model, wanted, chosen)
        except BaseException:  # whatever stopped it, the next order must not be drawn with half of the adapters
            model.pipe.unload_lora_weights()
            model.loras = {}
            raise

    def _exchange(self, model: Model, wanted: Mapping[str, float], cards: Mapping[str, LoraCard]) -> None:
        pipe = model.pipe
        if not wanted:
            pipe.unload_lora_weights()
        elif gone := [name for name in model.loras if name not in wanted]:
            pipe.delete_adapters(gone)
        for name in wanted:
            if name not in model.loras:
                _load_lora(model, cards[name], name)
        if wanted:
            pipe.set_adapters(list(wanted), list(wanted.values()))
        model.loras = dict(wanted)


def _identity(card: ModelCard) -> tuple[str, str, float]:
    return card.id, card.path, card.modified


def _adapter(card: LoraCard) -> str:
    """A name that peft takes: it splits at dots."""
    return "lora_" + hashlib.sha256(f"{card.path} {card.modified}".encode()).hexdigest()[:16]


def _check_fits(model: Model, card: LoraCard) -> None:
    if card.problem:
        raise ModelBroken(card.problem.message, card.problem.hint, card.problem.fix, card.problem.fix_label)
    if not model.family.lora_fits(card, model.card):
        here = f"{model.card.family} {model.card.variant}".strip()
        made_for = f"{card.family or 'another kind of model'} {card.variant}".strip()
        raise WrongFamily(
            f"The LoRA {card.title} was made for {made_for}, and {model.card.title} is {here}.",
            "Choose a LoRA that fits, or the model it was made for.",
        )


def _load_lora(model: Model, card: LoraCard, name: str) -> None:
    path = Path(card.path)
    if kind := unsupported(read_header(path).tensors):
        raise ModelBroken(f"{card.title} is a {kind}, a kind of LoRA that cannot be used here yet.")
    try:
        model.pipe.load_lora_weights(str(path), adapter_name=name, use_safetensors=True, local_files_only=True)
    except RuntimeError as error:
        if "size mismatch" not in str(error):
            raise
        raise WrongFamily(
            f"The LoRA {card.title} was made for a model of another shape.", "Choose one that fits."
        ) from None
    except (ValueError, KeyError) as error:
        raise ModelBroken(
            f"The LoRA {card.title} has parts that are not known here.", "Look for another version."
        ) from error
    _to_dtype(model)


def _to_dtype(model: Model) -> None:
    for network in model.networks():
        for parameter_name, parameter in network.named_parameters():
            if "lora_" in parameter_name and parameter.dtype != model.dtype:
                parameter.data = parameter.data.to(model.dtype)
