"""How long a start takes: the page over `import gradio` alone, and the first picture by the starter.

    python -m tests.bench.startup [--repeat 5]

The real `python -m webui` in a process of its own. A job waits in its database, as after an interrupted run, so that
the first picture is drawn as soon as anybody could have one. Targets: page up at most 1.5 s after what `import gradio`
takes; first picture at most 20 s after the start on two cores.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.tables import place, row, table
from tests.studio import ROOT, make_service
from webui.core.types import GenerationRequest
from webui.jobs.service import Service

PATIENCE = 300.0


def import_gradio() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True, cwd=ROOT)
    return time.perf_counter() - began


def start(data: Path, port: int) -> tuple[float, float, float]:
    """Seconds from the start until the page is there, the worker is ready, and the picture is saved."""
    service = make_service(data)
    job = service.submit("bench", GenerationRequest(prompt="a red apple", seed=1))
    command = [sys.executable, "-m", "webui", "--no-open", "--port", str(port), "--data", str(data), "--device", "cpu"]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        page = _until(lambda: b"gradio" in _get(address + "/"), began)
        ready = _until(lambda: b'"starting"' not in _get(address + "/healthz"), began)
        return page, ready, _until(lambda: _drawn(service, job), began)
    finally:
        process.terminate()
        process.wait(30)
        service.close()


def _drawn(service: Service, job: str) -> bool:
    found = service.store.job(job)
    assert found is not None and found.state != "error", found
    return found.state == "done"


def _get(address: str) -> bytes:
    with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=30) as answer:
        return bytes(answer.read())
    return b'"starting"'


def _until(condition: object, began: float) -> float:
    assert callable(condition)
    while not condition():
        assert time.perf_counter() - began < PATIENCE, "it did not happen in time"
        time.sleep(0.02)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--port", type=int, default=7955)
    asked = parser.parse_args()
    import_gradio()
    alone, starts = [], []
    for turn in range(asked.repeat):
        alone.append(import_gradio())
        with TemporaryDirectory() as data:
            starts.append(start(Path(data), asked.port + turn))
    over = [page - gradio for (page, _, _), gradio in zip(starts, alone, strict=True)]
    print(place(2))
    print(
        table(
            [
                row("`import gradio` alone", alone, "s"),
                row("page up", [page for page, _, _ in starts], "s"),
                row("page up, over `import gradio`", over, "s", "1.5"),
                row("worker ready", [ready for _, ready, _ in starts], "s"),
                row("first picture saved", [picture for _, _, picture in starts], "s", "20"),
            ]
        )
    )


if __name__ == "__main__":
    main()
