"""Each stage lowers its loss and goes on where it stopped; what is exported is an ordinary diffusers model."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from models.starter.training import autoencoder, denoiser, export, words
from models.starter.training.compose import Composer
from models.starter.training.config import AutoencoderConfig, DenoiserConfig
from models.starter.training.latents import Captioned
from models.starter.training.loop import Machine, read_state
from tests.starter.small import AUTOENCODER, DENOISER, LOOP, TINY

MACHINE = Machine(torch.device("cpu"), bf16=False, compiled=False)


def _quiet(line: str) -> None:
    assert line


@pytest.fixture(scope="module")
def run(composer: Composer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a token table and an autoencoder, and nothing of a denoiser."""
    folder = tmp_path_factory.mktemp("run")
    rows = torch.randn(len(words.tokenizer()), DENOISER.text.width, generator=torch.Generator().manual_seed(1)) * 0.02
    save_file({"table": rows}, folder / words.TABLE)
    autoencoder.train(TINY, composer, folder, _quiet)
    return folder


@pytest.fixture(scope="module")
def trained(run: Path, composer: Composer) -> tuple[Path, list[float]]:
    losses = denoiser.train(DENOISER, composer, run, _quiet)
    gc.collect()
    return run, losses


@pytest.mark.parametrize("config", [AUTOENCODER, TINY], ids=["kl", "tiny"])
def test_the_autoencoder_learns_and_goes_on(config: AutoencoderConfig, composer: Composer, tmp_path: Path) -> None:
    first = autoencoder.train(replace(config, loop=replace(LOOP, steps=40)), composer, tmp_path, _quiet)
    assert read_state(tmp_path / autoencoder.FOLDER / "state.safetensors")[1] == {"step": 40}  # type: ignore[index]
    second = autoencoder.train(config, composer, tmp_path, _quiet)
    assert len(second) == 20
    assert np.mean(second[-10:]) < 0.9 * np.mean(first[:5])
    with Image.open(tmp_path / "autoencoder.png") as page:
        assert page.size == (8 * 64, 2 * 64)


def test_latents_have_unit_spread_and_rebuilding_is_measured(run: Path, composer: Composer) -> None:
    vae = autoencoder.load_autoencoder(run / autoencoder.FOLDER)
    test = autoencoder.held_out(composer, 64, 16)
    latents = autoencoder.encode(vae, MACHINE.pictures(test))
    assert latents.shape == (16, 4, 8, 8)
    assert 0.8 < latents.std().item() < 1.25
    assert autoencoder.measured_psnr(vae, test, MACHINE) > 5


def test_the_denoiser_learns(trained: tuple[Path, list[float]]) -> None:
    _, losses = trained
    assert len(losses) == 60
    assert np.mean(losses[-15:]) < 0.85 * np.mean(losses[:5])


def test_the_denoiser_leaves_a_sheet_and_goes_on(trained: tuple[Path, list[float]], composer: Composer) -> None:
    run, _ = trained
    with Image.open(run / "sheet-32.png") as page:
        assert page.width > 8 * 32
    more = replace(DENOISER, resolutions=(replace(DENOISER.resolutions[0], steps=64),))
    assert len(denoiser.train(more, composer, run, _quiet)) == 4
    assert denoiser.train(more, composer, run, _quiet) == []


def test_the_table_of_words_stays_as_it_was_given(trained: tuple[Path, list[float]]) -> None:
    run, _ = trained
    shipped = load_file(run / "weights" / "text_encoder" / "model.safetensors")
    table = next(t for t in shipped.values() if t.shape[0] == len(words.tokenizer()))
    assert torch.equal(table, words.read_table(run))


@torch.no_grad()
def test_plain_attention_says_the_same_as_the_fused_kernel(run: Path) -> None:
    unet, ids = denoiser.new_unet(DENOISER).eval(), torch.randint(0, 40_000, (3, DENOISER.text.tokens))
    text = words.text_encoder(DENOISER.text, words.tokenizer(DENOISER.text.tokens), words.read_table(run)).eval()
    noisy, t = torch.randn(3, 4, 8, 12), torch.tensor([3, 500, 999])
    fused = unet(noisy, t, text(ids).last_hidden_state).sample
    denoiser.attend_plainly(unet, text)
    assert torch.allclose(unet(noisy, t, text(ids).last_hidden_state).sample, fused, atol=1e-5)


def test_holes_show_another_picture_only_where_noise_outweighs(run: Path) -> None:
    config: DenoiserConfig = replace(DENOISER, masked=1.0)
    job = denoiser.Training(config, MACHINE, run, None)
    dice = torch.Generator().manual_seed(0)
    x, noise = torch.randn(4, 4, 8, 8), torch.randn(4, 4, 8, 8)
    t = torch.tensor([10, 50, 800, 900])
    noisy = job.noise.noisy(x, noise, t)
    changed = (job._with_holes(x, noisy, noise, t, dice) != noisy).any(1).float().mean((1, 2))
    assert changed[:2].tolist() == [0, 0]
    assert (changed[2:] > 0.02).all()
    assert (changed[2:] < 0.7).all()
    batch = Captioned(x, torch.full((4, DENOISER.text.tokens), 5))
    assert torch.isfinite(job.loss(batch, dice))


def test_export_loads_in_the_ordinary_pipeline(trained: tuple[Path, list[float]], tmp_path: Path) -> None:
    run, _ = trained
    (tmp_path / "README.md").write_text("stays")
    size = export.export(run, tmp_path, _quiet)
    assert 100_000 < size < export.LARGEST_FOLDER
    assert (tmp_path / "README.md").read_text() == "stays"
    assert {f.suffix for f in tmp_path.rglob("*") if f.is_file()} <= {".json", ".safetensors", ".md", ".txt"}
    assert not [f for f in tmp_path.rglob("*.json") if str(run) in f.read_text("utf-8")]
    assert (tmp_path / "tokenizer" / "tokenizer.json").read_bytes() == (words.TOKENIZER / "tokenizer.json").read_bytes()
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path, dtype=torch.float32)
    assert pipe.scheduler.config.prediction_type == "v_prediction"
    assert pipe.scheduler.config.rescale_betas_zero_snr
    pipe.set_progress_bar_config(disable=True)
    dice = torch.Generator().manual_seed(0)
    image = pipe("a red circle", width=64, height=32, num_inference_steps=2, generator=dice).images[0]
    assert image.size == (64, 32)


def test_export_refuses_what_is_too_large(
    trained: tuple[Path, list[float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = trained
    monkeypatch.setattr(export, "LARGEST_FOLDER", 1000)
    with pytest.raises(export.ExportFailed, match="at most"):
        export.export(run, tmp_path, _quiet)


def test_a_denoiser_without_anything_to_start_from_says_what_to_do(composer: Composer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="autoencoder"):
        denoiser.train(DENOISER, composer, tmp_path, _quiet)
