"""Image to image and inpainting: the numbers are those of diffusers' pipelines, the sizes those that were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.drawing import card_of, families
from tests.photos import box_mask, noise_photo, photo_order, pixels_of, scene
from tests.tiny import TinyModels
from webui.core.errors import MaskEmpty
from webui.core.presets import load_presets
from webui.core.types import Inpainting, Order, Progress
from webui.engine import run
from webui.engine.device import find_device
from webui.engine.photo import photo_work
from webui.engine.samplers import build_scheduler
from webui.engine.start import LateStart, NineChannels, Start, comparable
from webui.engine.worker import Worker, shipped_presets
from webui.families import all_families

PRESETS = load_presets(shipped_presets, None)


@pytest.fixture(scope="module")
def exact(tiny_models: TinyModels) -> Iterator[Worker]:
    """A worker that computes in float32 on any processor, to compare numbers with."""
    facts = replace(find_device("cpu", threads=1), dtype="float32")  # with other threads sums are others
    made = Worker("cpu", families=families(tiny_models), facts=facts)
    yield made
    made.close()


def latents_of(worker: Worker, photo: np.ndarray) -> torch.Tensor:
    pipe = worker.models.current.pipe
    image = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        return pipe.vae.encode(image).latent_dist.mode() * pipe.vae.config.scaling_factor


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M Karras", "DDIM", "Heun", "UniPC", "PNDM"])
def test_image_to_image_draws_what_diffusers_draws(sampler: str, tiny_models: TinyModels, exact: Worker) -> None:
    from diffusers import StableDiffusionImg2ImgPipeline

    if PRESETS.sampler(sampler) is None:
        pytest.skip(f"no sampler {sampler} ships")
    worker, card = exact, card_of(tiny_models.sd, families(tiny_models))
    photo = scene(64, 64)
    ours = pixels_of(worker.draw(photo_order(card, photo, steps=6, strength=0.95, sampler=sampler)))
    pipe = worker.models.current.pipe
    strength = comparable(torch.tensor(0.95), pipe.scheduler.alphas_cumprod, 64 * 64).item()
    assert 0.4 < strength < 0.8
    parts = {k: v for k, v in pipe.components.items() if k not in ("safety_checker", "image_encoder")}
    theirs = StableDiffusionImg2ImgPipeline(**parts, safety_checker=None, requires_safety_checker=False)
    theirs.scheduler = build_scheduler(PRESETS, sampler, pipe.scheduler)
    theirs.set_progress_bar_config(disable=True)
    picture = theirs(
        "a red apple", image=latents_of(worker, photo), strength=strength, num_inference_steps=6, guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(7), output_type="np",
    ).images[0]  # fmt: skip
    assert np.abs(ours.astype(int) - (picture * 255).round().astype(int)).max() <= 2


def test_a_nine_channel_model_sees_what_diffusers_shows_it(tiny_models: TinyModels, exact: Worker) -> None:
    from diffusers import StableDiffusionInpaintPipeline

    worker, card = exact, card_of(tiny_models.sd_inpaint, families(tiny_models))
    photo, mask = scene(64, 64), box_mask(64, 64, (16, 16, 48, 40))
    order = photo_order(card, photo, mask, Inpainting(area="whole", feather=0), steps=4, strength=1.0)
    worker.draw(order)
    pipe = worker.models.current.pipe
    parts = {k: v for k, v in pipe.components.items() if k not in ("safety_checker", "image_encoder")}
    theirs = StableDiffusionInpaintPipeline(**parts, safety_checker=None, requires_safety_checker=False)
    theirs.scheduler = build_scheduler(PRESETS, "Euler", pipe.scheduler)
    theirs.set_progress_bar_config(disable=True)
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(3))
    cells = torch.from_numpy(mask[::8, ::8] > 0)[None, None].float()
    blanked = np.where(mask[..., None] > 0, np.uint8(128), photo)
    seen = latents_of(worker, blanked)
    common: dict[str, Any] = {"num_inference_steps": 4, "guidance_scale": 5.0, "output_type": "latent"}
    want = theirs(
        "a red apple", image=latents_of(worker, photo), mask_image=torch.from_numpy(mask / 255.0)[None, None].float(),
        masked_image_latents=seen, latents=noise, strength=1.0, height=64, width=64, **common,
    ).images  # fmt: skip
    family = worker.models.family(card)
    ours = family.denoiser(pipe, build_scheduler(PRESETS, "Euler", pipe.scheduler))
    ours.unet = NineChannels(pipe.unet, seen, cells)
    embeds = family.encode(pipe, "a red apple", "", 5.0)
    got = ours(**embeds.arguments, latents=noise, height=64, width=64, **common).images
    assert torch.allclose(got, want, atol=2e-4)


def test_a_late_start_takes_only_its_share_of_the_steps() -> None:
    from diffusers import EulerDiscreteScheduler

    for strength, taken in ((1.0, 10), (0.5, 5), (0.1, 1), (0.0, 1), (0.39, 3)):
        late = LateStart(EulerDiscreteScheduler(), strength)
        late.set_timesteps(10)
        assert len(late.timesteps) == taken


def test_half_a_strength_means_the_same_on_few_pixels() -> None:
    from diffusers import DDIMScheduler

    alphas = DDIMScheduler(rescale_betas_zero_snr=True).alphas_cumprod
    asked = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    assert torch.equal(comparable(asked, alphas, 512 * 512), asked)
    assert torch.equal(comparable(asked, alphas, 1024 * 1024), asked)
    snr = (alphas / (1 - alphas)).double()
    for side in (256, 128):
        small = comparable(asked, alphas, side * side)
        assert small[0] == 0 and small[-1] == 1
        assert (small.diff() > 0).all()
        begins, usual = (snr[(s[1:-1].double() * 999).round().long()] for s in (small, asked))
        assert torch.allclose(begins / usual, torch.tensor((512 / side) ** 2).double(), rtol=0.03)


def test_a_soft_place_is_free_for_its_share_of_the_steps() -> None:
    from diffusers import EulerDiscreteScheduler

    late = LateStart(EulerDiscreteScheduler(), 1.0)
    late.set_timesteps(10)
    change = torch.tensor([0.0, 0.25, 0.5, 1.0]).view(1, 1, 1, 4)
    clean, drawn = torch.zeros(1, 4, 1, 4), torch.full((1, 4, 1, 4), 9.0)
    start = Start(1.0, clean, clean, change)
    noise = torch.zeros(1, 4, 1, 4)
    free = [[bool(v) for v in start.hold(drawn, noise, late, step)[0, 0, 0] == 9.0] for step in range(10)]
    shares = np.asarray(free).mean(axis=0)
    assert shares[0] == 0.0 and shares[3] == 1.0
    assert abs(shares[1] - 0.35) < 0.11 and abs(shares[2] - 0.6) < 0.11


@pytest.mark.parametrize(
    ("resize", "size"), [("keep", (96, 64)), ("crop", (64, 96)), ("fit", (96, 64)), ("fill", (128, 64))]
)
@pytest.mark.parametrize("name", ["sd", "sd_inpaint", "xl"])
def test_image_to_image_has_the_size_that_was_settled(
    name: str, resize: str, size: tuple[int, int], tiny_models: TinyModels, worker: Worker
) -> None:
    card = card_of(getattr(tiny_models, name), families(tiny_models))
    order = photo_order(card, scene(301, 200), width=size[0], height=size[1], resize=resize, strength=0.6)
    drawn = worker.draw(order)
    assert (drawn.width, drawn.height) == size
    assert len(drawn.pixels) == size[0] * size[1] * 3


def test_more_strength_leaves_less_of_the_photo(starter: Path, worker: Worker) -> None:
    """What stays of a photo is what tells it from what another photo became, under the same noise and words."""
    card = card_of(starter, all_families())
    photo = scene(128, 128)
    stays = []
    for strength in (0.17, 0.8, 1.0):
        both = [
            pixels_of(worker.draw(photo_order(card, seen, width=128, height=128, steps=6, strength=strength)))
            for seen in (photo, 255 - photo)
        ]
        stays.append(float(np.abs(both[0].astype(float) - both[1]).mean()))
    assert stays[0] > 1.5 * stays[1] > 2 * stays[2], stays


def test_fill_draws_the_bands_and_keeps_the_photo_near(tiny_models: TinyModels, worker: Worker) -> None:
    card = card_of(tiny_models.sd, families(tiny_models))
    drawn = pixels_of(worker.draw(photo_order(card, scene(64, 64), width=128, height=64, resize="fill", strength=0.25)))
    assert drawn[:, :32].std() > 1 and drawn[:, 96:].std() > 1


@pytest.mark.parametrize(
    ("asked", "least"),
    [({"inpaint": Inpainting(extend_right=64, content="fill")}, 0.5), ({"resize": "fill", "strength": 0.6}, 0.2)],
)
def test_on_few_pixels_a_strength_is_scaled_but_not_what_holds_a_border(
    asked: dict[str, Any], least: float, starter: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an extension holds fast near the photo is a share of the steps, not a strength."""
    starts: list[Start] = []
    denoised = run.denoised

    def seen(*given: Any) -> Any:
        starts.append(given[-1])
        return denoised(*given)

    monkeypatch.setattr(run, "denoised", seen)
    card = card_of(starter, all_families())
    sides = {} if "inpaint" in asked else {"width": 192, "height": 128}
    worker.draw(photo_order(card, scene(128, 128), steps=4, **sides, **asked))
    [start] = starts
    assert start.change is not None
    some = start.change[(start.change > 0) & (start.change < 1)]
    assert some.numel() and abs(some.min().item() - least) < 0.1


