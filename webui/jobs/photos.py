"""Photos that pictures start from: what a visitor brought, or a picture of theirs."""

from __future__ import annotations

import io
import secrets
import threading
import time
from pathlib import Path

from PIL import Image

from webui.core.cutout import cut_out
from webui.core.errors import NotFound
from webui.core.imaging import open_mask, open_photo, thumbnail
from webui.core.subject import subject_mask
from webui.jobs.keep import write_picture
from webui.jobs.pictures import THUMBNAIL_SIDE, Pictures
from webui.jobs.store import Store, Upload

SUBJECT_WEIGHTS = Path(__file__).resolve().parents[2] / "presets" / "subject" / "u2netp.safetensors"


class Photos:
    """Uploads, cleaned of everything but pixels, each visible to the one who brought it."""

    def __init__(self, store: Store, pictures: Pictures, data: Path) -> None:
        self._store, self._pictures, self._data = store, pictures, data
        self._one_at_a_time = threading.Lock()

    def add(self, owner: str, data: bytes) -> Upload:
        """Keeps a photo upright and without its metadata, as PNG below `uploads/`.

        Raises:
            PictureBroken, PictureTooBig, DiskFull, FolderUnusable
        """
        return self._keep(owner, open_photo(data))

    def add_mask(self, owner: str, data: bytes) -> Upload:
        """Keeps a mask as grey PNG: white is repainted; of a see-through picture, what is painted on it.

        Raises:
            PictureBroken, PictureTooBig, DiskFull, FolderUnusable
        """
        return self._keep(owner, open_mask(data))

    def add_subject(self, owner: str, photo: str) -> Upload:
        """Finds what a photo is of; keeps it as a mask of the photo's size, white on the subject. Takes two seconds.

        Raises:
            NotFound, NothingFound, DiskFull, FolderUnusable
        """
        with Image.open(io.BytesIO(self.read(owner, photo))) as image, self._one_at_a_time:
            return self._keep(owner, subject_mask(image, SUBJECT_WEIGHTS))

    def cutout(self, owner: str, photo: str) -> bytes:
        """What a photo or picture is of, at its full size, as a PNG that is see-through around it. Takes some seconds.

        Raises:
            NotFound, NothingFound
        """
        with Image.open(io.BytesIO(self.read(owner, photo))) as image, self._one_at_a_time:
            cut = cut_out(image, subject_mask(image, SUBJECT_WEIGHTS))
        file = io.BytesIO()
        cut.save(file, "PNG", compress_level=3)
        return file.getvalue()

    def _keep(self, owner: str, image: Image.Image) -> Upload:
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
        with Image.open(io.BytesIO(self.read(owner, photo)), formats=("PNG",)) as image:
            return thumbnail(image, THUMBNAIL_SIDE)

    def preview(self, owner: str, photo: str, side: int) -> bytes:
        """A WebP of an upload or picture, its longer side at most `side`. Raises NotFound like `size`."""
        with Image.open(io.BytesIO(self.read(owner, photo)), formats=("PNG", "JPEG", "WEBP")) as image:
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
