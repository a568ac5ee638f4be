"""Pictures onto the disk, and the words for when that fails."""

from __future__ import annotations

import errno
from pathlib import Path

from webui.core.errors import DiskFull, FolderUnusable, UserError
from webui.core.files import write_atomically

FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


def write_picture(path: Path, data: bytes) -> None:
    """Writes a picture whole or not at all.

    Raises:
        DiskFull, FolderUnusable: nothing is left behind.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise _in_words(error) from error


def _in_words(error: OSError) -> UserError:
    kind, cause, cure = (
        (DiskFull, "The disk is full", "Free some space")
        if error.errno in FULL
        else (FolderUnusable, "The outputs folder cannot be written to", "Make the folder writable or bring it back")
    )
    return kind(
        f"{cause}, so the picture could not be saved yet.",
        f"You can download it here. {cure}, then save it again.",
        "retry",
        "Save again",
    )
