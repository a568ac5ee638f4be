"""Easel on a computer with a card and a hub of this test's own, as a process.

Arguments: its folder, its port, the tiny models' folder of configs, and the models to offer as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.offers import offering
from webui.__main__ import PRESETS, open_door, serve
from webui.core.model_presets import CardNeeds, Licence, ModelPreset
from webui.core.tunnel_preset import load_tunnel
from webui.engine.link import WorkerLink


def packed(model: ModelPreset) -> str:
    return json.dumps(asdict(model))


def unpacked(text: str) -> ModelPreset:
    row: dict[str, Any] = json.loads(text)
    return ModelPreset(**row | {"licence": Licence(**row["licence"]), "needs": CardNeeds(**row["needs"])})


def main(folder: Path, port: int, configs: str, models: list[str]) -> None:
    logging.basicConfig(level=logging.INFO)
    link = WorkerLink(command=[sys.executable, "-m", "tests.card_worker", configs])
    service = offering(folder, [unpacked(model) for model in models], links=[link], flags=["--no-open"])
    try:
        serve(service, service.settings, open_door("127.0.0.1", port), load_tunnel(PRESETS / "tunnel.json"))
    finally:
        service.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
