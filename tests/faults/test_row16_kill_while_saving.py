"""Row 16: a process killed while it saves leaves no torn picture, in two hundred kills."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from PIL import Image

from webui.core.files import sweep_parts

KILLS = 200

PROGRAM = textwrap.dedent("""
    import os, random, signal, sys, time
    from pathlib import Path
    from webui.core.settings import Settings
    from webui.core.types import GeneratedImage, Recipe
    from webui.jobs.keep import write_picture
    from webui.jobs.pictures import Pictures
    from webui.jobs.store import Job, Store

    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    noise = random.Random(1).randbytes(160 * 160 * 3)
    recipe = Recipe("starter", "noise", "", 160, 160, 1, 1.0, "DDIM", 1)
    store = Store(folder / "easel.db")
    pictures, settings = Pictures(store, folder), Settings(data=folder, models=())
    job = Job("0" * 32, "ann", 0.0, "running", recipe, 1, "Starter", "noise")
    data = pictures.encode(job, 0, GeneratedImage(recipe, 160, 160, noise), settings, {}).data
    store.close()
    for kill in range(kills):
        child = os.fork()
        if child == 0:
            for number in range(10**6):
                write_picture(folder / "outputs" / f"{kill}-{number}.png", data)
        time.sleep(random.uniform(0.001, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
""")


def test_row16_no_torn_picture_in_200_kills(tmp_path: Path):
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path), str(KILLS)], check=True, timeout=200)
    saved = sorted((tmp_path / "outputs").glob("*.png"))
    assert len(saved) > KILLS
    for path in saved:
        with Image.open(path) as picture:
            picture.load()
            assert picture.size == (160, 160)
            assert "parameters" in picture.text
    sweep_parts(tmp_path / "outputs")
    assert sorted((tmp_path / "outputs").iterdir()) == saved
