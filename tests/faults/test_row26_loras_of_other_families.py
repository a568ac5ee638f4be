"""Row 26: whether a LoRA fits is known from headers alone, for every kind of LoRA and every kind of model."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import TinyModels
from webui.core.errors import WrongFamily
from webui.core.presets import load_presets
from webui.core.settle import settle
from webui.core.types import GenerationRequest, LoraCard, LoraUse, ModelCard
from webui.families.base import Family
from webui.families.sd import SdFamily
from webui.families.sdxl import SdxlFamily
from webui.library.catalog import Catalog
from webui.library.header import Header, TensorInfo
from webui.library.model_file import ModelFile, open_file, open_folder

FAMILIES: tuple[Family, ...] = (SdFamily(), SdxlFamily())
WIDTHS = {"sd15": 768, "sd2": 1024, "sdxl": 2048, "starter": 256}
LORAS = [(base, layout) for base in WIDTHS for layout in ("kohya", "peft")]
MODELS = ["sd15", "sd15_inpaint", "sd2", "sdxl", "starter"]


def _widened(file: ModelFile, width: int) -> ModelFile:
    """The same header with text embeddings of another width, wherever attention reads them."""

    def shape(name: str, info: TensorInfo) -> TensorInfo:
        reads = "attn2" in name and any(part in name for part in ("to_k", "to_v"))
        reads = reads and not any(part in name for part in ("lora_up", "lora_B", "alpha"))
        return TensorInfo(info.dtype, (info.shape[0], width), info.nbytes) if reads else info

    headers = {
        part: Header({name: shape(name, info) for name, info in header.tensors.items()}, header.metadata)
        for part, header in file.headers.items()
    }
    return replace(file, headers=headers)


def _lora(tiny_models: TinyModels, base: str, layout: str) -> LoraCard:
    path = tiny_models.lora("xl" if base == "sdxl" else "sd", layout)  # type: ignore[arg-type]
    file = _widened(open_file(path, f"loras/{base}-{layout}", f"{base} {layout}"), WIDTHS[base])
    if base in ("sd2", "starter"):  # as their trainers say
        metadata = {"ss_base_model_version": "sd_v2" if base == "sd2" else "starter"}
        file = replace(file, headers={"": Header(file.header.tensors, metadata)})
    found = [card for family in FAMILIES if (card := family.identify_lora(file)) is not None]
    assert len(found) == 1, found
    return found[0]


def _model(tiny_models: TinyModels, starter: Path, kind: str) -> ModelCard:
    if kind == "starter":
        file = open_folder(starter, kind, kind)
    else:
        path = {"sdxl": tiny_models.xl, "sd15_inpaint": tiny_models.sd_inpaint}.get(kind, tiny_models.sd)
        file = _widened(open_file(path, kind, kind), WIDTHS[kind.removesuffix("_inpaint")])
    found = [card for family in FAMILIES if (card := family.identify(file)) is not None]
    assert len(found) == 1, found
    return found[0]


def _fits(lora: LoraCard, card: ModelCard) -> bool:
    return any(family.lora_fits(lora, card) for family in FAMILIES)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("base, layout", LORAS)
def test_row26_a_lora_fits_what_it_was_made_for_and_nothing_else(
    tiny_models: TinyModels, starter: Path, base: str, layout: str, kind: str
) -> None:
    card, lora = _model(tiny_models, starter, kind), _lora(tiny_models, base, layout)
    assert lora.problem is None
    assert _fits(lora, card) == (kind.removesuffix("_inpaint") == base)


@pytest.mark.parametrize("base, kind", [("sd15", "sdxl"), ("sdxl", "sd15"), ("sdxl", "starter")])
def test_row26_the_refusal_names_both_before_anything_is_loaded(
    tiny_models: TinyModels, starter: Path, base: str, kind: str
) -> None:
    card, lora = _model(tiny_models, starter, kind), _lora(tiny_models, base, "kohya")
    presets = load_presets(Path(__file__).parents[2] / "presets", None)
    request = GenerationRequest(prompt="a cat", loras=(LoraUse(lora.id),))
    with pytest.raises(WrongFamily) as refused:
        settle(request, card, {lora.id: lora}, presets, random.Random(0))
    for word in (lora.title, lora.family, card.title, card.family):
        assert word in refused.value.message


def test_row26_the_page_offers_only_those_that_fit(tiny_models: TinyModels, starter: Path, tmp_path: Path) -> None:
    (tmp_path / "starter").symlink_to(starter)
    for name in ("checkpoints", "loras"):
        (tmp_path / name).symlink_to(tiny_models.folder / name)
    catalog = Catalog([tmp_path], FAMILIES)
    catalog.refresh()
    theirs = {file.stem for file in (starter / "loras").glob("*.safetensors")}
    assert {lora.id for lora in catalog.loras_for(catalog.model("starter"))} == {f"starter/loras/{n}" for n in theirs}
    fitting = catalog.loras_for(catalog.model("checkpoints/tiny-sd"))
    assert {lora.family for lora in fitting} == {"sd"}
    assert not [lora.id for lora in fitting if lora.id.startswith("starter/")]


MARKS = [
    "lora_unet_double_blocks_0_img_attn_qkv",
    "transformer.single_transformer_blocks.0.attn.to_q",
    "emb_params",
    "a",
]
ENDS = [".lora_down.weight", ".lora_A.weight", ".hada_w1_a", ".lokr_w1", "", ".weight"]
SD_MARKS = [
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k",
    "model.diffusion_model.input_blocks.0.0",
]
KNOWN = [
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
    "cond_stage_model.x",
    "v_pred",
]
SHAPES = st.lists(st.integers(0, 10_000), max_size=4).map(tuple)


@settings(max_examples=200, deadline=None)
@given(
    names=st.sets(
        st.one_of(
            st.builds(str.__add__, st.sampled_from(MARKS + SD_MARKS), st.sampled_from(ENDS)), st.sampled_from(KNOWN)
        ),
        max_size=8,
    ),
    data=st.data(),
)
def test_row26_no_header_whatever_it_says_breaks_the_list(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], data: st.DataObject
) -> None:
    import json
    import struct

    folder = tmp_path_factory.mktemp("odd")
    header: dict[str, object] = {"__metadata__": {"ss_tag_frequency": data.draw(st.text(max_size=20))}}
    for name in sorted(names):
        shape = (*data.draw(SHAPES), 0)  # no bytes, so any header is sound
        header[name] = {"dtype": "F16", "shape": shape[::-1], "data_offsets": [0, 0]}
    text = json.dumps(header).encode()
    for place in ("checkpoints", "loras"):
        (folder / place).mkdir()
        (folder / place / "odd.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    catalog = Catalog([folder], FAMILIES)
    catalog.refresh()
    assert len(catalog.models()) + len(catalog.loras()) == 2  # each as what it is, wherever it lies
