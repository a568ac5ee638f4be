"""Row 23: a file that goes or changes between list and click is told in words, and the list is fresh afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.tiny import TinyModels
from webui.core.errors import ModelMissing
from webui.families.sd import SdFamily
from webui.library.catalog import Catalog


@pytest.fixture
def catalog(tiny_models: TinyModels, tmp_path: Path) -> Catalog:
    shutil.copytree(tiny_models.folder, tmp_path / "models", copy_function=shutil.copy2)
    catalog = Catalog([tmp_path / "models"], [SdFamily()])
    catalog.refresh()
    return catalog


def _ids(catalog: Catalog) -> set[str]:
    return {card.id for card in (*catalog.models(), *catalog.loras())}


@pytest.mark.parametrize("id", ["checkpoints/tiny-sd", "checkpoints/tiny-sd-folder", "loras/tiny-sd-peft"])
def test_row23_gone(catalog: Catalog, tmp_path: Path, id: str) -> None:
    path = tmp_path / "models" / id
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.with_suffix(".safetensors").unlink()
    with pytest.raises(ModelMissing, match="is not there any more") as missing:
        (catalog.lora if "lora" in id else catalog.model)(id)
    assert missing.value.fix == "refresh"
    assert id not in _ids(catalog)
    with pytest.raises(ModelMissing):
        (catalog.lora if "lora" in id else catalog.model)(id)


@pytest.mark.parametrize("part", ["tiny-sd.safetensors", "tiny-sd-folder/vae/diffusion_pytorch_model.safetensors"])
def test_row23_changed(catalog: Catalog, tmp_path: Path, part: str) -> None:
    id = "checkpoints/" + part.partition("/")[0].removesuffix(".safetensors")
    path = tmp_path / "models" / "checkpoints" / part
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelMissing, match="has changed on disk"):
        catalog.model(id)
    problem = catalog.model(id).problem
    assert problem is not None and "incomplete" in problem.message


def test_row23_the_same_size_and_another_time_is_a_change_too(catalog: Catalog, tmp_path: Path) -> None:
    os.utime(tmp_path / "models" / "checkpoints" / "tiny-sd.safetensors", (1, 1))
    with pytest.raises(ModelMissing, match="has changed on disk"):
        catalog.model("checkpoints/tiny-sd")
    assert catalog.model("checkpoints/tiny-sd").problem is None
