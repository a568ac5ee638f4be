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
    found = QuantizedTensors(packed(tiny_models.sd, tmp_path / "m.gguf", kind), torch.float32)
    assert len(found) == len(wanted) and set(found) == set(wanted)
    for name, tensor in wanted.items():
        whole = found[name]
        assert whole.shape == tensor.shape and whole.dtype == torch.float32, name
        scale = float(tensor.float().abs().max()) or 1.0
        assert float((whole - tensor.float()).abs().max()) <= near * scale + 1e-3, name


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
            assert seen[-1] == pytest.approx(1.0, abs=0.02)
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
    tensors = QuantizedTensors(tmp_path / "m.gguf", torch.float16)
    with pytest.raises(ModelBroken, match="packed in a way"):
        tensors["a"]
