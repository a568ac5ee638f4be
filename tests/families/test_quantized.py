"""GGUF checkpoints draw: what was quantized comes out as near as its packing allows."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import quantize
from safetensors.torch import load_file

from tests.drawing import card_of, families, order
from tests.tiny import TinyModels
from webui.core.errors import ModelBroken
from webui.engine.worker import Worker
from webui.families.quantized import QuantizedTensors
from webui.library.catalog import Catalog

Kind = gguf.GGMLQuantizationType


def packed(source: Path, target: Path, kind: Kind) -> Path:
    """The same checkpoint as GGUF: matrices whose rows are whole blocks are packed, all else stays fp16."""
    writer = gguf.GGUFWriter(target, "sd")
    for name, tensor in load_file(source).items():
        numbers = tensor.float().numpy()
        block = gguf.GGML_QUANT_SIZES[kind][0]
        if numbers.ndim == 2 and numbers.shape[-1] % block == 0:
            data = quantize(numbers, kind)
            writer.add_tensor(name, data, raw_shape=data.shape, raw_dtype=kind)
        elif numbers.ndim == 1:
            writer.add_tensor(name, numbers)
        else:
            writer.add_tensor(name, numbers.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@pytest.mark.parametrize(("kind", "near"), [(Kind.Q8_0, 0.01), (Kind.Q4_0, 0.15), (Kind.BF16, 0.01)])
def test_every_tensor_comes_back_under_its_name_and_shape(
    kind: Kind, near: float, tiny_models: TinyModels, tmp_path: Path
) -> None:
    wanted = load_file(tiny_models.sd)
    counted: list[int] = []
    found = QuantizedTensors(packed(tiny_models.sd, tmp_path / "m.gguf", kind), torch.float32, counted.append)
    assert len(found) == len(wanted) and set(found) == set(wanted)
    for name, tensor in wanted.items():
        whole = found[name]
        assert whole.shape == tensor.shape and whole.dtype == torch.float32, name
        scale = float(tensor.float().abs().max()) or 1.0
        assert float((whole - tensor.float()).abs().max()) <= near * scale + 1e-3, name
    assert sum(counted) == 4 * sum(tensor.numel() for tensor in wanted.values())


@pytest.mark.parametrize("which", ["sd", "sd_inpaint", "xl"])
def test_a_checkpoint_draws_what_it_drew_before(which: str, tiny_models: TinyModels, tmp_path: Path) -> None:
    source: Path = getattr(tiny_models, which)
    target = packed(source, tmp_path / "model.gguf", Kind.F16)  # without loss, to compare
    known = families(tiny_models)
    before, after = card_of(source, known), card_of(target, known)
    assert (after.family, after.variant, after.tasks) == (before.family, before.variant, before.tasks)
    assert after.problem is None
    seen: list[float] = []
    worker = Worker("cpu", threads=1, families=known)
    try:
        if which == "sd_inpaint":
            worker.models.get(after, seen.append, lambda: None)
            assert seen[-1] == pytest.approx(1.0, abs=0.02) and seen[len(seen) // 2] < 0.9
        else:
            drawn = [np.frombuffer(worker.draw(order(card)).pixels, np.uint8).astype(float) for card in (before, after)]
            assert np.abs(drawn[0] - drawn[1]).mean() < 0.1
    finally:
        worker.close()


def test_a_lora_as_gguf_is_refused_in_words(tiny_models: TinyModels, tmp_path: Path) -> None:
    (tmp_path / "loras").mkdir()
    packed(tiny_models.lora("sd", "kohya"), tmp_path / "loras" / "small.gguf", Kind.F16)
    catalog = Catalog((tmp_path,), families(tiny_models))
    catalog.refresh()
    (card,) = catalog.loras()
    assert card.problem and "GGUF" in card.problem.message


def test_a_packing_that_cannot_be_undone_is_said(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "sd")
    writer.add_tensor("a", np.zeros((1, 292), np.uint8), raw_dtype=Kind.Q8_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tensors = QuantizedTensors(tmp_path / "m.gguf", torch.float16, lambda _: None)
    with pytest.raises(ModelBroken, match="packing that Easel cannot read"):
        tensors["a"]


def test_numbers_that_are_not_packed_stay_what_they_are(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "sd")
    writer.add_tensor("ids", np.arange(6, dtype=np.int64).reshape(2, 3))
    writer.add_tensor("exact", np.linspace(0, 1, 4))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tensors = QuantizedTensors(tmp_path / "m.gguf", torch.float16, lambda _: None)
    assert torch.equal(tensors["ids"], torch.arange(6).reshape(2, 3))
    assert tensors["exact"].dtype == torch.float16


def test_stop_is_heard_while_it_is_unpacked(tiny_models: TinyModels, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(_: int) -> None:
        raise Stop

    tensors = QuantizedTensors(packed(tiny_models.sd, tmp_path / "m.gguf", Kind.Q8_0), torch.float16, stop)
    with pytest.raises(Stop):
        dict(tensors)


def test_a_packed_file_is_planned_by_what_it_becomes(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Only some matrices are packed, so a component's bytes in the file do not tell what it needs."""
    known = families(tiny_models)
    whole = card_of(tiny_models.xl, known).sizes
    sizes = card_of(packed(tiny_models.xl, tmp_path / "m.gguf", Kind.Q4_0), known).sizes
    for part in ("text_encoders", "denoiser", "vae"):
        becomes = 2 * getattr(sizes, part) / sizes.bytes_per_parameter
        assert becomes == pytest.approx(getattr(whole, part), rel=0.01), part
