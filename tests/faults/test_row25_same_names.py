"""Row 25: models of the same name in sub-folders are different ones, each with its own id and a title that tells."""

from __future__ import annotations

import os
from pathlib import Path

from tests.tiny import TinyModels
from webui.families.sd import SdFamily
from webui.library.catalog import Catalog


def test_row25_same_name_in_sub_folders(tiny_models: TinyModels, tmp_path: Path) -> None:
    for folder in ("anime", "photo", "photo/old"):
        (tmp_path / "checkpoints" / folder).mkdir(parents=True)
        os.link(tiny_models.sd, tmp_path / "checkpoints" / folder / "dream.safetensors")
    catalog = Catalog([tmp_path], [SdFamily()])
    catalog.refresh()
    assert {card.id: card.title for card in catalog.models()} == {
        "checkpoints/anime/dream": "dream (anime)",
        "checkpoints/photo/dream": "dream (photo)",
        "checkpoints/photo/old/dream": "dream (photo old)",
    }
    for card in catalog.models():
        assert catalog.model(card.id).path == str(tmp_path / (card.id + ".safetensors"))


def test_row25_same_name_with_other_endings(tiny_models: TinyModels, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    os.link(tiny_models.sd, tmp_path / "checkpoints" / "dream.safetensors")
    os.link(tiny_models.xl, tmp_path / "checkpoints" / "dream.SAFETENSORS")
    (tmp_path / "checkpoints" / "dream.ckpt").write_bytes(b"PK\x03\x04")
    catalog = Catalog([tmp_path], [SdFamily()])
    catalog.refresh()
    assert len({card.id for card in catalog.models()}) == len({card.title for card in catalog.models()}) == 3


def test_row25_ids_stay_when_another_model_comes(tiny_models: TinyModels, tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "b").mkdir(parents=True)
    os.link(tiny_models.sd, tmp_path / "checkpoints" / "b" / "dream.safetensors")
    catalog = Catalog([tmp_path], [SdFamily()])
    catalog.refresh()
    (id,) = (card.id for card in catalog.models())
    (tmp_path / "checkpoints" / "a").mkdir()
    os.link(tiny_models.sd, tmp_path / "checkpoints" / "a" / "dream.safetensors")
    catalog.refresh()
    assert catalog.model(id).path.endswith("b/dream.safetensors")
