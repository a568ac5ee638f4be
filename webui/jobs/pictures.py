"""Finished pictures: saved atomically, listed, found, marked, deleted and brought back."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from webui import __version__
from webui.core.errors import NotFound
from webui.core.files import remove_quietly, sweep_parts
from webui.core.imaging import encode_picture, thumbnail
from webui.core.infotext import write_infotext
from webui.core.settings import Settings
from webui.core.types import GeneratedImage, SavedImage
from webui.jobs.keep import write_picture
from webui.jobs.store import Job, Store

THUMBNAIL_SIDE = 384
UNDO_SECONDS = 3600.0
SUFFIX = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture ready to be written, with its database row."""

    row: SavedImage
    data: bytes
    thumbnail: bytes


class Pictures:
    """The pictures of all visitors, each visible to the one who made it."""

    def __init__(self, store: Store, data: Path) -> None:
        self._store, self._data = store, data
        sweep_parts(data / "outputs")
        self.purge()

    def encode(self, job: Job, index: int, image: GeneratedImage, settings: Settings, loras: dict[str, str]) -> Encoded:
        """Compresses a picture and writes its metadata into it. `loras` maps catalog ids to titles."""
        from PIL import Image

        infotext = write_infotext(image.recipe, job.model_title, __version__, loras)
        # What is outside of a mask stays as it was, byte for byte: only PNG keeps that promise on disk.
        kind = "png" if image.recipe.task == "inpaint" else settings.picture_format
        data = encode_picture(image.pixels, image.width, image.height, infotext, kind, settings.picture_quality)
        picture = Image.frombytes("RGB", (image.width, image.height), image.pixels)
        row = SavedImage(
            id=picture_id(job, index),
            owner=job.owner,
            job=job.id,
            index=index,
            recipe=image.recipe,
            path=picture_path(job, index, SUFFIX[kind]),
            width=image.width,
            height=image.height,
            bytes=len(data),
            created=time.time(),
            prompt=job.prompt,
            seconds=sum(image.seconds.values()),
            model_title=job.model_title,
        )
        return Encoded(row, data, thumbnail(picture, THUMBNAIL_SIDE))

    def save(self, encoded: Encoded) -> None:
        """Puts file and row on disk, the file first.

        A crash in between leaves a file whose name the job will choose again, so nothing is torn and nothing doubles.

        Raises:
            DiskFull, FolderUnusable
        """
        write_picture(self._data / encoded.row.path, encoded.data)
        self._store.add_picture(encoded.row, encoded.thumbnail)

    def page(
        self, owner: str, search: str = "", favourites: bool = False, before: float | None = None, limit: int = 60
    ) -> list[SavedImage]:
        return self._store.page(owner, search, favourites, before, limit)

    def get(self, owner: str, picture_id: str) -> SavedImage | None:
        return self._store.picture(owner, picture_id)

    def read(self, owner: str, picture_id: str) -> bytes:
        """The file's bytes.

        Raises:
            NotFound: also for a picture of somebody else.
        """
        picture = self.get(owner, picture_id)
        try:
            if picture is not None:
                return (self._data / picture.path).read_bytes()
        except OSError:
            pass
        raise NotFound("This picture is not here any more.")

    def thumbnail(self, owner: str, picture_id: str) -> bytes:
        found = self._store.thumbnail(owner, picture_id)
        if found is None:
            raise NotFound("This picture is not here any more.")
        return found

    def infotext(self, picture: SavedImage, lora_titles: dict[str, str]) -> str:
        return write_infotext(picture.recipe, picture.model_title, __version__, lora_titles)

    def favourite(self, owner: str, picture_id: str, on: bool) -> None:
        self._store.set_favourite(owner, picture_id, on)

    def delete(self, owner: str, picture_ids: list[str]) -> None:
        """Hides pictures; their files go an hour later, so that a delete can be undone."""
        self._store.set_deleted(owner, picture_ids, time.time())

    def restore(self, owner: str, picture_ids: list[str]) -> None:
        self._store.set_deleted(owner, picture_ids, None)

    def purge(self) -> None:
        """Removes the files of pictures that were deleted more than an hour ago."""
        for path in self._store.forget_deleted(time.time() - UNDO_SECONDS):
            remove_quietly(self._data / path)


def picture_id(job: Job, index: int) -> str:
    """An id nobody can guess, the same whenever the same picture of the same job is drawn again."""
    return hashlib.sha256(f"{job.id}/{index}".encode()).hexdigest()[:24]


def picture_path(job: Job, index: int, suffix: str) -> str:
    """Where a picture is kept, below the data folder. It follows from the job, so a redrawn picture finds its place."""
    when = datetime.fromtimestamp(job.created)
    words = re.findall(r"[a-z0-9]+", job.prompt.lower())
    slug = "-".join(words)[:40].strip("-") or "picture"
    return f"outputs/{when:%Y-%m-%d}/{when:%H%M%S}-{slug}-{job.id[:8]}-{index + 1}{suffix}"
