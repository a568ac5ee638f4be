"""presets/models: what ships is whole, and a damaged file is told."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.core.cards import PRESETS, presets
from webui.core.model_presets import read_models
from webui.core.presets import load_presets
from webui.families import all_families

MODELS = list(presets().models.values())
GOOD = json.loads((PRESETS / "models" / "sdxl-base-1.0.json").read_text("utf-8"))


def test_every_file_is_a_model() -> None:
    assert len(MODELS) == len(list((PRESETS / "models").glob("*.json"))) >= 3
    assert {model.kind for model in MODELS} == {"checkpoint", "subject"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_model_says_where_from_and_under_which_licence(model) -> None:
    assert model.licence.name and model.licence.commercial.endswith(".")
    assert model.purpose.endswith(".") and model.purpose.count(".") <= 2
    if model.kind == "checkpoint":
        assert model.family in {family.name for family in all_families()}
        assert model.needs is not None and model.bytes < model.needs.comfortable * 1.1


def test_what_ships_is_what_is_declared() -> None:
    (subject,) = [model for model in MODELS if model.kind == "subject"]
    data = (PRESETS / "subject" / subject.file).read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (subject.sha256, subject.bytes)


BAD: dict[str, dict[str, Any]] = {
    "plain http": {"address": GOOD["address"].replace("https", "http")},
    "a moving branch": {"address": GOOD["address"].replace(GOOD["revision"], "main")},
    "a short revision": {"revision": "main"},
    "a secret in the address": {"address": GOOD["address"].replace("https://", "https://me:word@")},
    "a path as file name": {"file": "../../x.safetensors"},
    "a pickle": {"file": "model.ckpt"},
    "a short checksum": {"sha256": "abc"},
    "no size": {"bytes": 0},
    "a size in words": {"bytes": "6.9 GB"},
    "an unknown kind": {"kind": "program"},
    "another name": {"id": "other"},
    "no licence": {"licence": {}},
    "needs the wrong way round": {"needs": {"least": 2, "comfortable": 1}},
    "no title": {"title": " "},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_a_model_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    assert read_models(json.dumps(GOOD), GOOD["id"])[GOOD["id"]].title == GOOD["title"]
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_models(json.dumps(GOOD | change), GOOD["id"])


def test_a_damaged_file_is_left_out_with_a_word(tmp_path: Path) -> None:
    folder = tmp_path / "presets"
    shutil.copytree(PRESETS, folder, ignore=shutil.ignore_patterns("previews", "subject"))
    (folder / "models" / "sd-1.5.json").write_text("{")
    found = load_presets(folder, None)
    assert set(found.models) == set(presets().models) - {"sd-1.5"}
    assert found.warnings == ("sd-1.5.json is damaged, so it was left out.",)
