"""Our own river gives the pixels that diffusers' pipelines give by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.drawing import card_of, families, order
from tests.tiny import TinyModels
from webui.core.presets import load_presets
from webui.core.types import GeneratedImage, ModelCard, Progress, Recipe
from webui.engine.device import torch_dtype
from webui.engine.samplers import build_scheduler
from webui.engine.worker import Worker, shipped_presets


def bare(card: ModelCard, recipe: Recipe, worker: Worker) -> np.ndarray:
    """The picture by diffusers alone: its own loader, its own call."""
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

    cls = StableDiffusionXLPipeline if card.family == "sdxl" else StableDiffusionPipeline
    family = worker.models.family(card)
    if card.layout == "folder":
        pipe = cls.from_pretrained(card.path, dtype=torch_dtype(worker.facts))
    else:
        configs = str(family.config_folder(card))
        pipe = cls.from_single_file(card.path, config=configs, dtype=torch_dtype(worker.facts), local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    for network in (pipe.unet, pipe.vae):
        network.to(memory_format=torch.channels_last)
    pipe.scheduler = build_scheduler(load_presets(shipped_presets, None), recipe.sampler, pipe.scheduler)
    picture = pipe(
        recipe.prompt,
        negative_prompt=recipe.negative_prompt or None,
        width=recipe.width,
        height=recipe.height,
        num_inference_steps=recipe.steps,
        guidance_scale=recipe.guidance_scale,
        generator=torch.Generator().manual_seed(recipe.seed),
        output_type="np",
    ).images[0]
    return (picture * 255).round().astype("uint8")


def pixels(image: GeneratedImage) -> np.ndarray:
    return np.frombuffer(image.pixels, "uint8").reshape(image.height, image.width, 3)


@pytest.mark.parametrize("which", ["sd", "sd_folder", "xl", "xl_folder", "starter"])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sampler": "Euler a", "negative_prompt": "dark", "seed": 99},
        {"sampler": "DPM++ 2M Karras", "guidance_scale": 1.0, "width": 96},
    ],
    ids=["plain", "ancestral", "unguided"],
)
def test_same_pixels_as_diffusers(
    which: str, asked: dict[str, Any], worker: Worker, tiny_models: TinyModels, starter: Path
) -> None:
    known = families(tiny_models)
    card = card_of(starter if which == "starter" else getattr(tiny_models, which), known)
    wanted = order(card, **asked)
    ours = pixels(worker.draw(wanted))
    assert ours.std() > 3
    np.testing.assert_array_equal(ours, bare(card, wanted.recipe, worker))


def test_a_picture_of_a_batch_is_the_single_picture_of_its_seed_also_after_a_switch(
    worker: Worker, tiny_models: TinyModels
) -> None:
    known = families(tiny_models)
    sd, xl = card_of(tiny_models.sd, known), card_of(tiny_models.xl, known)
    first = order(sd, seed=2**32 - 1, sampler="Euler a")
    third = order(sd, seed=1, sampler="Euler a")
    batch = [worker.draw(order(sd, seed=first.recipe.picture(k).seed, sampler="Euler a")).pixels for k in range(3)]
    worker.draw(order(xl))
    assert worker.model == xl.id
    assert worker.draw(third).pixels == batch[2]
    assert len(set(batch)) == 3


def test_a_new_seed_does_not_encode_the_prompt_again(worker: Worker, tiny_models: TinyModels) -> None:
    card = card_of(tiny_models.sd, families(tiny_models))
    worker.draw(order(card, prompt="once"))
    model = worker.models.current
    assert model is not None
    calls: list[int] = []
    hook = model.pipe.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        worker.draw(order(card, prompt="once", seed=8))
        assert calls == []
        worker.draw(order(card, prompt="twice"))
        assert len(calls) == 2  # itself and the negative one
    finally:
        hook.remove()


def test_progress_counts_every_step_and_shows_the_picture_from_the_first(
    worker: Worker, starter: Path, tiny_models: TinyModels
) -> None:
    from dataclasses import replace
    from io import BytesIO

    from PIL import Image

    seen: list[Progress] = []
    wanted = replace(order(card_of(starter, families(tiny_models)), sampler="Heun", steps=12), preview=True)
    final = pixels(worker.draw(wanted, seen.append))
    steps = [p for p in seen if p.stage == "denoising"]
    assert [p.step for p in steps] == list(range(1, 24)) and {p.steps for p in steps} == {23}
    assert steps[0].preview and steps[-1].fraction == 1
    last = next(p.preview for p in reversed(steps) if p.preview)
    small = np.asarray(Image.open(BytesIO(last)).resize((16, 16)), float)
    shown = np.asarray(Image.fromarray(final).resize((16, 16)), float)
    noise = np.random.default_rng(0).uniform(0, 255, shown.shape)
    assert np.abs(small - shown).mean() < 0.5 * np.abs(noise - shown).mean()


def test_without_preview_nothing_is_shown(worker: Worker, tiny_models: TinyModels) -> None:
    seen: list[Progress] = []
    worker.draw(order(card_of(tiny_models.sd, families(tiny_models))), seen.append)
    assert seen and not any(p.preview for p in seen)


def test_a_long_prompt_counts_to_its_end(worker: Worker, starter: Path, tiny_models: TinyModels) -> None:
    card = card_of(starter, families(tiny_models))
    long = "a very small picture of " * 12
    one, other = (worker.draw(order(card, prompt=long + end, steps=2)).pixels for end in ("a cat", "a red house"))
    assert one != other
