from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models.starter.training.compose import Composer
from models.starter.training.sprites import Sprites
from tests.starter.small import write_sprites


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sprites(tmp_path_factory.mktemp("sprites"))


@pytest.fixture(scope="session")
def composer(data: Path) -> Composer:
    return Composer(Sprites(data))


@pytest.fixture(scope="session", autouse=True)
def one_core() -> Iterator[None]:
    """These nets are so small that a second thread only waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
