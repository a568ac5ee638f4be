"""Rows 8 to 10: NaNs, and pictures of one colour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.drawing import card_of, families, order
from tests.faults.injected import always, nan, result
from tests.tiny import TinyModels
from webui.core.errors import NanImage
from webui.core.types import DeviceFacts, Order
from webui.engine.place import place, take_off
from webui.engine.run import wider_in_place
from webui.engine.worker import Worker
from webui.memory.plan import Rung, VramPlan


@pytest.fixture(scope="module")
def half(tiny_models: TinyModels) -> Iterator[Worker]:
    """A worker in bfloat16, whatever suits this processor."""
    worker = Worker(
        families=families(tiny_models), facts=DeviceFacts("cpu", "a processor", 8 * 10**9, 8 * 10**9, "bfloat16")
    )
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def wanted(tiny_models: TinyModels, half: Worker) -> Order:
    made = order(card_of(tiny_models.sd, families(tiny_models)))
    half.draw(made)
    return made


def test_row08_nan_from_a_half_precision_vae_is_decoded_again_in_float32(half: Worker, wanted: Order) -> None:
    assert half.models.current is not None
    vae = half.models.current.pipe.vae
    whole = half.draw(wanted)
    with result(vae.decoder, lambda t: nan(t) if t.dtype != torch.float32 else t, always) as fault:
        rescued = half.draw(wanted)
    assert fault.calls == 2 and vae.dtype == torch.bfloat16
    pairs = zip(whole.pixels, rescued.pixels, strict=True)
    assert sum(abs(a - b) for a, b in pairs) / len(whole.pixels) < 4
    assert half.draw(wanted).pixels == whole.pixels


@pytest.mark.parametrize("step", [0, 3])
def test_row09_nan_while_denoising_is_drawn_again_in_float32(half: Worker, wanted: Order, step: int) -> None:
    assert half.models.current is not None
    unet = half.models.current.pipe.unet
    whole = half.draw(wanted)
    with result(unet, nan, lambda call: call == step) as fault:
        rescued = half.draw(wanted)
    assert fault.calls == 2 * wanted.recipe.steps and unet.dtype == torch.bfloat16
    assert "exact" in rescued.notes[0]
    assert half.draw(wanted).pixels == whole.pixels


@pytest.mark.parametrize("rung", ["group_offload_block", "group_offload_leaf"])
def test_row09_a_streamed_denoiser_is_streamed_anew_in_float32(half: Worker, wanted: Order, rung: Rung) -> None:
    """Its groups of layers come from copies of their weights, which would bring the old numbers back."""
    model = half.models.current
    assert model is not None
    before = model.placed
    plan, device = VramPlan(rung, False, "bfloat16", 0), torch.device("cpu")
    place(model, plan, device)

    def copies() -> set[torch.dtype]:
        hooks = [getattr(module, "_diffusers_hook", None) for module in model.pipe.unet.modules()]
        found = [hook.get_hook("group_offloading") for hook in hooks if hook]
        groups = [hook.group for hook in found if hook]
        assert groups
        copied = {tensor.dtype for group in groups for tensor in group.cpu_param_dict.values()}
        return copied or {model.pipe.unet.dtype}  # without a stream there are none

    with wider_in_place(model, plan, device):
        assert {p.dtype for p in model.pipe.unet.parameters()} == copies() == {torch.float32}
    assert {p.dtype for p in model.pipe.unet.parameters()} == copies() == {torch.bfloat16}
    take_off(model)
    assert before is not None
    assert "exact" not in " ".join(half.draw(wanted).notes)


def test_row09_nan_again_is_told_and_nothing_comes(half: Worker, wanted: Order) -> None:
    assert half.models.current is not None
    with result(half.models.current.pipe.unet, nan, always), pytest.raises(NanImage) as told:
        half.draw(wanted)
    assert told.value.fix == "retry"
    assert half.draw(wanted).notes == ()


def test_row10_a_picture_of_one_colour_is_flagged(half: Worker, wanted: Order) -> None:
    assert half.models.current is not None
    with result(half.models.current.pipe.vae.decoder, torch.zeros_like, always) as fault:
        flat = half.draw(wanted)
    assert fault.calls == 2  # tried again in float32 first
    assert len(set(flat.pixels)) == 1 and "one single color" in flat.notes[0]
