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
from models.starter.training.adapter import Adapter
from models.starter.training.autoencoder import HELD_OUT, load_autoencoder
from models.starter.training.compose import Composer
from models.starter.training.config import AdapterConfig
from models.starter.training.few_step import PATH, SCALING, Consistency, boundary
from models.starter.training.latents import Captioned, Maker
from models.starter.training.loop import Machine
from models.starter.training.noise import Noise
from tests.starter.small import LOOP

SMALL = AdapterConfig(rank=4, size=32, batch=8, cache=48, loop=replace(LOOP, steps=100, lr=1e-2))


def _quiet(line: str) -> None:
    assert line


def _loss(state: Path, model: Path, composer: Composer) -> tuple[float, float]:
    """Of pictures that the run never saw, under the same noise: the loss with its LoRA, and without."""
    machine = Machine(torch.device("cpu"), bf16=False, compiled=False)
    learnt = Adapter(SMALL, machine, model, state)
    noise, vae = Noise.of(5.0, machine.device), load_autoencoder(model / "vae").eval()
    maker = Maker(composer, vae, learnt.tokens, learnt.text.config.max_position_embeddings, machine, 1)
    unseen = maker.captioned(composer.batch(32, 32, range(HELD_OUT, HELD_OUT + 64)))
    maker.close()
    batch = Captioned(unseen.latents.float(), unseen.ids)
    found = []
    with torch.no_grad():
        for without in (False, True):
            if without:
                learnt.unet.disable_adapters()
            found.append(look.lesson(learnt, noise)(batch, torch.Generator().manual_seed(3)).item())
    return found[0], found[1]


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
    learnt, before = _loss(
        folder / "run" / "look-vintage.safetensors", starter_model, look.InOneLook(composer, "vintage")
    )
    assert learnt < 0.95 * before
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
    pipe = StableDiffusionPipeline.from_pretrained(starter_model, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)

    def drawn(steps: int, guidance: float) -> torch.Tensor:
        dice = [torch.Generator().manual_seed(k) for k in range(8)]
        sizes = {"width": 32, "height": 32, "num_inference_steps": steps, "guidance_scale": guidance}
        return pipe(["a red circle"] * 8, generator=dice, output_type="latent", **sizes).images

    many = drawn(PATH, gentle.guidance)
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    without = drawn(1, 1.0)
    pipe.load_lora_weights(to)
    assert torch.isfinite(drawn(4, 1.0)).all()
    # From the same noise, one step comes nearer to what fifty guided ones draw.
    assert (drawn(1, 1.0) - many).square().mean() < 0.95 * (without - many).square().mean()


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
