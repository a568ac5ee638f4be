"""Row 19: the disk is too small for a model, or becomes full while it comes. What has arrived is there for later."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.faults.test_row18_disk_full import ROOM, little_room
from tests.hub import running_hub
from tests.offers import ANN, ended, offering
from webui.core.errors import DiskFull
from webui.library.arrival import arrived, part_file
from webui.library.download import fetch

CONTENT = random.Random(3).randbytes(2 * ROOM)


def test_row19_too_little_room_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    with running_hub(b"") as hub:
        giant = hub.model(bytes=10**18)
        with pytest.raises(DiskFull, match=r"needed, [\d.]+ GB are free"):
            asyncio.run(fetch(giant, tmp_path, lambda _: None))
        assert hub.seen == []
        assert list(tmp_path.iterdir()) == []


def test_row19_a_disk_that_becomes_full_keeps_what_came_and_the_click_goes_on(tmp_path: Path) -> None:
    with running_hub(CONTENT) as hub:
        service = offering(tmp_path, [hub.model()])
        folder = tmp_path / "models" / "checkpoints"
        with little_room():
            service.get_model("tiny")
            offer = ended(service)
        assert offer["state"] == "failed"
        assert offer["words"].startswith("The disk became full while Tiny Model arrived.")
        assert (offer["get"], offer["get_label"]) == ("tiny", "Try again")
        have = arrived(folder, hub.model())
        assert 0 < have <= ROOM
        assert part_file(folder, hub.model()).read_bytes() == CONTENT[:have]
        assert not (folder / "tiny-model.safetensors").exists()
        service.get_model("tiny")
        assert ended(service)["state"] == "here"
        assert hub.seen[1]["range"] == f"bytes={have}-"
        assert (folder / "tiny-model.safetensors").read_bytes() == CONTENT
        assert service.live(ANN)["state"] == "idle"
        service.close()
