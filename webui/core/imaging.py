"""Pictures as bytes: writing ours with their infotext, reading others', opening photos that nobody vouches for."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, PngImagePlugin, UnidentifiedImageError

from webui.core.errors import PictureBroken, PictureTooBig
from webui.core.heif import heif_size, is_heif, read_heif
from webui.core.masks import mask_of

MAX_PIXELS = 64_000_000
READABLE = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
PNG_COMPRESSION = 2
EXIF_ROOM = 65_000

# What Pillow's decoders raise on damaged or hostile files.
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    RuntimeError, struct.error, zlib.error, UnidentifiedImageError,
)  # fmt: skip


def encode_picture(
    pixels: bytes | memoryview,
    width: int,
    height: int,
    infotext: str,
    format: Literal["png", "jpeg", "webp"],
    quality: int,
) -> bytes:
    """RGB bytes (height * width * 3) as a file's bytes, with the infotext and nothing else about where it was made.

    PNG: text chunk `parameters`. JPEG and WebP: EXIF UserComment in UTF-16. `quality` is 1 to 100, for JPEG and WebP
    (WebP at 100 is lossless). Raises ValueError when the bytes do not fit the size.
    """
    image = Image.frombytes("RGB", (width, height), pixels)
    out = io.BytesIO()
    if format == "png":
        chunks = PngImagePlugin.PngInfo()
        if infotext:
            chunks.add_text("parameters", infotext)  # latin-1 goes to tEXt, all else to iTXt
        image.save(out, "PNG", pnginfo=chunks, compress_level=PNG_COMPRESSION)
    elif format == "jpeg":
        image.save(out, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2, exif=_exif(infotext))
    else:
        image.save(out, "WEBP", quality=quality, lossless=quality == 100, method=2, exif=_exif(infotext))
    return out.getvalue()


def read_picture_text(data: bytes) -> str:
    """The infotext in a PNG, JPEG or WebP, "" when there is none. Raises PictureBroken for what is no picture."""
    try:
        with _opened(data) as image:
            text = image.info.get("parameters")
            if not isinstance(text, str):
                comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
                text = _comment_text(comment) if isinstance(comment, bytes) else comment
    except _DAMAGE:
        return ""
    return str(text or "").strip("\0").strip()


def open_photo(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """An uploaded photo as upright RGB without its metadata; see-through parts become white, of a film the first frame.

    Raises PictureTooBig (judged by the header, before anything is unpacked) and PictureBroken.
    """
    return _without_metadata(_flat(_unpacked(data, max_pixels)), "RGB")


def open_mask(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """An uploaded mask as upright "L", white where a photo is repainted; of a see-through picture, what is painted.

    Raises PictureTooBig and PictureBroken, like `open_photo`.
    """
    image = _unpacked(data, max_pixels)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    return _without_metadata(mask_of(image), "L")


def _unpacked(data: bytes, max_pixels: int) -> Image.Image:
    """The whole picture, upright, in whatever mode it has."""
    try:
        if is_heif(data):
            _refuse_too_big(heif_size(data), max_pixels)
            return read_heif(data)
        with _opened(data, max_pixels) as image:
            image.load()
            return _upright(image)
    except (PictureBroken, PictureTooBig):
        raise
    except _DAMAGE:
        message = "This picture is damaged: not all of it can be read."
        raise PictureBroken(message, "Save it again, or take another one.") from None


def _without_metadata(image: Image.Image, mode: str) -> Image.Image:
    clean = Image.new(mode, image.size)
    clean.paste(image)
    return clean


def thumbnail(image: Image.Image, side: int) -> bytes:
    """A WebP whose longer side is at most `side` pixels."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=82, method=2)
    return out.getvalue()


def _opened(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageFile.ImageFile:
    """The picture with only its header read. Pillow's own limit is left as it is; ours is looked at as well."""
    _refuse_too_big(_webp_size(data), max_pixels)  # Pillow sets a WebP's whole canvas up while opening it
    try:
        image = Image.open(io.BytesIO(data), formats=READABLE)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_big(max_pixels) from None
    except _DAMAGE:
        message = "This is not a picture that Easel can read." if data else "This file is empty."
        raise PictureBroken(message, "JPEG, PNG, WebP, HEIC, AVIF, GIF and TIFF are fine.") from None
    _refuse_too_big(image.size, max_pixels)
    return image


def _refuse_too_big(size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise _too_big(max_pixels, f"{size[0]} × {size[1]}")


def _too_big(max_pixels: int, size: str = "") -> PictureTooBig:
    found = f"This picture has {size} pixels, which is too many." if size else "This picture has too many pixels."
    return PictureTooBig(found, f"Make it smaller: {max_pixels // 1_000_000} megapixels is the most.")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height from a WebP's header (RFC 9649), (0, 0) when it is none."""
    head = data[:30]
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return 0, 0
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGE:
        return image  # the EXIF block is damaged, the picture is not


def _flat(image: Image.Image) -> Image.Image:
    """Any mode and any colour profile as sRGB on white."""
    image = _in_srgb(image)
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _in_srgb(image: Image.Image) -> Image.Image:
    """A picture with a profile of its own in sRGB (phones write Display P3, cameras Adobe RGB); others as they are."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return image
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(own).casefold():
            return image
        mode = "RGBA" if image.mode in ("RGBA", "LA") else "RGB"
        return ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # nonsense, or of another kind than the picture


def _eight_bits(image: Image.Image) -> Image.Image:
    """16 or 32 bits a pixel brought to 8; Pillow alone would cut everything above 255 off."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    top = 65535.0 if image.mode.startswith("I") else max(float(values.max(initial=0.0)), 1.0)
    return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).round().astype(np.uint8))


def _exif(infotext: str) -> bytes:
    """An EXIF block (big-endian TIFF) with one entry, UserComment of type UNDEFINED, as A1111 writes and reads it.

    A block of JPEG holds 64 KB; of a longer text the middle is left out, so that the parameters at the end stay.
    """
    if not infotext:
        return b""
    encoded = infotext.encode("utf-16-be", "replace")
    if len(encoded) > EXIF_ROOM:
        keep = EXIF_ROOM // 8  # characters on either side, at most four bytes each
        encoded = f"{infotext[: keep - 4]} … {infotext[-keep:]}".encode("utf-16-be", "replace")
    comment = b"UNICODE\0" + encoded
    main = struct.pack(">HHHIII", 1, ExifTags.IFD.Exif, 4, 1, 26, 0)
    exif = struct.pack(">HHHIII", 1, ExifTags.Base.UserComment, 7, len(comment), 44, 0)
    return b"Exif\0\0MM\0*" + struct.pack(">I", 8) + main + exif + comment


def _comment_text(comment: bytes) -> str:
    """A UserComment as text: its first 8 bytes name the encoding; some programs write little-endian all the same."""
    kind, body = comment[:8], comment[8:]
    if kind == b"UNICODE\0":
        little = body[:2] == b"\xff\xfe" or (body[:2] != b"\xfe\xff" and body[1::2].count(0) > body[0::2].count(0))
        return body.decode("utf-16-le" if little else "utf-16-be", "replace").lstrip("\ufeff")
    if kind in (b"ASCII\0\0\0", bytes(8)):
        return body.decode("utf-8", "replace")
    return comment.decode("utf-8", "replace")
