"""Every sampler that can be chosen draws a picture, on a schedule that ends in no signal at all (zero terminal SNR)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.drawing import card_of, families, order
from tests.tiny import TinyModels
from webui.core.errors import InvalidRequest
from webui.core.presets import load_presets
from webui.engine.samplers import build_scheduler
from webui.engine.worker import Worker, shipped_presets

NAMES = sorted(load_presets(shipped_presets, None).samplers)


def roughness(pixels: bytes, side: int) -> float:
    picture = np.frombuffer(pixels, "uint8").reshape(side, side, 3).astype(float)
    return float(np.abs(np.diff(picture, axis=0)).mean() + np.abs(np.diff(picture, axis=1)).mean())


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_draws_with_the_starter(
    name: str, worker: Worker, starter: Path, tiny_models: TinyModels
) -> None:
    """Noise left in the latents makes neighbouring pixels differ by some thirty; pictures stay far below."""
    card = card_of(starter, families(tiny_models))
    steps = 12 if name == "PLMS" else 8  # of order four, and its first three steps are not
    drawn = worker.draw(order(card, sampler=name, steps=steps, width=128, height=128, guidance_scale=4.0))
    assert drawn.notes == ()
    assert np.frombuffer(drawn.pixels, "uint8").std() > 10
    assert roughness(drawn.pixels, 128) < 16


def test_a_sampler_that_is_not_there_is_refused(worker: Worker, starter: Path, tiny_models: TinyModels) -> None:
    with pytest.raises(InvalidRequest, match="no sampler called Magic"):
        worker.draw(order(card_of(starter, families(tiny_models)), sampler="Magic"))


def test_the_checkpoints_schedule_is_kept_and_the_original_untouched(
    worker: Worker, starter: Path, tiny_models: TinyModels
) -> None:
    worker.draw(order(card_of(starter, families(tiny_models)), steps=1))
    assert worker.models.current is not None
    base = worker.models.current.pipe.scheduler
    before = dict(base.config)
    made = build_scheduler(load_presets(shipped_presets, None), "dpm++ 2m karras", base)
    assert made.config.use_karras_sigmas
    assert (made.config.prediction_type, made.config.timestep_spacing) == ("v_prediction", "trailing")
    assert made.config.rescale_betas_zero_snr and dict(base.config) == before


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("Karras")])
def test_karras_spends_its_steps_where_a_picture_takes_shape(
    name: str, worker: Worker, starter: Path, tiny_models: TinyModels
) -> None:
    """With zero terminal SNR the noise has no finite beginning; from there, eight steps would leave noise behind."""
    worker.draw(order(card_of(starter, families(tiny_models)), steps=1))
    assert worker.models.current is not None
    made = build_scheduler(load_presets(shipped_presets, None), name, worker.models.current.pipe.scheduler)
    made.set_timesteps(8)
    assert 10 < made.sigmas[0] <= 80.01
    assert sum(0.1 < sigma < 10 for sigma in made.sigmas.unique()) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_picture_again_with_every_sampler(
    name: str, worker: Worker, starter: Path, tiny_models: TinyModels
) -> None:
    """Also with samplers that draw noise on their way: pictures of a batch, and after a crash, are what they were."""
    made = order(card_of(starter, families(tiny_models)), sampler=name, steps=3)
    first = worker.draw(made).pixels
    torch.rand(7)  # whoever else uses torch's own dice
    assert worker.draw(made).pixels == first


def test_no_sampler_asks_for_numbers_that_apples_gpus_do_not_know(starter: Path) -> None:
    from diffusers import EulerDiscreteScheduler

    base = EulerDiscreteScheduler.from_pretrained(starter, subfolder="scheduler")
    presets = load_presets(shipped_presets, None)
    for name in ("DPM2", "DPM2 Karras"):
        made = build_scheduler(presets, name, base)
        made.set_timesteps(10, device="cpu")
        assert made.timesteps.dtype == torch.float32