def test_progress_counts_over_all_passes(tiny_models: TinyModels, worker: Worker) -> None:
    card = card_of(tiny_models.sd, families(tiny_models))
    seen: list[Progress] = []
    order = photo_order(card, scene(64, 64), None, Inpainting(extend_right=300), steps=2)
    worker.draw(order, seen.append)
    fractions = [p.fraction for p in seen if p.stage == "denoising"]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len(fractions) >= 4


def extended_by_half(starter: Path, worker: Worker, photo: np.ndarray, **changes: object) -> np.ndarray:
    """A photo of 128 x 128 drawn on to the right by the starter: float (128, 192, 3), the border before column 128."""
    card = card_of(starter, all_families())
    inpaint = Inpainting(extend_right=64, feather=16, content="fill")
    drawn = worker.draw(photo_order(card, photo, None, inpaint, width=192, height=128, **changes))
    return pixels_of(drawn).astype(float)


def test_a_smooth_photo_is_extended_without_a_seam(starter: Path, worker: Worker) -> None:
    """Across the border the colours change little by little: a hard edge would be all the difference in one step."""
    photo = np.full((128, 128, 3), (90, 140, 200), np.uint8)
    columns = extended_by_half(starter, worker, photo, steps=4).mean(axis=0)
    steps = np.abs(np.diff(columns, axis=0)).max(axis=1)
    assert steps[100:136].max() <= max(steps[140:].max() * 1.5, 6.0), steps[100:140]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_row_of_a_scene_goes_on_in_its_own_colour(starter: Path, worker: Worker, seed: int) -> None:
    """Sky beside sky and ground beside ground, whatever else the model wants to draw there."""
    drawn = extended_by_half(starter, worker, scene(128, 128), steps=6, seed=seed, prompt="a house")
    across = np.abs(drawn[:, 128] - drawn[:, 127]).max(axis=-1)
    beyond = np.abs(np.diff(drawn[:, 136:], axis=1)).max(axis=(1, 2))
    assert np.median(across) <= 3.0
    assert np.percentile(across, 90) <= max(np.percentile(beyond, 90), 6.0)
    assert np.array_equal(drawn[:, :128], scene(128, 128))


