"""Row 38: no GET changes anything: every route of the whole app is read, database and folders stay as they were."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from fastapi.testclient import TestClient
from starlette.routing import BaseRoute, Mount, Route

from tests.studio import finished, make_service, quick
from webui.api.server import build_app, guarded
from webui.ui.app import mount_page

ANN = "ann" * 8


def paths(routes: list[BaseRoute], prefix: str = "") -> set[str]:
    """Every path that answers GET, mounts looked into, parameters filled with a plausible value."""
    found = set()
    for route in routes:
        if isinstance(route, Mount):
            found |= paths(route.routes, prefix + route.path)
        elif isinstance(route, Route) and "GET" in (route.methods or ()):
            found.add(prefix + route.path)
    return found


def contents(folder: Path) -> dict[str, object]:
    """Files with their bytes, and every row of the database."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in (folder / "outputs").rglob("*") if p.is_file()}
    database = sqlite3.connect(folder / "easel.db")
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {table: sorted(map(repr, database.execute(f"SELECT * FROM {table}"))) for table in tables}
    database.close()
    return {"files": files, "rows": rows, "uploads": sorted(str(p) for p in folder.glob("uploads/*"))}


def test_row38_reading_every_route_changes_nothing(tmp_path: Path):
    service = make_service(tmp_path)
    service.start()
    try:
        job = service.submit(ANN, quick())
        finished(service, job)
        picture = service.pictures.page(ANN)[0].id
        app = mount_page(build_app(service, tmp_path), service)
        client = TestClient(guarded(app, service.settings), base_url="http://127.0.0.1:7860", cookies={"easel": ANN})
        before = contents(tmp_path)
        endless = {"/live", "/gradio_api/heartbeat/{session_hash}", "/gradio_api/queue/data"}
        read = 0
        for path in sorted(paths(app.routes)):
            if path in endless or path.endswith("stream"):
                continue
            for value in (picture, job, "x"):
                filled = path
                while "{" in filled:
                    start, end = filled.index("{"), filled.index("}")
                    filled = filled[:start] + value + filled[end + 1 :]
                client.get(filled, follow_redirects=False)
                read += 1
        assert read > 30
        assert contents(tmp_path) == before
    finally:
        service.close()
