"""The real service behind the real server, and two visitors of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.studio import make_service
from tests.visitors import ANN, BOB, visitor
from webui.jobs.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = make_service(tmp_path_factory.mktemp("api"))
    service.start()
    yield service
    service.close()


@pytest.fixture(scope="module")
def ann(service: Service) -> TestClient:
    return visitor(service, ANN)


@pytest.fixture(scope="module")
def bob(service: Service) -> TestClient:
    return visitor(service, BOB)
