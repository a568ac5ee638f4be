"""Keeps two Easels off one data folder: they would draw each job twice and sweep each other's half-written files."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from webui.core.errors import FolderUnusable

LOCK_FILE = "easel.db.lock"
_TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Holds a data folder; the system lets go when the process ends, however it ends.

    Where the disk knows no locks it goes on without. Raises FolderUnusable.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = (data / LOCK_FILE).open("ab")
    except OSError as error:
        raise FolderUnusable(
            f"The data folder {data} cannot be used ({error.strerror}).", "Choose another one with --data."
        ) from error
    with file:
        if not _take(file):
            raise FolderUnusable(
                f"Easel runs already with the data folder {data}.",
                "Close that one, or choose another folder with --data.",
            )
        yield


def _take(file: IO[bytes]) -> bool:
    """Whether nobody else has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _TAKEN
    return True
