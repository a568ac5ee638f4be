"""What all tests share: tiny models, the starter, and a guard against unpickling and against the network."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.tiny import TinyModels

ROOT = Path(__file__).resolve().parent.parent
GUARD = ROOT / "tests" / "guard"


def _environment(log: Path) -> dict[str, str]:
    paths = [str(GUARD), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "DIFFUSERS_VERBOSITY": "error",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(p for p in paths if p),
        "EASEL_GUARD_LOG": str(log),
    }


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is collected, so that imports are guarded and the workers inherit it all."""
    handle, log = tempfile.mkstemp(prefix="easel-guard-", suffix=".log")
    os.close(handle)
    os.environ.update(_environment(Path(log)))
    settings.register_profile("unhurried", deadline=None)  # other work may share the computer
    settings.load_profile("unhurried")
    sys.path.insert(0, str(GUARD))
    import sitecustomize

    guard = sys.modules["sitecustomize"]
    if Path(str(guard.__file__)).parent != GUARD:  # the system's own came first in this process
        del sys.modules["sitecustomize"]
        import sitecustomize
    sitecustomize.install()


def pytest_unconfigure(config: pytest.Config) -> None:
    Path(os.environ.pop("EASEL_GUARD_LOG")).unlink(missing_ok=True)


class Guard:
    """What the guard wrote down. A test that breaks it on purpose says so with `forget()`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._seen = log.stat().st_size

    def breaches(self) -> list[str]:
        with self._log.open() as f:
            f.seek(self._seen)
            return f.read().splitlines()

    def forget(self) -> None:
        self._seen = self._log.stat().st_size


@pytest.fixture(autouse=True)
def guard() -> Iterator[Guard]:
    """Every test fails that unpickled something through a loader, or that looked beyond this computer."""
    watcher = Guard(Path(os.environ["EASEL_GUARD_LOG"]))
    yield watcher
    assert watcher.breaches() == []


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Whoever comes next computes with one thread, as the first: a worker in this process may have taken as many as
    there are cores, and with others sums are others.
    """
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def starter() -> Path:
    """The model that ships, 90 MB, 128 px."""
    return ROOT / "models" / "starter"


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    """A models folder with tiny SD 1.x and SDXL models and their LoRAs. Shared: who changes files copies them first."""
    from tests import tiny

    folder = tmp_path_factory.mktemp("tiny")
    return tiny.build(folder / "models", folder / "configs")
