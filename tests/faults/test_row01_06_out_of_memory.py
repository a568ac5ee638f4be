"""Rows 1 to 6: memory runs out, in every stage, on every rung."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.drawing import card_of, families, order
from tests.faults.injected import always, card_worker, out_of_memory
from tests.tiny import TinyModels
from webui.core.errors import NotEnoughMemory
from webui.core.types import Order
from webui.engine.ladder import slower_note
from webui.engine.place import take_off
from webui.engine.worker import Worker


@pytest.fixture(scope="module")
def card(tiny_models: TinyModels) -> Iterator[Worker]:
    worker = card_worker(families(tiny_models))
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def wanted(tiny_models: TinyModels, card: Worker) -> Order:
    """Its prompt and model are in memory already."""
    made = order(card_of(tiny_models.sd, families(tiny_models)))
    card.draw(made)
    return made


def networks(card: Worker) -> Any:
    assert card.models.current is not None
    return card.models.current.pipe


@pytest.mark.parametrize("step", [0, 2, 3])
def test_row01_out_of_memory_while_denoising_finishes_lower_with_the_same_seed(
    card: Worker, wanted: Order, step: int
) -> None:
    whole = card.draw(wanted)
    assert (whole.rung, whole.notes) == ("resident", ())
    with out_of_memory(networks(card).unet, lambda call: call == step):
        rescued = card.draw(wanted)
    assert rescued.rung == "text_encoder_leaves"
    assert rescued.notes == (slower_note,)
    assert rescued.pixels == whole.pixels
    assert card.draw(wanted).rung == "resident"


@pytest.mark.parametrize("tries", [2, 3, 4, 5])
def test_row01_every_rung_draws_the_same_picture(card: Worker, wanted: Order, tries: int) -> None:
    whole = card.draw(wanted)
    rungs = ["resident", "text_encoder_leaves", "model_offload", "group_offload_block", "group_offload_leaf", "cpu"]
    with out_of_memory(networks(card).unet, lambda call: call < tries):
        rescued = card.draw(wanted)
    assert rescued.rung == rungs[tries]
    assert rescued.pixels == whole.pixels


def test_row01_a_model_that_fits_only_half_is_taken_off_again(card: Worker, wanted: Order) -> None:
    """Else what lies there already is missing in all plans to come."""
    whole, model = card.draw(wanted), card.models.current
    assert model is not None
    take_off(model)
    unet = model.pipe.unet
    moved: list[object] = []

    def full(device: object = None, *more: object, **named: object) -> object:
        moved.append(device)
        if len(moved) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return type(unet).to(unet, device, *more, **named) if device is not None else type(unet).to(unet, **named)

    unet.to = full
    try:
        rescued = card.draw(wanted)
    finally:
        del unet.to
    assert rescued.rung == "text_encoder_leaves" and rescued.pixels == whole.pixels
    assert model.placed is not None and model.placed[0] == "text_encoder_leaves"


def test_row02_out_of_memory_while_encoding(card: Worker, wanted: Order) -> None:
    from dataclasses import replace

    other = replace(wanted, recipe=replace(wanted.recipe, prompt="something never asked before"))
    with out_of_memory(networks(card).text_encoder, lambda call: call == 0) as fault:
        rescued = card.draw(other)
    assert rescued.rung == "text_encoder_leaves" and fault.calls == 3
    assert rescued.pixels == card.draw(other).pixels


def test_row03_out_of_memory_in_the_vae_encoder_is_told_and_the_next_picture_is_drawn(
    tiny_models: TinyModels, wanted: Order
) -> None:
    """So far the VAE encodes only while a model is loaded, for the preview's colours."""
    from diffusers.models.autoencoders.vae import Encoder
    from torch.nn.modules.module import register_module_forward_pre_hook

    worker = card_worker(families(tiny_models))

    def fail(module: Any, _: Any) -> None:
        if isinstance(module, Encoder):
            raise MemoryError

    hook = register_module_forward_pre_hook(fail)
    try:
        with pytest.raises(NotEnoughMemory):
            worker.draw(wanted)
    finally:
        hook.remove()
    assert worker.model == ""
    assert worker.draw(wanted).rung == "resident"


@pytest.mark.parametrize("times", [1, 2])
def test_row04_out_of_memory_while_decoding_keeps_the_latents(card: Worker, wanted: Order, times: int) -> None:
    whole = card.draw(wanted)
    pipe = networks(card)
    with (
        out_of_memory(pipe.unet, lambda _: False) as drawn,
        out_of_memory(pipe.vae.decoder, lambda call: call < times) as fault,
    ):
        rescued = card.draw(wanted)
    assert drawn.calls == wanted.recipe.steps
    assert fault.calls == times + 1
    assert rescued.pixels == whole.pixels and rescued.notes == (slower_note,)


def test_row05_out_of_memory_everywhere_is_told_with_the_planners_number_and_the_next_job_succeeds(
    card: Worker, wanted: Order
) -> None:
    from dataclasses import replace

    from webui.memory.plan import plan, size_that_fits

    big = replace(wanted, recipe=replace(wanted.recipe, width=512, height=512, steps=1))
    with out_of_memory(networks(card).unet, always), pytest.raises(NotEnoughMemory) as told:
        card.draw(big)
    family = card.models.family(wanted.model)
    known = {"activations": family.activations}
    w, h = size_that_fits(wanted.model.sizes, card.facts, 512, 512, below=True, **known) or (0, 0)
    assert told.value.fix == f"size:{w}x{h}"
    assert plan(wanted.model.sizes, card.facts, w, h, **known).rung == "resident"
    assert card.draw(wanted).rung == "resident"


def test_row06_nothing_of_a_failed_try_is_alive_at_the_retry(card: Worker, wanted: Order) -> None:
    seen: list[weakref.ref[Any]] = []
    alive: list[int] = []
    card.draw(wanted)
    unet = networks(card).unet

    def remember(_: Any, arguments: Any, output: Any) -> None:
        seen.append(weakref.ref(output[0]))
        seen.append(weakref.ref(arguments[0]))

    def count(*_: Any) -> None:
        alive.append(sum(ref() is not None for ref in seen))

    hooks = [unet.register_forward_hook(remember), unet.register_forward_pre_hook(count)]
    gc.disable()
    try:
        with out_of_memory(unet, lambda call: call == 3):
            card.draw(wanted)
    finally:
        gc.enable()
        for hook in hooks:
            hook.remove()
    assert len(alive) == 8  # four steps, of which the last failed, and four again
    assert alive[4] == 0
