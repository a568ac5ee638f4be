from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.starter.training import autoencoder, denoiser, words
from models.starter.training.compose import Composer
from models.starter.training.sprites import Sprites
from tests.starter.small import DENOISER, TINY, write_sprites


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sprites(tmp_path_factory.mktemp("sprites"))


@pytest.fixture(scope="session")
def composer(data: Path) -> Composer:
    return Composer(Sprites(data))


@pytest.fixture(scope="session")
def starter_model(composer: Composer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the starter's kind, trained for seconds: a diffusers folder."""
    run = tmp_path_factory.mktemp("model")
    rows = torch.randn(len(words.tokenizer()), DENOISER.text.width, generator=torch.Generator().manual_seed(1)) * 0.02
    save_file({"table": rows}, run / words.TABLE)
    autoencoder.train(TINY, composer, run, lambda line: None)
    denoiser.train(DENOISER, composer, run, lambda line: None)
    return run / "weights"
