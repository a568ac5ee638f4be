"""Rows 11 and 12: models switched thirty times, LoRAs fifty times; nothing stays behind."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import psutil
import pytest
import torch

from tests.drawing import card_of, families, lora_of, order
from tests.tiny import TinyModels
from webui.core.errors import ModelBroken, WrongFamily
from webui.engine.worker import Worker


def live_tensors() -> int:
    gc.collect()
    return sum(type(thing) in (torch.Tensor, torch.nn.Parameter) for thing in gc.get_objects())


def test_row11_thirty_switches_leave_nothing(tiny_models: TinyModels, starter: Path) -> None:
    known = families(tiny_models)
    worker = Worker("cpu", threads=1, families=known)
    cards = [card_of(path, known) for path in (tiny_models.sd, tiny_models.xl_folder, starter)]
    process = psutil.Process()

    def round_() -> None:
        for card in cards:
            worker.draw(order(card, steps=1, width=64, height=64))

    for _ in range(2):
        round_()
    worker.models.drop()
    tensors, memory, threads = live_tensors(), process.memory_info().rss, threading.active_count()
    files = process.num_fds()
    for _ in range(10):
        round_()
    worker.models.drop()
    assert live_tensors() == tensors
    assert (process.memory_info().rss - memory) / 30 < 2 * 2**20
    assert threading.active_count() == threads
    assert process.num_fds() == files


@pytest.mark.parametrize("which", ["sd", "xl"])
def test_row12_fifty_loras_on_and_off_leave_the_picture_bit_equal(which: str, tiny_models: TinyModels) -> None:
    known = families(tiny_models)
    worker = Worker("cpu", threads=1, families=known)
    card = card_of(getattr(tiny_models, which), known)
    loras = [lora_of(tiny_models.lora(which, layout), known) for layout in ("kohya", "peft")]  # type: ignore[arg-type]
    plain = worker.draw(order(card))
    model = worker.models.current
    assert model is not None
    before = {k: v.clone() for k, v in model.pipe.unet.state_dict().items()}
    one, both = worker.draw(order(card, {loras[0]: 1.0})), worker.draw(order(card, {loras[0]: 0.5, loras[1]: -0.7}))
    assert len({plain.pixels, one.pixels, both.pixels}) == 3
    for turn in range(50):
        lora = loras[turn % 2]
        asked = order(card, {lora: 0.1 + turn / 50})
        worker.models.use_loras(model, asked.recipe.loras, asked.loras)
        if turn % 5 == 0:
            worker.models.use_loras(model, (), ())
    assert worker.draw(order(card, {loras[0]: 1.0})).pixels == one.pixels
    assert worker.draw(order(card)).pixels == plain.pixels
    after = model.pipe.unet.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(before[k], after[k]) for k in before)
    worker.close()


def test_a_lora_of_another_family_is_refused_before_it_is_read(tiny_models: TinyModels) -> None:
    known = families(tiny_models)
    worker = Worker("cpu", threads=1, families=known)
    card, lora = card_of(tiny_models.sd, known), lora_of(tiny_models.lora("xl", "kohya"), known)
    plain = worker.draw(order(card)).pixels
    with pytest.raises(WrongFamily, match="tiny-xl-kohya was made for sdxl"):
        worker.draw(order(card, {lora: 1.0}))
    assert worker.draw(order(card)).pixels == plain


def test_a_loha_is_refused_with_words(tiny_models: TinyModels, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    known = families(tiny_models)
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_k"
    path = tmp_path / "fancy.safetensors"
    save_file({f"{key}.hada_w1_a": torch.zeros(2, 2), f"{key}.hada_w2_a": torch.zeros(2, 2)}, path)
    lora = lora_of(path, known)
    assert lora.problem is not None
    worker = Worker("cpu", threads=1, families=known)
    with pytest.raises(ModelBroken, match="LoHa"):
        worker.draw(order(card_of(tiny_models.sd, known), {lora: 1.0}))
    worker.close()
