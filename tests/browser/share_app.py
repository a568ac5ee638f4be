"""Easel with a tunnel service of this test's own, as a process.

Arguments: its folder, its port, the service as JSON, and flags.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

from tests.browser.conftest import ROOT
from webui.__main__ import build_service, open_door, serve
from webui.core.settings import load_settings
from webui.core.tunnel_preset import TunnelClient, TunnelPreset


def packed(preset: TunnelPreset) -> str:
    return json.dumps(asdict(preset))


def main(folder: Path, port: int, preset: str) -> None:
    logging.basicConfig(level=logging.INFO)
    row = json.loads(preset)
    tunnel = TunnelPreset(**row | {"client": TunnelClient(**row["client"])})
    folders = ["--data", str(folder), "--models", str(ROOT / "models")]
    settings = load_settings(["--no-open", "--device", "cpu", *folders, *sys.argv[4:]], {}, ROOT)
    service = build_service(settings)
    try:
        serve(service, settings, open_door("127.0.0.1", port), tunnel)
    finally:
        service.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
