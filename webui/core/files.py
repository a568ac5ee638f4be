"""Small files on disk: written whole or not at all, and never thrown away when they are damaged."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PART = ".part"


def write_atomically(file: Path, content: bytes) -> None:
    """Put `content` under its final name in one step. Raises OSError; nothing half-written stays behind."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=PART, dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def sweep_parts(folder: Path) -> int:
    """Remove what a killed process left half-written anywhere below `folder`; return how many files that were."""
    parts = list(folder.rglob("*" + PART))
    for part in parts:
        remove_quietly(part)
    return len(parts)


def remove_quietly(file: Path) -> None:
    """Remove a file if that can be done; a leftover is swept at the next start."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return


def keep_as_bad(file: Path) -> bool:
    """Move a damaged file aside as `<name>.bad` (an older .bad gives way). False when the folder does not let us."""
    try:
        file.replace(file.with_name(file.name + ".bad"))
    except OSError:
        return False
    return True
