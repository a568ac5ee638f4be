"""Pictures for the fault tests: bombs, and photos that carry what must not pass."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import ExifTags, Image, ImageDraw, PngImagePlugin

MARKER = "PLANTED-7c1d-52.5163N-13.3777E"


def png_bomb(side: int) -> bytes:
    """A whole, valid, black PNG of one bit a pixel: 30,000 pixels squared are some 110 KB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def webp_bomb() -> bytes:
    """The head of an animated WebP with the largest canvas its format can say."""
    canvas = (16_383).to_bytes(3, "little") * 2
    body = (
        b"WEBPVP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_bomb() -> bytes:
    entries = [(256, 60_000), (257, 60_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 60_000), (279, 8)]
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + packed + bytes(4)


def gif_bomb() -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HH", 65_535, 65_535)
        + bytes(3)
        + b","
        + struct.pack("<HHHH", 0, 0, 65_535, 65_535)
        + b"\0\x02\0;"
    )


def arrow(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """White, with a red corner at the top left: which side is up can be seen."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle([0, 0, size[0] // 3, size[1] // 3], fill=(255, 0, 0))
    return image


def telling_photo(kind: str) -> bytes:
    """A photo with the marker in every place that its format has for words about the photographer."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = exif[ExifTags.Base.ImageDescription] = MARKER
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + MARKER.encode("utf-16-be")
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = MARKER.encode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 30.0, 58.0)
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{MARKER}</x:xmpmeta>".encode()
    profile = MARKER.encode() * 8
    words = PngImagePlugin.PngInfo()
    words.add_text("parameters", MARKER)
    words.add_itxt("XML:com.adobe.xmp", xmp.decode())
    extra = {
        "JPEG": {"exif": exif, "xmp": xmp, "comment": MARKER.encode(), "icc_profile": profile},
        "PNG": {"exif": exif, "pnginfo": words, "icc_profile": profile},
        "WEBP": {"exif": exif, "xmp": xmp, "icc_profile": profile},
        "TIFF": {"exif": exif, "icc_profile": profile},
        "GIF": {"comment": MARKER.encode()},
    }[kind]
    file = io.BytesIO()
    arrow().save(file, kind, **extra)
    return file.getvalue()
