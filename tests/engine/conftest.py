from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.drawing import families
from tests.tiny import TinyModels
from webui.engine.worker import Worker


@pytest.fixture(scope="session")
def worker(tiny_models: TinyModels) -> Iterator[Worker]:
    """In this process, on the CPU, with one thread."""
    made = Worker("cpu", threads=1, families=families(tiny_models))
    yield made
    made.close()
