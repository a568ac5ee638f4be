"""Row 29: whatever is uploaded is decoded right, or refused with words; there is nothing in between."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.faults.photos import arrow
from webui.core.errors import PictureBroken, PictureTooBig
from webui.core.imaging import open_photo


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sixteen_bits(top: int = 65_535) -> Image.Image:
    ramp = np.linspace(0, top, 60 * 40).reshape(40, 60).astype(np.uint16)
    return Image.fromarray(ramp)


def see_through(mode: str) -> Image.Image:
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 13))
    return image if mode == "RGBA" else image.convert(mode)


def film() -> list[Image.Image]:
    return [arrow(), Image.new("RGB", (60, 40), "blue"), Image.new("RGB", (60, 40), "green")]


RIGHT = {
    "png": saved(arrow(), "PNG"),
    "jpeg": saved(arrow(), "JPEG", quality=95, subsampling=0),
    "progressive jpeg": saved(arrow(), "JPEG", progressive=True, quality=95, subsampling=0),
    "webp": saved(arrow(), "WEBP", lossless=True),
    "bmp": saved(arrow(), "BMP"),
    "tiff": saved(arrow(), "TIFF"),
    "tiff lzw": saved(arrow(), "TIFF", compression="tiff_lzw"),
    "cmyk jpeg": saved(arrow().convert("CMYK"), "JPEG", quality=95, subsampling=0),
    "cmyk tiff": saved(arrow().convert("CMYK"), "TIFF"),
    "palette": saved(arrow().quantize(8), "PNG"),
    "palette with alpha": saved(see_through("RGBA").quantize(8), "PNG"),
    "rgba png": saved(see_through("RGBA"), "PNG"),
    "rgba webp": saved(see_through("RGBA"), "WEBP", lossless=True, exact=True),
    "gif film": saved(film()[0], "GIF", save_all=True, append_images=film()[1:]),
    "png film": saved(film()[0], "PNG", save_all=True, append_images=film()[1:]),
    "webp film": saved(film()[0], "WEBP", save_all=True, append_images=film()[1:], lossless=True),
    "tiff pages": saved(film()[0], "TIFF", save_all=True, append_images=film()[1:]),
    "phone jpeg (mpo)": saved(film()[0], "MPO", save_all=True, append_images=film()[1:], quality=95, subsampling=0),
}


@pytest.mark.parametrize("data", RIGHT.values(), ids=RIGHT)
def test_row29_decoded_right(data) -> None:
    photo = open_photo(data)
    assert (photo.mode, photo.size, dict(photo.info)) == ("RGB", (60, 40), {})
    pixels = np.asarray(photo).astype(int)
    assert np.abs(pixels[3, 3] - (255, 0, 0)).max() < 8
    assert np.abs(pixels[30, 50] - 255).max() < 8, "the rest is white, see-through parts too"


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_row29_sixteen_bits_keep_their_brightness(kind) -> None:
    grey = np.asarray(open_photo(saved(sixteen_bits(), kind)))[..., 0].ravel().astype(int)
    assert np.abs(grey - np.linspace(0, 255, grey.size)).max() <= 1
    dark = np.asarray(open_photo(saved(sixteen_bits(top=6553), kind)))
    assert dark.max() in (25, 26), "a dark picture stays dark"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "F", "I"])
def test_row29_every_mode_becomes_rgb(mode) -> None:
    image = see_through("RGBA").convert("L").convert(mode) if mode in ("F", "I") else see_through(mode)
    photo = open_photo(saved(image, "TIFF" if mode in ("F", "I") else "PNG"))
    assert (photo.mode, photo.size) == ("RGB", (60, 40))


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3000, 2000)])
def test_row29_strange_sizes(size) -> None:
    assert open_photo(saved(Image.new("1", size), "PNG")).size == size


WRONG = {
    "empty": b"",
    "text": b"just words",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>",
    "html": b"<!doctype html><img src=x onerror=alert(1)>",
    "pdf": b"%PDF-1.7\n1 0 obj<<>>endobj",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "zip": b"PK\x03\x04" + bytes(60),
    "only a signature": b"\x89PNG\r\n\x1a\n",
    "png of no size": b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452") + bytes(13) + bytes(4),
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_row29_what_is_no_picture_is_refused_with_words(data) -> None:
    with pytest.raises(PictureBroken) as caught:
        open_photo(data)
    assert caught.value.hint


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_row29_cut_anywhere_it_is_refused_or_whole(kind) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))
    data = saved(noise, kind)
    for length in range(0, len(data) - 64, max(1, len(data) // 25)):
        with pytest.raises(PictureBroken):
            open_photo(data[:length])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_row29_bytes_turned_anywhere_never_surprise(kind) -> None:
    data = bytearray(saved(arrow(), kind))
    chance = np.random.default_rng(1)
    for _ in range(60):
        turned = bytearray(data)
        for place in chance.integers(0, len(data), 4):
            turned[place] ^= int(chance.integers(1, 256))
        try:
            assert open_photo(bytes(turned), max_pixels=1_000_000).mode == "RGB"
        except (PictureBroken, PictureTooBig) as refusal:
            assert refusal.message


def _swapped_profile() -> bytes:
    """A colour profile whose red is sRGB's blue and the other way round, under a name of its own."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for was, new in ((b"rXYZ", b"----"), (b"bXYZ", b"rXYZ"), (b"----", b"bXYZ")):
        at = profile.index(was, 128)
        profile[at : at + 4] = new
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "blue".encode("utf-16-be"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_row29_colours_of_another_profile_become_those_of_a_screen(mode: str) -> None:
    """Phones write Display P3 and cameras Adobe RGB; a picture that is taken for sRGB is pale."""
    red = Image.new("RGBA", (60, 40), (255, 0, 0, 255)).convert("RGB").convert(mode)
    photo = np.asarray(open_photo(saved(red, "PNG", icc_profile=_swapped_profile()))).astype(int)
    assert np.abs(photo - (0, 0, 255)).max() < 8
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for harmless in (srgb, b"nonsense" * 40):
        kept = np.asarray(open_photo(saved(red, "PNG", icc_profile=harmless)))
        assert (kept == (255, 0, 0)).all()


def test_row29_a_profile_of_another_kind_than_the_picture_is_left_out() -> None:
    grey = Image.new("L", (60, 40), 90)
    assert (np.asarray(open_photo(saved(grey, "PNG", icc_profile=_swapped_profile()))) == 90).all()
