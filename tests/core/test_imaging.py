from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from webui.core.errors import PictureBroken
from webui.core.imaging import encode_picture, open_photo, read_picture_text, thumbnail

TEXTS = {
    "latin": "a café, 20 %\nNegative prompt: x\nSteps: 1, Seed: 2, Size: 8x8",
    "wide": "猫 and a 🐈‍⬛\nNegative prompt: שלום\nSteps: 1, Seed: 2, Size: 8x8",
    "none": "",
}


def noise(width: int = 48, height: int = 32) -> bytes:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8).tobytes()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_the_text_comes_back_out_of_every_format(kind, text) -> None:
    data = encode_picture(noise(), 48, 32, text, kind, 95)
    assert read_picture_text(data) == text
    assert Image.open(io.BytesIO(data)).format == kind.upper()


def test_png_and_lossless_webp_keep_every_pixel() -> None:
    for kind in ("png", "webp"):
        data = encode_picture(noise(), 48, 32, "x", kind, 100)
        assert Image.open(io.BytesIO(data)).tobytes() == noise()


def test_png_says_latin_text_in_a_text_chunk_and_other_text_in_an_international_one() -> None:
    for text, chunk in ((TEXTS["latin"], b"tEXtparameters\0"), (TEXTS["wide"], b"iTXtparameters\0")):
        assert chunk in encode_picture(noise(), 48, 32, text, "png", 95)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_the_comment_is_what_piexif_writes(kind) -> None:
    data = encode_picture(noise(), 48, 32, TEXTS["wide"], kind, 95)
    comment = b"UNICODE\0" + TEXTS["wide"].encode("utf-16-be")
    assert comment in data
    entry = struct.pack(">HHI", ExifTags.Base.UserComment, 7, len(comment))
    assert entry in data, "tag, type UNDEFINED, length"
    exif = Image.open(io.BytesIO(data)).getexif()
    assert dict(exif) == {ExifTags.IFD.Exif: 26}
    assert exif.get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.UserComment: comment}


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_the_longest_prompts_still_make_a_picture_with_its_parameters(kind) -> None:
    text = "🐈" * 10_000 + "\nNegative prompt: " + "🐈" * 10_000 + "\nSteps: 1, Seed: 2, Size: 8x8"
    found = read_picture_text(encode_picture(noise(), 48, 32, text, kind, 95))
    assert found.endswith("🐈\nSteps: 1, Seed: 2, Size: 8x8")
    assert kind != "png" or found == text


def test_other_programs_comments_are_read() -> None:
    exif = Image.Exif()
    for body, wanted in (
        (b"UNICODE\0" + "a cat".encode("utf-16-le"), "a cat"),
        (b"UNICODE\0" + "\ufeff猫".encode("utf-16-le"), "猫"),
        (b"ASCII\0\0\0a cat", "a cat"),
        (bytes(8) + b"a cat", "a cat"),
    ):
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = body
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
        assert read_picture_text(file.getvalue()) == wanted


def test_pictures_without_text_and_things_that_are_no_pictures() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "GIF")
    assert read_picture_text(file.getvalue()) == ""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("comment", "something else")
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=chunks)
    assert read_picture_text(file.getvalue()) == ""
    for data in (b"", b"hello", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(PictureBroken):
            read_picture_text(data)


def test_bytes_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(ValueError, match="not enough"):
        encode_picture(noise()[:-1], 48, 32, "", "png", 95)


def test_a_thumbnail_keeps_the_ratio_and_holds_nothing_but_the_picture() -> None:
    photo = open_photo(encode_picture(noise(96, 48), 96, 48, "secret words", "jpeg", 95))
    data = thumbnail(photo, 32)
    small = Image.open(io.BytesIO(data))
    assert (small.format, small.size) == ("WEBP", (32, 16))
    assert b"EXIF" not in data
    assert Image.open(io.BytesIO(thumbnail(photo, 500))).size == (96, 48), "never larger than it was"


def test_a_megapixel_png_is_written_within_a_moment() -> None:
    rows = np.linspace(0, 255, 1024)[:, None, None] + np.random.default_rng(0).normal(0, 6, (1024, 1024, 3))
    pixels = rows.clip(0, 255).astype(np.uint8).tobytes()
    start = time.process_time()
    encode_picture(pixels, 1024, 1024, "x", "png", 95)
    assert time.process_time() - start < 1.0
