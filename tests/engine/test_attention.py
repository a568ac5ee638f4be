"""xformers is taken where it is there and measured to be faster, and never gets in the way."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests import tiny
from webui.engine import attention
from webui.engine.attention import AttentionChoice, attention_shape, xformers_wins


@pytest.mark.parametrize(
    "own, theirs, wins",
    [
        ([2.0, 2.0, 2.0], [1.0, 1.0, 9.0], True),
        ([2.0, 2.0, 2.0], [1.95, 1.95, 1.95], False),
        ([1.0, 1.0, 1.0], [2.0, 2.0, 0.1], False),
        ([1.0], [], False),
        ([], [1.0], False),
        ([1.0], [float("nan")], False),
        ([1.0], [0.0], False),
    ],
)
def test_only_what_is_clearly_faster_wins(own: list[float], theirs: list[float], wins: bool) -> None:
    assert xformers_wins(own, theirs) is wins


def test_the_measured_shape_is_that_of_the_unets_first_attention() -> None:
    from diffusers import UNet2DConditionModel

    sd = UNet2DConditionModel(
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,  # of diffusers' UNets: the number of heads
        cross_attention_dim=16,
    )
    assert attention_shape(sd, 64, 48) == (2, 4, 32 * 24, 16)
    assert attention_shape(_starter(), 16, 16) == (2, 5, 64, 32)


def _starter() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(tiny.STARTER / "unet"))


def test_on_a_processor_nothing_is_measured() -> None:
    choice = AttentionChoice(measure=lambda *_: pytest.fail("it was measured"))
    assert not choice.settle(None, 16, 16, torch.device("cpu"), torch.float32)


def test_an_xformers_that_fails_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    measured: list[object] = []

    def broken(*shape: object) -> tuple[list[float], list[float]]:
        measured.append(shape)
        raise ImportError("libcudart.so.11: cannot open shared object file")

    choice = AttentionChoice(measure=broken)
    assert not choice._probe((2, 8, 4096, 40), torch.device("cpu"), torch.float16)
    assert measured and "libcudart" in caplog.text


def test_a_model_that_does_not_take_it_keeps_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """Without a card diffusers refuses to enable it: the real refusal."""
    unet = _starter()
    before = {name: type(processor) for name, processor in unet.attn_processors.items()}
    assert not attention._enabled(unet)
    assert {name: type(processor) for name, processor in unet.attn_processors.items()} == before
    assert "not taken" in caplog.text
