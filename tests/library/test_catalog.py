"""The list of models: what is found, in which order, under which name, and how fast."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from safetensors.torch import save_file

from tests.tiny import TinyModels
from webui.core.types import Defaults, LoraCard, ModelCard
from webui.families.sd import SdFamily
from webui.families.sdxl import SdxlFamily
from webui.library.catalog import Catalog
from webui.library.model_file import ModelFile
from webui.library.names import readable


def catalog_of(*folders: Path) -> Catalog:
    catalog = Catalog(folders, [SdFamily(), SdxlFamily()])
    catalog.refresh()
    return catalog


@pytest.fixture
def models(tiny_models: TinyModels, tmp_path: Path) -> Path:
    """A models folder of its own, whose big files are hard links."""
    shutil.copytree(tiny_models.folder, tmp_path / "models", copy_function=os.link)
    return tmp_path / "models"


def test_everything_is_found_and_recognised(models: Path) -> None:
    catalog = catalog_of(models)
    assert {card.id: (card.family, card.layout, card.problem) for card in catalog.models()} == {
        "checkpoints/tiny-sd": ("sd", "single_file", None),
        "checkpoints/tiny-sd-folder": ("sd", "folder", None),
        "checkpoints/tiny-sd-inpaint": ("sd", "single_file", None),
        "checkpoints/tiny-xl": ("sdxl", "single_file", None),
        "checkpoints/tiny-xl-folder": ("sdxl", "folder", None),
    }
    assert {lora.id: (lora.family, lora.problem) for lora in catalog.loras()} == {
        "loras/tiny-sd-kohya": ("sd", None),
        "loras/tiny-sd-peft": ("sd", None),
        "loras/tiny-xl-kohya": ("sdxl", None),
        "loras/tiny-xl-peft": ("sdxl", None),
    }


def test_loras_for_a_model_are_those_of_its_family(models: Path) -> None:
    catalog = catalog_of(models)
    fitting = catalog.loras_for(catalog.model("checkpoints/tiny-xl"))
    assert [lora.id for lora in fitting] == ["loras/tiny-xl-kohya", "loras/tiny-xl-peft"]


def test_loras_of_the_starter_lie_beside_it(models: Path) -> None:
    (models / "starter" / "loras").mkdir(parents=True)
    (models / "loras" / "tiny-sd-peft.safetensors").rename(models / "starter" / "loras" / "watercolor.safetensors")
    assert "starter/loras/watercolor" in {lora.id for lora in catalog_of(models).loras() if lora.problem is None}


def test_the_starter_comes_first_whatever_the_others_are_called(models: Path, starter: Path) -> None:
    (models / "starter").symlink_to(starter)
    (models / "checkpoints" / "tiny-sd.safetensors").rename(models / "checkpoints" / "!aaa.safetensors")
    cards = catalog_of(models).models()
    assert [card.id for card in cards][:2] == ["starter", "checkpoints/!aaa"]
    assert cards[0].problem is None
    assert cards[0].prediction == "v_prediction"


def test_two_folders_and_the_names_of_other_programs(models: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "Stable-diffusion").mkdir(parents=True)
    (other / "Lora").mkdir()
    (other / "checkpoints").mkdir()
    os.link(models / "checkpoints" / "tiny-sd.safetensors", other / "Stable-diffusion" / "theirs.safetensors")
    os.link(models / "checkpoints" / "tiny-sd.safetensors", other / "checkpoints" / "tiny-sd.safetensors")
    os.link(models / "loras" / "tiny-sd-peft.safetensors", other / "Lora" / "theirs.safetensors")
    catalog = catalog_of(models, other)
    ids = [card.id for card in catalog.models()]
    assert {"Stable-diffusion/theirs", "checkpoints/tiny-sd", "checkpoints/tiny-sd.safetensors"} <= set(ids)
    assert len({card.title for card in catalog.models()}) == len(ids)
    assert catalog.model("checkpoints/tiny-sd").path == str(models / "checkpoints" / "tiny-sd.safetensors")
    assert catalog.lora("Lora/theirs").family == "sd"


def test_things_in_the_wrong_folder_are_used_as_what_they_are(models: Path) -> None:
    (models / "loras" / "tiny-sd-kohya.safetensors").rename(models / "checkpoints" / "lost.safetensors")
    (models / "checkpoints" / "tiny-sd.safetensors").rename(models / "loras" / "lost.safetensors")
    catalog = catalog_of(models)
    for _ in range(2):
        lora, model = catalog.lora("checkpoints/lost"), catalog.model("loras/lost")
        assert lora.problem is None and model.problem is None
        assert lora in catalog.loras_for(model)
        assert "checkpoints/lost" not in {card.id for card in catalog.models()}
        assert "loras/lost" not in {card.id for card in catalog.loras()}
        catalog.refresh()


def test_an_unknown_kind_is_listed_as_such(models: Path) -> None:
    import torch

    save_file({"some.tensor": torch.zeros(2)}, models / "checkpoints" / "odd.safetensors")
    problem = catalog_of(models).model("checkpoints/odd").problem
    assert problem is not None and "does not know" in problem.message


def test_a_folder_that_wants_code_of_its_own_is_refused(models: Path) -> None:
    index = models / "checkpoints" / "tiny-sd-folder" / "model_index.json"
    text = index.read_text().replace('"diffusers",\n    "UNet2DConditionModel"', '"my_module",\n    "Evil"')
    assert "my_module" in text
    index.unlink()
    index.write_text(text)
    problem = catalog_of(models).model("checkpoints/tiny-sd-folder").problem
    assert problem is not None and problem.code == "pickle_refused"


def test_a_component_that_leads_out_of_the_folder_is_refused(models: Path) -> None:
    index = models / "checkpoints" / "tiny-sd-folder" / "model_index.json"
    text = index.read_text().replace('"unet"', '"../tiny-xl-folder/unet"')
    index.unlink()
    index.write_text(text)
    problem = catalog_of(models).model("checkpoints/tiny-sd-folder").problem
    assert problem is not None and problem.code == "model_broken"


def test_a_folder_with_a_missing_shard_is_incomplete(models: Path) -> None:
    unet = models / "checkpoints" / "tiny-sd-folder" / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "diffusion_pytorch_model-00001-of-00002.safetensors")
    names = [f"diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    (unet / "diffusion_pytorch_model.safetensors.index.json").write_text(
        json.dumps({"weight_map": dict(enumerate(names))})
    )
    problem = catalog_of(models).model("checkpoints/tiny-sd-folder").problem
    assert problem is not None and "1 of 2 files" in problem.message


def test_links_are_followed_but_not_in_a_circle(models: Path) -> None:
    (models / "checkpoints" / "again").symlink_to(models / "checkpoints")
    (models / "checkpoints" / "nowhere.safetensors").symlink_to(models / "gone.safetensors")
    catalog = catalog_of(models)
    assert [card.id for card in catalog.models() if "again" in card.id] == []
    problem = catalog.model("checkpoints/nowhere").problem
    assert problem is not None and problem.code == "model_missing"


def test_a_link_to_itself_is_told_and_hides_nothing(models: Path) -> None:
    (models / "checkpoints" / "round.safetensors").symlink_to("round.safetensors")
    (models / "checkpoints" / "readme").symlink_to("readme")
    (models / "loras" / "round").symlink_to("round")
    catalog = catalog_of(models)
    problem = catalog.model("checkpoints/round").problem
    assert problem is not None and problem.code == "model_missing"
    assert len(catalog.models()) == 6 and len(catalog.loras()) == 4


LISTED_TWICE = """
import json, sys
from pathlib import Path
from webui.families import all_families
from webui.library.catalog import Catalog
models = Path(sys.argv[1])
catalog = Catalog([models], all_families())
for _ in range(2):
    catalog.refresh()
    cards = (*catalog.models(), *catalog.loras())
    print(json.dumps({card.id: card.problem and card.problem.message for card in cards}))
    (models / "loras" / "locked.safetensors").chmod(0o644)
