"""Row 24: any name a file system allows is listed safely or refused, and no id leads out of the models folder."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import TinyModels
from webui.core.errors import ModelMissing
from webui.families.sd import SdFamily
from webui.library.catalog import Catalog
from webui.library.names import distinct_titles

NAMES = [
    "a..b", "~..", "-rf", "CON", "nul", "a,b: c", 'quo"te', "it's", "<b>bold<b>", "emoji 🐱👩‍👩‍👧", "עברית", "e\u0301",
    "back\\slash", "new\nline", "tab\t", "\u202egpj", "a" * 243, "é" * 121, "%2e%2e%2f", " leading", "trailing ",
    "$(id)", "~",
]  # fmt: skip
ANY_NAME = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


def _catalog(folder: Path) -> Catalog:
    catalog = Catalog([folder], [SdFamily()])
    catalog.refresh()
    return catalog


def _put(folder: Path, name: str, model: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.link(model, folder / (name + ".safetensors"))


def _check(catalog: Catalog, count: int) -> None:
    cards = catalog.models()
    assert len({card.id for card in cards}) == len({card.title for card in cards}) == count
    for card in cards:
        json.dumps([card.id, card.title, card.path], ensure_ascii=False).encode()
        assert card.title.isprintable() or all(c.isprintable() or c.isalnum() or ord(c) > 127 for c in card.title)
        assert not set(card.title) & set(",:\"'<>\\/\n")
        assert catalog.model(card.id) == card


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow most of these names")
@pytest.mark.parametrize("name", NAMES)
def test_row24_odd_names_are_listed(tiny_models: TinyModels, tmp_path: Path, name: str) -> None:
    _put(tmp_path / "checkpoints", name, tiny_models.sd)
    catalog = _catalog(tmp_path)
    _check(catalog, 1)
    assert catalog.models()[0].problem is None


@settings(max_examples=60, deadline=None)
@given(names=st.sets(ANY_NAME, min_size=1, max_size=5))
def test_row24_any_names_are_listed(tiny_models: TinyModels, names: set[str]) -> None:
    with tempfile.TemporaryDirectory(dir=tiny_models.folder.parent) as folder:
        kept = {name for name in names if len(os.fsencode(name)) < 230 and not name.startswith(".")}
        for name in kept:
            _put(Path(folder) / "checkpoints", name, tiny_models.sd)
        _check(_catalog(Path(folder)), len(kept))


@pytest.mark.skipif(os.name == "nt", reason="Windows names are text")
def test_row24_a_name_that_is_not_text_is_refused_in_words(tiny_models: TinyModels, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    os.link(tiny_models.sd, os.fsencode(tmp_path / "checkpoints") + b"/caf\xe9.safetensors")
    catalog = _catalog(tmp_path)
    _check(catalog, 1)
    problem = catalog.models()[0].problem
    assert problem is not None and problem.hint == "Rename the file."


def test_row24_hidden_files_stay_hidden(tiny_models: TinyModels, tmp_path: Path) -> None:
    for name in ("..", ".hidden", "._macos"):
        _put(tmp_path / "checkpoints", name, tiny_models.sd)
    assert _catalog(tmp_path).models() == ()


HOSTILE_IDS = [
    "../secret", "checkpoints/../../secret", "/etc/passwd", "checkpoints\\..\\secret", "checkpoints/a\0b", "", ".",
    "C:\\x", "checkpoints/inside.safetensors/..", "file:///etc/passwd", "checkpoints/%2e%2e/secret", "x" * 10_000,
    "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("id", HOSTILE_IDS)
def test_row24_no_id_leads_elsewhere(tiny_models: TinyModels, tmp_path: Path, id: str) -> None:
    os.link(tiny_models.sd, tmp_path / "secret.safetensors")
    _put(tmp_path / "models" / "checkpoints", "inside", tiny_models.sd)
    catalog = _catalog(tmp_path / "models")
    for look in (catalog.model, catalog.lora):
        with pytest.raises(ModelMissing):
            look(id)


def test_row24_special_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "folder.safetensors").mkdir(parents=True)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "checkpoints" / "pipe.safetensors")  # opening it would wait for ever
        (tmp_path / "checkpoints" / "link.safetensors").symlink_to(tmp_path / "checkpoints" / "pipe.safetensors")
    problems = [card.problem for card in _catalog(tmp_path).models()]
    assert None not in problems


@given(st.dictionaries(st.text(max_size=20), st.sampled_from(["a", "a (2)", "b", "a (b)"]), max_size=12))
def test_row24_titles_are_always_told_apart(titles: dict[str, str]) -> None:
    assert len(set(distinct_titles(titles).values())) == len(titles)
