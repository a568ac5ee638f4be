"""Prompts that change on their way: [a:b:when] and [a|b]."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.drawing import card_of, families, order
from tests.tiny import TinyModels
from webui.core.types import Progress
from webui.engine.worker import Worker

SCHEDULED = ["sd", "xl"]


def latents_of(worker: Worker, wanted: Any) -> tuple[bytes, list[torch.Tensor]]:
    """The picture, and what the denoiser was told at each step."""
    told: list[torch.Tensor] = []
    model = worker.models.current
    assert model is not None
    hook = model.pipe.unet.register_forward_pre_hook(
        lambda _, __, named: told.append(named["encoder_hidden_states"].clone()), with_kwargs=True
    )
    try:
        return worker.draw(wanted).pixels, told
    finally:
        hook.remove()


@pytest.mark.parametrize("which", SCHEDULED)
def test_a_prompt_that_changes_halfway_begins_like_one_and_ends_like_the_other(
    which: str, worker: Worker, tiny_models: TinyModels
) -> None:
    card = card_of(getattr(tiny_models, which), families(tiny_models))
    worker.draw(order(card))
    first, told_first = latents_of(worker, order(card, prompt="a red apple"))
    second, told_second = latents_of(worker, order(card, prompt="a blue house"))
    both, told = latents_of(worker, order(card, prompt="a [red apple:blue house:0.5]"))
    assert len(told) == 4 and len({first, second, both}) == 3
    for step in range(4):
        assert torch.equal(told[step], (told_first if step < 2 else told_second)[step])


@pytest.mark.parametrize("which", SCHEDULED)
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_a_prompt_that_takes_turns_is_told_each_step(
    which: str, guidance: float, worker: Worker, tiny_models: TinyModels
) -> None:
    card = card_of(getattr(tiny_models, which), families(tiny_models))
    worker.draw(order(card))
    _, told = latents_of(worker, order(card, prompt="[a cow|a horse]", guidance_scale=guidance))
    assert torch.equal(told[0], told[2]) and torch.equal(told[1], told[3]) and not torch.equal(told[0], told[1])


def test_a_sampler_with_two_calls_a_step_changes_at_the_same_step(worker: Worker, tiny_models: TinyModels) -> None:
    card = card_of(tiny_models.sd, families(tiny_models))
    worker.draw(order(card))
    _, told = latents_of(worker, order(card, prompt="[a cow:a horse:0.5]", sampler="Heun", steps=4))
    changes = [k for k in range(1, len(told)) if not torch.equal(told[k - 1], told[k])]
    assert len(told) == 7 and len(changes) == 1 and changes[0] in (3, 4)


def test_each_prompt_is_encoded_once_and_a_plain_one_as_ever(worker: Worker, tiny_models: TinyModels) -> None:
    card = card_of(tiny_models.sd, families(tiny_models))
    plain = worker.draw(order(card, prompt="a [small] (apple:1.2)", steps=6)).pixels
    model = worker.models.current
    assert model is not None
    embeds = model.remembered(("a [small] (apple:1.2)", ""), lambda: pytest.fail("it was not remembered"))
    assert embeds.turns == ()
    calls: list[int] = []
    hook = model.pipe.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    seen: list[Progress] = []
    worker.draw(replace(order(card, prompt="[one|two]", steps=6)), seen.append)
    hook.remove()
    assert len(calls) == 4  # each of the two, each with its negative one
    assert worker.draw(order(card, prompt="a [small] (apple:1.2)", steps=6)).pixels == plain