"""


def permissions_count() -> None:
    """For root as for everybody: what exec may give loses CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="drops root's privileges as Linux does")
def test_what_may_not_be_read_is_told_hides_nothing_and_is_looked_at_again(models: Path) -> None:
    checkpoints, private = models / "checkpoints", models / "private"
    (checkpoints / "lost+found").mkdir()
    private.mkdir()
    (checkpoints / "tiny-sd.safetensors").rename(private / "sd.safetensors")
    (checkpoints / "tiny-sd.safetensors").symlink_to(private / "sd.safetensors")
    (checkpoints / "tiny-sd-folder" / "unet").rename(private / "unet")
    (checkpoints / "tiny-sd-folder" / "unet").symlink_to(private / "unet")
    shutil.copy(models / "loras" / "tiny-sd-peft.safetensors", models / "loras" / "locked.safetensors")
    closed = [checkpoints / "lost+found", private, models / "loras" / "locked.safetensors"]
    for path in closed:
        path.chmod(0)
    try:
        command = [sys.executable, "-c", LISTED_TWICE, str(models)]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=permissions_count)
    finally:
        private.chmod(0o755)
        (checkpoints / "lost+found").chmod(0o755)
    assert done.returncode == 0, done.stderr
    before, after = map(json.loads, done.stdout.splitlines())
    broken = {"checkpoints/tiny-sd", "checkpoints/tiny-sd-folder", "loras/locked"}
    assert {id for id, problem in before.items() if problem} == broken
    assert {id for id, problem in after.items() if problem} == broken - {"loras/locked"}


