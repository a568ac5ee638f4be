"""Which models and LoRAs there are. Reads headers only, remembers them, and lists what is broken with the reason.

A models folder has checkpoints/ (files, or diffusers folders) and loras/, each with sub-folders as people like them;
the names that other programs use are understood, too. Ids are looked up, never joined to a path: none leads elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from webui.core.errors import ModelBroken, ModelMissing, UserError
from webui.core.types import ComponentSizes, Defaults, LoraCard, ModelCard
from webui.library.model_file import ModelFile, open_file, open_folder
from webui.library.names import distinct_titles, id_of, readable, title_of
from webui.library.scan import Entry, find_folder_model, scan

CHECKPOINT_FOLDERS = ("checkpoints", "Stable-diffusion")
LORA_FOLDERS = ("loras", "Lora", "starter/loras")
STARTER = "starter"

Card = TypeVar("Card", ModelCard, LoraCard)


class _IsOfTheOtherKind(ModelBroken):
    """A LoRA among the models, or a model among the LoRAs: people know no difference, and Easel sees it."""

    code = "of_the_other_kind"


_NO_SIZES = ComponentSizes(0, 0, 0)
_NO_DEFAULTS = Defaults(512, 512, 20, 7.0, "", 64, 2048)
_REFRESH = ("refresh", "Refresh")


class Identifier(Protocol):
    """What the catalog wants of a family. Either `identify` may raise a UserError: the file is listed with it."""

    @property
    def name(self) -> str: ...

    def identify(self, file: ModelFile) -> ModelCard | None: ...

    def identify_lora(self, file: ModelFile) -> LoraCard | None: ...

    def lora_fits(self, lora: LoraCard, card: ModelCard) -> bool: ...


@dataclass(frozen=True)
class _Listing:
    """One state of the disk, replaced as a whole, so that readers need no lock. Cards by id as read, and as shown."""

    models: dict[str, tuple[Entry, ModelCard]] = field(default_factory=dict)
    loras: dict[str, tuple[Entry, LoraCard]] = field(default_factory=dict)
    shown_models: dict[str, ModelCard] = field(default_factory=dict)
    shown_loras: dict[str, LoraCard] = field(default_factory=dict)


class Catalog:
    """All models and LoRAs below some folders; every method may be called from any thread. Empty until `refresh`."""

    def __init__(self, folders: Sequence[Path], families: Sequence[Identifier]) -> None:
        self._folders, self._families = tuple(folders), tuple(families)
        self._refreshing = threading.Lock()
        self._listing = _Listing()

    def refresh(self) -> None:
        """Look again. Sound files of the same size and time are not opened again: thousands of them take a moment."""
        with self._refreshing:
            old = self._listing
            models = {id: (entry, self._model(id, entry, old)) for id, entry in self._models_on_disk()}
            loras = {id: (entry, self._lora(id, entry, old)) for id, entry in self._loras_on_disk()}
            strays, moved = _taken_out(models), _taken_out(loras)
            loras |= {id: (entry, self._lora(id, entry, old)) for id, entry in strays.items()}
            models |= {id: (entry, self._model(id, entry, old)) for id, entry in moved.items()}
            titles = distinct_titles({id: card.title for id, (_, card) in models.items()})
            lora_titles = distinct_titles({id: card.title for id, (_, card) in loras.items()})
            in_order = sorted(models, key=lambda id: (id != STARTER, titles[id].casefold(), id))
            loras_in_order = sorted(loras, key=lambda id: (lora_titles[id].casefold(), id))
            self._listing = _Listing(
                models,
                loras,
                {id: replace(models[id][1], title=titles[id]) for id in in_order},
                {id: replace(loras[id][1], title=lora_titles[id]) for id in loras_in_order},
            )

    def models(self) -> tuple[ModelCard, ...]:
        """The starter first, then by title; broken ones among them, with `.problem` set."""
        return tuple(self._listing.shown_models.values())

    def loras(self) -> tuple[LoraCard, ...]:
        """By title; broken ones among them, with `.problem` set."""
        return tuple(self._listing.shown_loras.values())

    def loras_for(self, card: ModelCard) -> tuple[LoraCard, ...]:
        """Those that can be used with a model: sound, and made for its family and variant."""
        family = next((family for family in self._families if family.name == card.family), None)
        if family is None:
            return ()
        return tuple(lora for lora in self.loras() if lora.problem is None and family.lora_fits(lora, card))

    def model(self, id: str) -> ModelCard:
        """The card of an id, if its file is still what it was. Raises ModelMissing; has then looked again already."""
        listing = self._listing
        card = listing.shown_models.get(id)
        if card is None:
            raise ModelMissing("There is no such model (any more).", "Choose another one.", *_REFRESH)
        self._check(listing.models[id][0], card.title)
        return card

    def lora(self, id: str) -> LoraCard:
        """As `model`."""
        listing = self._listing
        card = listing.shown_loras.get(id)
        if card is None:
            raise ModelMissing("There is no such LoRA (any more).", "Choose another one.", *_REFRESH)
        self._check(listing.loras[id][0], card.title)
        return card

    def _check(self, entry: Entry, title: str) -> None:
        now = entry.again()
        if now == entry or (now is None and not entry.stamp):
            return
        self.refresh()
        what = "is not there any more" if now is None else "has changed on disk"
        raise ModelMissing(f"{title} {what}.", "The list has been refreshed; choose again.", *_REFRESH)

    def _models_on_disk(self) -> Iterator[tuple[str, Entry]]:
        taken = {STARTER}
        starters = (find_folder_model(folder / STARTER) for folder in self._folders)
        starter = next((entry for entry in starters if entry is not None), None)
        if starter is not None:
            yield STARTER, starter
        yield from self._below(CHECKPOINT_FOLDERS, taken, folders_are_models=True)

    def _loras_on_disk(self) -> Iterator[tuple[str, Entry]]:
        return self._below(LORA_FOLDERS, set(), folders_are_models=False)

    def _below(self, names: Sequence[str], taken: set[str], folders_are_models: bool) -> Iterator[tuple[str, Entry]]:
        for folder in self._folders:
            for name in names:
                for entry in scan(folder / name, folders_are_models):
                    yield id_of(entry.path, folder, taken), entry

    def _model(self, id: str, entry: Entry, old: _Listing) -> ModelCard:
        known = old.models.get(id)
        if known is not None and known[0] == entry and known[1].problem is None:
            return known[1]
        title = "Easel Starter" if id == STARTER else title_of(entry.path)
        try:
            return self._identify(_open(id, entry, title))
        except UserError as error:
            path = readable(str(entry.path))
            return ModelCard(
                id, title, "", path, entry.layout, _NO_SIZES, _NO_DEFAULTS, modified=entry.modified, problem=error.fault
            )

    def _identify(self, file: ModelFile) -> ModelCard:
        for family in self._families:
            card = _asked(family.identify, file)
            if card is not None:
                return card
        if file.layout == "single_file":
            for family in self._families:
                if _asked(family.identify_lora, file) is not None:
                    raise _IsOfTheOtherKind(f"{file.title} is a LoRA, not a model.")
        raise ModelBroken(f"{file.title} is of a kind that Easel does not know yet.", "Try another model.")

    def _lora(self, id: str, entry: Entry, old: _Listing) -> LoraCard:
        known = old.loras.get(id)
        if known is not None and known[0] == entry and known[1].problem is None:
            return known[1]
        title = title_of(entry.path)
        try:
            return self._identify_lora(_open(id, entry, title))
        except UserError as error:
            path = readable(str(entry.path))
            return LoraCard(id, title, "", path, entry.nbytes, modified=entry.modified, problem=error.fault)

    def _identify_lora(self, file: ModelFile) -> LoraCard:
        packed = file.header.kind == "gguf"
        for family in () if packed else self._families:
            card = _asked(family.identify_lora, file)
            if card is not None:
                return card
        for family in self._families:
            if _asked(family.identify, file) is not None:
                raise _IsOfTheOtherKind(f"{file.title} is a model, not a LoRA.")
        if packed:
            raise ModelBroken(f"{file.title} is a GGUF file.", "LoRAs are used as .safetensors only.")
        raise ModelBroken(f"{file.title} is not a LoRA that Easel can use.", "Try another one.")


def _taken_out(listed: dict[str, tuple[Entry, Card]]) -> dict[str, Entry]:
    """What lies in the folder for the other kind, which is no longer listed in this one."""
    strays = {id: e for id, (e, card) in listed.items() if card.problem and card.problem.code == _IsOfTheOtherKind.code}
    for id in strays:
        del listed[id]
    return strays


def _asked(identify: Callable[[ModelFile], Card | None], file: ModelFile) -> Card | None:
    """A family's answer. In a stranger's file known names may come with any shape or text; that is its own problem."""
    try:
        return identify(file)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ModelBroken(
            f"{file.title} describes itself in a way that makes no sense.", "Try another model."
        ) from error


def _open(id: str, entry: Entry, title: str) -> ModelFile:
    if readable(str(entry.path)) != str(entry.path):
        raise ModelBroken(f"{title} has a name that is not readable text.", "Rename the file.")
    opened = open_folder if entry.layout == "folder" else open_file
    try:
        return opened(entry.path, id, title, entry.modified)
    except OSError as error:  # a component behind a link into a private folder, say
        raise ModelBroken(
            f"{title} cannot be read ({error.strerror}).", "Look at the permissions of its files."
        ) from error
