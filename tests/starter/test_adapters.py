"""LoRAs are learnt on a finished model, leave it as it is, and load as any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler, StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file

from models.starter.training import few_step, look
from models.starter.training.compose import Composer
from models.starter.training.config import AdapterConfig
from models.starter.training.few_step import PATH, SCALING, Consistency, boundary
from models.starter.training.noise import Noise
from tests.starter.small import LOOP

SMALL = AdapterConfig(rank=4, size=32, batch=8, cache=48, loop=replace(LOOP, steps=100, lr=1e-2))


def _quiet(line: str) -> None:
    assert line


@pytest.fixture(scope="module")
def sepia(
    starter_model: Path, composer: Composer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[float]]:
    folder = tmp_path_factory.mktemp("sepia")
    losses = look.train(
        SMALL, composer, "vintage", starter_model, folder / "run", folder / "vintage.safetensors", _quiet
    )
    return folder, losses


def test_a_look_is_learnt_and_gone_on_with(
    sepia: tuple[Path, list[float]], starter_model: Path, composer: Composer
) -> None:
    folder, losses = sepia
    assert len(losses) == 100
    assert np.median(losses[-30:]) < 0.93 * np.median(losses[:20])
    more = replace(SMALL, loop=replace(SMALL.loop, steps=103))
    again = look.train(more, composer, "vintage", starter_model, folder / "run", folder / "v2.safetensors", _quiet)
    assert len(again) == 3


def test_the_model_itself_is_not_changed(sepia: tuple[Path, list[float]], starter_model: Path) -> None:
    before = load_file(starter_model / "unet" / "diffusion_pytorch_model.safetensors")
    pipe = StableDiffusionPipeline.from_pretrained(starter_model, dtype=torch.float32)
    assert all(torch.equal(before[name], tensor) for name, tensor in pipe.unet.state_dict().items())


def test_a_look_loads_in_the_ordinary_pipeline_and_makes_a_difference(
    sepia: tuple[Path, list[float]], starter_model: Path
) -> None:
    folder, _ = sepia
    pipe = StableDiffusionPipeline.from_pretrained(starter_model, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)

    def drawn() -> np.ndarray:
        dice = torch.Generator().manual_seed(0)
        made = pipe("a red circle", width=32, height=32, num_inference_steps=2, generator=dice, output_type="latent")
        return made.images.numpy()

    plain = drawn()
    pipe.load_lora_weights(folder / "vintage.safetensors", adapter_name="vintage")
    assert np.abs(drawn() - plain).max() > 0.01
    pipe.unload_lora_weights()
    assert np.array_equal(drawn(), plain)
    with safe_open(folder / "vintage.safetensors", "pt") as file:
        assert file.metadata()["modelspec.trigger_phrase"] == "vintage"
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118


def test_every_picture_of_a_look_has_it_and_half_the_captions_say_so(composer: Composer) -> None:
    made = look.InOneLook(composer, "black and white")
    said = 0
    for seed in range(60):
        picture = made.picture(32, 32, seed)
        pixels = np.asarray(picture.image, int)
        assert (pixels.max(-1) - pixels.min(-1)).max() == 0
        said += any(word in picture.caption for word in ("black and white", "monochrome"))
    assert 15 < said < 45


def test_four_steps_are_learnt(starter_model: Path, composer: Composer, tmp_path: Path) -> None:
    to = tmp_path / "four.safetensors"
    gentle = replace(SMALL, loop=replace(SMALL.loop, lr=1e-3))
    losses = few_step.train(gentle, composer, starter_model, tmp_path / "run", to, _quiet)
    assert np.isfinite(losses).all()
    assert np.median(losses[-30:]) < 0.9 * np.median(losses[:20])
    pipe = StableDiffusionPipeline.from_pretrained(starter_model, dtype=torch.float32)
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    pipe.load_lora_weights(to)
    pipe.set_progress_bar_config(disable=True)
    picture = pipe("a red circle", width=32, height=32, num_inference_steps=4, guidance_scale=1.0, output_type="np")
    assert np.isfinite(picture.images).all()


def test_a_step_along_the_path_of_a_known_picture_stays_on_it() -> None:
    noise = Noise.of(5.0, torch.device("cpu"))
    way = Consistency(noise)
    x, eps = torch.randn(5, 4, 3, 3, dtype=torch.float64), torch.randn(5, 4, 3, 3, dtype=torch.float64)
    t = torch.tensor([999, 799, 399, 39, 19])
    noisy, velocity = noise.noisy(x, eps, t), noise.velocity(x, eps, t)
    to = t - 1000 // PATH
    moved = way.farther(noisy, velocity, t, to)
    assert torch.allclose(moved[:4], noise.noisy(x, eps, to.clamp_min(0))[:4], atol=1e-5)
    assert torch.allclose(moved[4], x[4], atol=1e-5)


def test_the_boundary_is_that_of_the_scheduler_which_draws() -> None:
    scheduler = LCMScheduler()
    scheduler.set_timesteps(4)
    assert scheduler.config.timestep_scaling == SCALING
    assert scheduler.config.original_inference_steps == PATH
    for t in (0, 19, 499, 999):
        theirs = scheduler.get_scalings_for_boundary_condition_discrete(torch.tensor(t))
        assert [b.item() for b in boundary(torch.tensor([t]))] == pytest.approx([float(x) for x in theirs])
