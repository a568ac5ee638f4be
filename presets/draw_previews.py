"""Draws the pictures on the style cards, by the app itself: `python presets/draw_previews.py [name …]`.

Every style is drawn with the same prompt and seed, so that the cards show what the style does. Needs the app's .venv.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from webui.__main__ import build_service  # noqa: E402
from webui.core.settings import Settings  # noqa: E402
from webui.core.types import GenerationRequest  # noqa: E402
from webui.jobs.service import Service  # noqa: E402

PROMPT = "a rainbow in the mountains"
SEED = 7
SIDE = 192
OWNER = "style previews"


def main(wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as data:
        service = build_service(Settings(data=Path(data), models=(HOME / "models",)))
        service.start()
        try:
            for style in service.presets.styles.values():
                if style.preview and (not wanted or style.name in wanted):
                    draw(service, style.name, HOME / "presets" / "styles" / "previews" / style.preview)
        finally:
            service.close()


def draw(service: Service, style: str, file: Path) -> None:
    """One card."""
    job = service.submit(OWNER, GenerationRequest(PROMPT, style=style, model="starter", seed=SEED))
    while not (kept := service.store.job(job)) or not kept.finished:
        time.sleep(0.05)
    picture = Image.open(io.BytesIO(service.pictures.read(OWNER, service.store.job_pictures(job)[0].id)))
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(file, "WEBP", quality=82, method=6)
    print(f"{style}: {file.stat().st_size / 1024:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
