"""Row 27: damaged settings or presets: the default is used, the file is kept as .bad, and it is told once."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.core.cards import PRESETS, presets
from webui.core.presets import load_presets
from webui.core.settings import Settings, load_settings

DAMAGE = {
    "empty": b"",
    "cut": b'{"port": 80',
    "not an object": b"[1]",
    "not text": bytes(range(128, 256)),
    "zeros": bytes(64),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_row27_a_damaged_settings_file(damage, tmp_path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(damage)
    settings = load_settings([], {}, tmp_path)
    assert len(settings.warnings) == 1
    assert "settings.json.bad" in settings.warnings[0]
    assert (tmp_path / "settings.json.bad").read_bytes() == damage
    assert load_settings([], {}, tmp_path) == Settings(data=tmp_path, models=(tmp_path / "models",)), "not told again"


def test_row27_one_bad_value_leaves_the_good_ones(tmp_path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"port": "eighty", "vram": 4, "open_browser": false}')
    settings = load_settings([], {}, tmp_path)
    assert (settings.port, settings.vram, settings.open_browser) == (7860, 4.0, False)
    assert "port must be a whole number" in settings.warnings[0]
    assert "eighty" in (tmp_path / "settings.json.bad").read_text()
    again = load_settings([], {}, tmp_path)
    assert (again.warnings, again.vram) == ((), 4.0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX")
def test_row27_a_settings_file_that_cannot_be_read(tmp_path) -> None:
    (tmp_path / "settings.json").mkdir()
    settings = load_settings([], {}, tmp_path)
    assert settings.port == 7860
    assert "cannot be read" in settings.warnings[0]


@pytest.mark.parametrize("name", ["mine.json", "mine.csv"])
@pytest.mark.parametrize("damage", [b"", b"[{", bytes(range(128, 256)), b'[{"nome": 1}]', b"[5]"], ids=str)
def test_row27_a_damaged_style_file_of_the_person(name, damage, tmp_path) -> None:
    (tmp_path / name).write_bytes(damage)
    found = load_presets(PRESETS, tmp_path)
    assert found.styles == presets().styles
    assert len(found.warnings) == 1
    assert (tmp_path / f"{name}.bad").read_bytes() == damage
    assert load_presets(PRESETS, tmp_path).warnings == ()


@pytest.mark.parametrize("name", ["samplers.json", "shapes.json", "styles/1-photo.json"])
@pytest.mark.parametrize("damage", ["{", "[{}]", '{"a": 1}', '["x"]', "null"])
def test_row27_a_damaged_preset_of_ours_stays_where_it_is(name, damage, tmp_path) -> None:
    folder = tmp_path / "presets"
    shutil.copytree(PRESETS, folder)
    (folder / name).write_text(damage)
    found = load_presets(folder, None)
    assert len(found.warnings) == 1
    assert found.samplers
    assert found.shapes
    assert found.styles
    assert (folder / name).read_text() == damage
