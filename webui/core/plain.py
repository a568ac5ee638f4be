"""A picture's bytes without any word: what is left is what draws it, bit for bit."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from webui.core.errors import PictureBroken

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DRAWS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_WEBP_DRAWS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH"})
_WEBP_WORDS = 0x2C
"""Flags of a VP8X chunk: colour profile, EXIF, XMP."""
_JPEG_WORDS = frozenset({0xFE, *range(0xE1, 0xF0)}) - {0xEE}
"""Comments and application segments; APP0 says how dense the pixels lie, APP14 how the colours are to be read."""
_START_OF_SCAN = 0xDA


def without_words(data: bytes) -> bytes:
    """A PNG, JPEG or WebP of ours without text, EXIF, XMP, profile or comment; its compressed pixels are not touched.

    Raises PictureBroken for what is none of these.
    """
    try:
        if data.startswith(_PNG):
            return _PNG + b"".join(data[at:end] for name, at, end in _png_chunks(data) if name in _PNG_DRAWS)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):
        pass
    raise PictureBroken("This picture is damaged: not all of it can be read.", "Draw it again.")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each chunk, its length and checksum included."""
    at = len(_PNG)
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at, at + length + 12
        at += length + 12


def _jpeg(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    while data[at + 1] != _START_OF_SCAN:
        end = at + 2 + int(struct.unpack_from(">H", data, at + 2)[0])
        if data[at] != 0xFF or end > len(data):
            raise IndexError
        if data[at + 1] not in _JPEG_WORDS:
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])


def _webp(data: bytes) -> bytes:
    kept, at = [], 12
    while at < len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        chunk = data[at : at + 8 + length + length % 2]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_WORDS]) + chunk[9:]
        if name in _WEBP_DRAWS:
            kept.append(chunk)
        at += len(chunk)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
