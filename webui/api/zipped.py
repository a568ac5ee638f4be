"""Files as one zip archive that goes out while it is made: nothing of it lies on disk, and one file in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator


class _Outlet:
    """A file that can only be written, and is read out from time to time."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing to wait for."""

    def taken(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


def zipped(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The bytes of an archive of (name, bytes). Pictures are compressed already, so they are only stored."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, data in files:
            archive.writestr(name, data)
            yield outlet.taken()
    yield outlet.taken()
