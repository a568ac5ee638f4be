"""HEIC and HEIF, which phones write and Pillow does not read: unpacked by libheif, without registering anything."""

from __future__ import annotations

from PIL import Image

_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def is_heif(data: bytes) -> bool:
    """By the brand in the first box of the file; AVIF, which Pillow reads, has its own."""
    return data[4:8] == b"ftyp" and data[8:12] in _BRANDS and b"avif" not in data[16:48]


def heif_size(data: bytes) -> tuple[int, int]:
    """Width and height by the header. Raises ValueError, OSError, EOFError or SyntaxError for what is damaged."""
    import pillow_heif

    width, height = pillow_heif.open_heif(data).size
    return width, height


def read_heif(data: bytes) -> Image.Image:
    """The main picture, eight bits a channel and upright (libheif turns it). Raises like `heif_size`."""
    import pillow_heif

    return pillow_heif.open_heif(data, convert_hdr_to_8bit=True).to_pillow()
