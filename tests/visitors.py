"""Two visitors, and their programs in front of the server."""

from __future__ import annotations

from fastapi.testclient import TestClient

from webui.api.server import build_app, guarded
from webui.jobs.service import Service

ANN, BOB = "ann" * 8, "bob" * 8


def visitor(service: Service, owner: str) -> TestClient:
    """The whole server behind its guard, as the browser with this cookie sees it."""
    app = guarded(build_app(service, service.settings.data), service.settings)
    return TestClient(app, base_url="http://127.0.0.1:7860", cookies={"easel": owner})
