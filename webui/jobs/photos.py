"""Photos that pictures start from: what a visitor brought, or a picture of theirs."""

from __future__ import annotations

import io
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from webui.core.cutout import cut_out
from webui.core.errors import Busy, DiskFull, NotFound
from webui.core.files import remove_quietly
from webui.core.imaging import open_mask, open_photo, thumbnail
from webui.core.subject import subject_mask
from webui.jobs.keep import write_picture
from webui.jobs.pictures import THUMBNAIL_SIDE, Pictures
from webui.jobs.store import Store, Upload

KEPT_SECONDS = 7 * 24 * 3600.0
ROOM_LEFT = 2**30
"""Bytes that photos leave free: visitors of a shared page could bring any number."""
SUBJECT_WEIGHTS = Path(__file__).resolve().parents[2] / "presets" / "subject" / "u2netp.safetensors"


class _Turns:
    """One large picture is unpacked at a time, a gigabyte at worst; few wait, for each holds a thread of the server."""

    def __init__(self, waiting: int = 12) -> None:
        self._room, self._lock = threading.Semaphore(waiting), threading.Lock()

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Raises Busy when too many wait already."""
        if not self._room.acquire(blocking=False):
            raise Busy("Easel is busy with other photos.", "Try again in a moment.")
        try:
            with self._lock:
                yield
        finally:
            self._room.release()


class Photos:
    """Uploads, cleaned of everything but pixels, each visible to the one who brought it."""

    def __init__(self, store: Store, pictures: Pictures, data: Path) -> None:
        self._store, self._pictures, self._data = store, pictures, data
        self._turns = _Turns()

    def add(self, owner: str, data: bytes) -> Upload:
        """Keeps a photo upright and without its metadata, as PNG below `uploads/`.

        Raises:
            Busy, PictureBroken, PictureTooBig, DiskFull, FolderUnusable
        """
        with self._turns.mine():
            return self._keep(owner, open_photo(data))

    def add_mask(self, owner: str, data: bytes) -> Upload:
        """Keeps a mask as grey PNG: white is repainted; of a see-through picture, what is painted on it.

        Raises:
            Busy, PictureBroken, PictureTooBig, DiskFull, FolderUnusable
        """
        with self._turns.mine():
            return self._keep(owner, open_mask(data))

    def add_subject(self, owner: str, photo: str) -> Upload:
        """Finds what a photo is of; keeps it as a mask of the photo's size, white on the subject. Takes two seconds.

        Raises:
            Busy, NotFound, NothingFound, DiskFull, FolderUnusable
        """
        with self._turns.mine(), Image.open(io.BytesIO(self.read(owner, photo))) as image:
            return self._keep(owner, subject_mask(image, SUBJECT_WEIGHTS))

    def cutout(self, owner: str, photo: str) -> bytes:
        """What a photo or picture is of, at its full size, as a PNG that is see-through around it. Takes some seconds.

        Raises:
            Busy, NotFound, NothingFound
        """
        with self._turns.mine(), Image.open(io.BytesIO(self.read(owner, photo))) as image:
            cut = cut_out(image, subject_mask(image, SUBJECT_WEIGHTS))
        file = io.BytesIO()
        cut.save(file, "PNG", compress_level=3)
        return file.getvalue()

    def purge(self) -> None:
        """Removes what was brought long ago and is named by no picture and no waiting job."""
        for upload in self._store.unneeded_uploads(time.time() - KEPT_SECONDS):
            self._store.forget_upload(upload.id)
            remove_quietly(self._data / upload.path)

    def has_room(self) -> bool:
        """Whether the disk has space for what visitors bring, and a gigabyte beside it."""
        return shutil.disk_usage(self._data).free >= ROOM_LEFT

    def _keep(self, owner: str, image: Image.Image) -> Upload:
        if not self.has_room():
            raise DiskFull("The disk is nearly full.", "Free some space, then choose the photo again.")
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=1)
        upload_id = secrets.token_hex(12)
        upload = Upload(upload_id, owner, f"uploads/{upload_id}.png", image.width, image.height, time.time())
        write_picture(self._data / upload.path, file.getvalue())
        self._store.add_upload(upload)
        return upload

    def size(self, owner: str, photo: str) -> tuple[int, int]:
        """Width and height of an upload or of one of the owner's pictures.

        Raises:
            NotFound: also for somebody else's.
        """
        found = self._store.upload(owner, photo) or self._pictures.get(owner, photo)
        if found is None:
            raise NotFound("The photo is not here any more.", "Choose it again.")
        return found.width, found.height

    def thumbnail(self, owner: str, photo: str) -> bytes:
        """A small WebP of an upload or picture. Raises NotFound like `size`."""
        if self._store.upload(owner, photo) is None:
            return self._pictures.thumbnail(owner, photo)
        with self._turns.mine(), Image.open(io.BytesIO(self.read(owner, photo)), formats=("PNG",)) as image:
            return thumbnail(image, THUMBNAIL_SIDE)

    def preview(self, owner: str, photo: str, side: int) -> bytes:
        """A WebP of an upload or picture, its longer side at most `side`. Raises NotFound like `size`."""
        formats = ("PNG", "JPEG", "WEBP")
        with self._turns.mine(), Image.open(io.BytesIO(self.read(owner, photo)), formats=formats) as image:
            return thumbnail(image, side)

    def read(self, owner: str, photo: str) -> bytes:
        """The bytes of an upload or of one of the owner's pictures. Raises NotFound like `size`."""
        upload = self._store.upload(owner, photo)
        if upload is None:
            return self._pictures.read(owner, photo)
        try:
            return (self._data / upload.path).read_bytes()
        except OSError:
            raise NotFound("The photo is not here any more.", "Choose it again.") from None