@pytest.mark.parametrize("weight_map", [None, ["a"], "a", 5])
def test_a_list_of_shards_that_is_none_is_told(models: Path, weight_map: object) -> None:
    unet = models / "checkpoints" / "tiny-sd-folder" / "unet"
    (unet / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    problem = catalog_of(models).model("checkpoints/tiny-sd-folder").problem
    assert problem is not None and "index.json of unet is damaged" in problem.message


def test_no_name_is_too_odd_to_be_shown() -> None:
    assert readable("a\ud83d b\udcff é.safetensors") == "a\ufffd b\ufffd é.safetensors"


def test_no_folder_is_no_error(tmp_path: Path) -> None:
    assert catalog_of(tmp_path / "none").models() == ()


class Anything:
    """The smallest family there can be: it takes every file, and counts how often it is asked."""

    name = "anything"

    def __init__(self) -> None:
        self.asked = 0

    def identify(self, file: ModelFile) -> ModelCard:
        self.asked += 1
        return ModelCard(
            file.id, file.title, self.name, str(file.path), file.layout, file.sizes, Defaults(8, 8, 1, 1, "", 8, 8)
        )  # fmt: skip

    def identify_lora(self, file: ModelFile) -> LoraCard | None:
        return None

    def lora_fits(self, lora: LoraCard, card: ModelCard) -> bool:
        return True


def test_thousands_of_files_are_read_once(models: Path, tmp_path: Path) -> None:
    many = tmp_path / "many" / "checkpoints"
    many.mkdir(parents=True)
    small = models / "loras" / "tiny-sd-kohya.safetensors"
    for i in range(1000):
        os.link(small, many / f"{i}.safetensors")
    family = Anything()
    catalog = Catalog([tmp_path / "many"], [family])
    catalog.refresh()
    assert family.asked == len(catalog.models()) == 1000
    catalog.refresh()
    assert family.asked == 1000
    shutil.copy(small, many / "new.safetensors")
    catalog.refresh()
    assert family.asked == 1001


def test_readers_never_see_half_a_list(models: Path) -> None:
    catalog = catalog_of(models)
    seen: set[int] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(len(catalog.models()))

    readers = [threading.Thread(target=read) for _ in range(3)]
    refreshers = [threading.Thread(target=catalog.refresh) for _ in range(5)]
    for thread in readers + refreshers:
        thread.start()
    for thread in refreshers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert seen == {5}
