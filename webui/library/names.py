"""Ids and titles from file names, which may be anything a file system allows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from webui.library.scan import MODEL_ENDINGS

_UNSAFE = re.compile(r"""[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069,:;"'`<>\\/|]+""")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_TITLE = 80


def readable(name: str) -> str:
    """A name with what is not text replaced: Linux allows any bytes, Windows and JSON allow half a character."""
    return _SURROGATE.sub("\ufffd", name)


def id_of(path: Path, root: Path, taken: set[str]) -> str:
    """The path below the models folder with forward slashes and no ending; stable while no namesake comes before it.

    Where two would be one, the second keeps its ending, and further ones get a number. Adds the id to `taken`.
    """
    full = readable(path.relative_to(root).as_posix())
    short = full[: -len(path.suffix)] if path.suffix.lower() in MODEL_ENDINGS else full
    number, id = 2, short if short not in taken else full
    while id in taken:
        id, number = f"{full}~{number}", number + 1
    taken.add(id)
    return id


def title_of(path: Path) -> str:
    """The file's name as people read it and as a picture's metadata can hold it: no comma, colon or quote."""
    name = path.name[: -len(path.suffix)] if path.suffix.lower() in MODEL_ENDINGS else path.name
    title = " ".join(_UNSAFE.sub(" ", readable(name)).split())
    return title[:_LONGEST_TITLE].strip() or "model"


def distinct_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """Titles by id, told apart where several are equal: by their sub-folder, then by a number."""
    count = Counter(titles.values())
    out: dict[str, str] = {}
    used: set[str] = set()
    for id, title in titles.items():
        new = title
        if count[title] > 1:
            folder = " ".join(_UNSAFE.sub(" ", " ".join(id.split("/")[1:-1])).split())[:_LONGEST_TITLE]
            new = f"{title} ({folder})" if folder else title
        number, base = 2, new
        while new in used:
            new, number = f"{base} ({number})", number + 1
        used.add(new)
        out[id] = new
    return out
