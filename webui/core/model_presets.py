"""Models that Easel knows by name, as data in `presets/models`: where from, under which licence, for which cards."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

Kind = Literal["checkpoint", "subject"]


@dataclass(frozen=True, slots=True)
class Licence:
    """Its name, and in words whether pictures may be used commercially."""

    name: str
    commercial: str


@dataclass(frozen=True, slots=True)
class CardNeeds:
    """Bytes of a card's memory: with `least` it draws, with `comfortable` it draws without moving in small pieces."""

    least: int
    comfortable: int


@dataclass(frozen=True, slots=True)
class ModelPreset:
    """A model. A "checkpoint" can be fetched from `address`, which names a `revision` that never changes; a "subject"
    ships, so it has neither. `file` is its name on disk, `sha256` in hex, `purpose` and `source` are for people.
    """

    id: str
    title: str
    purpose: str
    kind: Kind
    file: str
    sha256: str
    bytes: int
    licence: Licence
    source: str
    family: str = ""
    address: str = ""
    revision: str = ""
    needs: CardNeeds | None = None


def read_models(text: str, stem: str) -> dict[str, ModelPreset]:
    """The model in a file's text, by id. Raises ValueError, TypeError or KeyError when it is damaged."""
    row = json.loads(text)
    words = {name: row[name] for name in ("id", "title", "purpose", "kind", "file", "sha256", "source")}
    licence = Licence(row["licence"]["name"], row["licence"]["commercial"])
    _check_words(words | {"licence": licence.name, "commercial": licence.commercial})
    if words["id"] != stem or words["kind"] not in get_args(Kind):
        raise ValueError("a model under a wrong name, or of an unknown kind")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors", words["file"]):
        raise ValueError("a file name that cannot be one")
    if not re.fullmatch(r"[0-9a-f]{64}", words["sha256"]):
        raise ValueError("a checksum that cannot be one")
    size = _whole(row["bytes"])
    if words["kind"] == "subject":
        return {stem: ModelPreset(**words, bytes=size, licence=licence)}
    return {stem: ModelPreset(**words, bytes=size, licence=licence, **_origin(row), needs=_needs(row["needs"]))}


def _origin(row: Mapping[str, Any]) -> dict[str, Any]:
    """Where a checkpoint comes from: over TLS, and from a revision that the address names."""
    origin = {name: row[name] for name in ("family", "address", "revision")}
    _check_words(origin)
    address = urlsplit(origin["address"])
    if address.scheme != "https" or not address.hostname or address.username or address.query:
        raise ValueError("an address that is not plain https")
    if not re.fullmatch(r"[0-9a-f]{40}", origin["revision"]) or origin["revision"] not in address.path.split("/"):
        raise ValueError("an address whose content may change")
    return origin


def _needs(row: Mapping[str, Any]) -> CardNeeds:
    needs = CardNeeds(_whole(row["least"]), _whole(row["comfortable"]))
    if needs.least > needs.comfortable:
        raise ValueError("needs that contradict each other")
    return needs


def _check_words(words: Mapping[str, Any]) -> None:
    if not all(isinstance(word, str) and word.strip() for word in words.values()):
        raise ValueError("a model without words")


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError("a number of bytes that cannot be one")
    return value
