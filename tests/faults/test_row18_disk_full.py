"""Row 18: the disk is full. The picture is shown and can be downloaded, the queue waits and goes on with more room."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from tests.photos import box_mask, noise_photo, png
from tests.studio import finished, make_service, quick, wait_for

ROOM = 500_000
SIDE = 512


@contextmanager
def little_room() -> Iterator[None]:
    """No file of this process may grow beyond a limit: a write past it fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_row18_the_picture_is_shown_and_saved_as_soon_as_there_is_room(tmp_path: Path):
    service = make_service(tmp_path)
    service.start()
    try:
        # What is not painted over stays noise, which nothing packs: the picture is larger than the room for certain.
        photo = service.photos.add("ann" * 8, png(noise_photo(SIDE, SIDE))).id
        mask = service.photos.add_mask("ann" * 8, png(box_mask(SIDE, SIDE, (10, 10, 60, 60)))).id
        big = service.submit("ann" * 8, quick("a hole in noise", init_image=photo, mask_image=mask))
        with little_room():
            wait_for(lambda: service.live("ann" * 8)["state"] == "error")
            view = service.live("ann" * 8)
            assert view["fault"]["code"] == "disk_full"
            assert view["fault"]["fix"] == "retry"
            shown = view["pictures"][0]["id"]
            data = service.picture_bytes("ann" * 8, shown)
            assert Image.open(io.BytesIO(data)).size == (SIDE, SIDE)
            assert service.thumbnail_bytes("ann" * 8, shown)
            assert len(data) > ROOM
            assert not list((tmp_path / "outputs").rglob("*.png"))
            waiting = service.submit("bob" * 8, quick())
            assert service.store.job(waiting).state == "queued"
        service.fix("ann" * 8, big)
        assert finished(service, big).state == "done"
        assert finished(service, waiting).state == "done"
        assert service.pictures.read("ann" * 8, shown) == data
        assert service.live("ann" * 8)["fault"] is None
        assert not list((tmp_path / "outputs").rglob("*.part"))
    finally:
        service.close()
