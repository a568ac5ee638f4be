"""Headers of safetensors and GGUF files, against what the formats' own libraries wrote."""

from __future__ import annotations

import json
import struct
import timeit
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import TinyModels
from webui.core.errors import ModelBroken, ModelMissing, PickleRefused
from webui.library.gguf import _TYPES
from webui.library.header import read_header
from webui.library.model_file import open_file, open_folder, variant_of, weight_files


def test_a_header_says_what_the_file_holds(tiny_models: TinyModels) -> None:
    header, tensors = read_header(tiny_models.xl), load_file(tiny_models.xl)
    assert {k: (v.shape, v.nbytes) for k, v in header.tensors.items()} == {
        k: (tuple(v.shape), v.nbytes) for k, v in tensors.items()
    }
    assert header.starts("conditioner.embedders.1.")
    assert header.shape("no such tensor") == ()


def test_every_kind_of_number_torch_can_save_is_known(tmp_path: Path) -> None:
    kinds = [
        torch.float64,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.int8,
        torch.bool,
        torch.uint16,
    ]
    save_file({str(kind): torch.zeros(3, 4).to(kind) for kind in kinds}, tmp_path / "a.safetensors", {"k": "v"})
    header = read_header(tmp_path / "a.safetensors")
    assert {name: info.nbytes for name, info in header.tensors.items()} == {str(k): 12 * k.itemsize for k in kinds}
    assert header.metadata == {"k": "v"}


def test_a_file_without_tensors_is_sound(tmp_path: Path) -> None:
    save_file({}, tmp_path / "empty.safetensors")
    assert read_header(tmp_path / "empty.safetensors").tensors == {}


def test_a_shape_that_is_a_bomb_is_refused_at_once(tmp_path: Path) -> None:
    shape = [10**18] * 100_000
    header = json.dumps({"a": {"dtype": "F16", "shape": shape, "data_offsets": [0, 2]}}).encode()
    (tmp_path / "bomb.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"00")

    def read() -> None:
        with pytest.raises(ModelBroken, match="damaged header"):
            read_header(tmp_path / "bomb.safetensors")

    assert timeit.timeit(read, number=1) < 1


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        read_header(tmp_path / "gone.safetensors")


@pytest.fixture
def gguf_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "flux")
    writer.add_name("a name")
    writer.add_array("tokens", ["a", "b"])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_tensor("whole", np.zeros((3, 32), np.float16))
    packed = np.zeros((5, 2 * 34), np.uint8)  # two blocks of 32 numbers a row
    writer.add_tensor("packed", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_header_is_read_like_its_own_library_reads_it(gguf_file: Path) -> None:
    header = read_header(gguf_file)
    assert header.kind == "gguf"
    assert header.metadata["general.architecture"] == "flux"
    assert header.tensors["packed"].dtype == "Q8_0"
    assert header.shape("packed") == (5, 64)
    theirs = gguf.GGUFReader(gguf_file).tensors
    assert {t.name: (tuple(map(int, reversed(t.shape))), int(t.n_bytes)) for t in theirs} == {
        name: (info.shape, info.nbytes) for name, info in header.tensors.items()
    }


def test_gguf_types_are_those_of_its_library() -> None:
    assert {int(k): (k.name, *v) for k, v in gguf.GGML_QUANT_SIZES.items()} == _TYPES


@pytest.mark.parametrize("keep", [4, 20, 60, 150, 300])
def test_a_cut_gguf_is_broken(gguf_file: Path, keep: int) -> None:
    gguf_file.write_bytes(gguf_file.read_bytes()[:keep])
    with pytest.raises(ModelBroken):
        read_header(gguf_file)


@pytest.mark.parametrize("at", range(4, 120))
def test_a_gguf_with_a_huge_number_anywhere_is_read_or_refused_quickly(gguf_file: Path, at: int) -> None:
    data = bytearray(gguf_file.read_bytes())
    data[at : at + 8] = b"\xff" * 7 + b"\x7f"
    gguf_file.write_bytes(data)
    try:
        read_header(gguf_file)
    except ModelBroken as refused:
        assert refused.hint


def test_a_folder_shows_its_components(tiny_models: TinyModels) -> None:
    folder = open_folder(tiny_models.xl_folder, "x", "x")
    assert set(folder.headers) == {"unet", "vae", "text_encoder", "text_encoder_2"}
    assert folder.pipeline == "StableDiffusionXLPipeline"
    assert folder.configs["scheduler"]["_class_name"] == "EulerDiscreteScheduler"
    assert folder.header is folder.headers["unet"]


def test_a_folder_and_the_same_model_as_a_file_have_the_same_sizes(tiny_models: TinyModels) -> None:
    folder, file = open_folder(tiny_models.xl_folder, "x", "x").sizes, open_file(tiny_models.xl, "x", "x").sizes
    assert folder == file
    assert folder.bytes_per_parameter == 2.0
    assert folder.denoiser == sum(v.nbytes for v in load_file(weight_files(tiny_models.xl_folder / "unet")[0]).values())


@pytest.mark.parametrize(
    "name, variant",
    [("model.safetensors", ""), ("model.fp16.safetensors", "fp16"), ("model-00001-of-00002.safetensors", ""),
     ("model.fp16-00001-of-00002.safetensors", "fp16"), ("model.non_ema.safetensors", "non_ema")],
)  # fmt: skip
def test_variants_of_weights(name: str, variant: str) -> None:
    assert variant_of(name) == variant


def test_plain_weights_come_before_a_variant_and_fp16_before_others(tmp_path: Path) -> None:
    for name in ("model.non_ema.safetensors", "model.fp16.safetensors"):
        save_file({}, tmp_path / name)
    assert [f.name for f in weight_files(tmp_path)] == ["model.fp16.safetensors"]
    save_file({}, tmp_path / "model.safetensors")
    assert [f.name for f in weight_files(tmp_path)] == ["model.safetensors"]


def test_a_folder_with_pickles_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(PickleRefused):
        weight_files(tmp_path)


def test_a_header_of_real_length_is_read_in_no_time(tmp_path: Path) -> None:
    tensors = {
        f"model.diffusion_model.output_blocks.{i}.transformer_blocks.attn2.to_k.weight": torch.zeros(1)
        for i in range(3000)
    }
    save_file(tensors, tmp_path / "long.safetensors")
    assert len(read_header(tmp_path / "long.safetensors").tensors) == 3000
    text = (tmp_path / "long.safetensors").read_bytes()[8:].partition(b"}}")[0] + b"}}"
    ours, bare = (
        min(timeit.repeat(read, repeat=5, number=1))
        for read in (lambda: read_header(tmp_path / "long.safetensors"), lambda: json.loads(text))
    )
    assert ours < 20 * bare