def test_an_empty_mask_is_told_in_words(tiny_models: TinyModels, worker: Worker) -> None:
    card = card_of(tiny_models.sd, families(tiny_models))
    with pytest.raises(MaskEmpty, match="Nothing is painted"):
        worker.draw(photo_order(card, scene(64, 64), np.zeros((64, 64), np.uint8)))


def test_an_order_with_a_photo_goes_through_the_pipe(tiny_models: TinyModels) -> None:
    from webui.engine import wire

    card = card_of(tiny_models.sd, families(tiny_models))
    inpaint = Inpainting("whole", 12, "noise", 5, True, True, 1, 2, 3, 4)
    order: Order = photo_order(card, noise_photo(9, 9), box_mask(9, 9, (1, 1, 3, 3)), inpaint, resize="crop")
    assert wire.unpack_order(wire.pack_order(order)) == order


def test_a_strength_takes_its_share_of_the_steps_to_the_last_one(worker: Worker, tiny_models: TinyModels) -> None:
    """0.7 of ten steps are seven: not six, as for the nearest number of half the digits."""
    card = card_of(tiny_models.sd, families(tiny_models))
    photo = noise_photo(64, 64)
    for strength, steps, taken in ((0.7, 10, 7), (0.9, 10, 9), (0.35, 20, 7)):
        told: list[Progress] = []
        made = photo_order(card, photo, None, steps=steps, strength=strength)
        worker.models.drop()  # other tests draw with a smaller one of the same file
        worker.draw(replace(made, model=card), told.append)
        assert {p.steps for p in told if p.stage == "denoising"} == {taken}


def test_a_whole_picture_that_is_extended_too_is_drawn_in_its_own_shape(tiny_models: TinyModels) -> None:
    card = card_of(tiny_models.sd, families(tiny_models))
    inpaint = Inpainting(area="whole", extend_right=1024)
    made = photo_order(card, noise_photo(256, 256), box_mask(256, 256, (10, 10, 60, 60)), inpaint)
    wide = replace(made, recipe=replace(made.recipe, width=256, height=64))
    width, height = photo_work(wide).drawings[0].region.size
    assert width == height
    assert width * height == pytest.approx(256 * 64, rel=0.1)
