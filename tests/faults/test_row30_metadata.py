"""Row 30: a photo is shown upright, and nothing but its pixels ever leaves again."""

from __future__ import annotations

import io

import pytest
from PIL import ExifTags, Image

from tests.faults.photos import MARKER, arrow, telling_photo
from webui.core.imaging import encode_picture, open_photo, thumbnail

UPRIGHT = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_row30_a_turned_photo_stands_upright(kind, orientation) -> None:
    turn = UPRIGHT[orientation]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = io.BytesIO()
    (arrow().transpose(turn) if turn is not None else arrow()).save(file, kind, exif=exif)
    photo = open_photo(file.getvalue())
    assert photo.size == (60, 40)
    red, green, _ = photo.getpixel((2, 2))
    assert red > 200 > 60 > green


def test_row30_a_damaged_exif_block_does_not_cost_the_photo() -> None:
    file = io.BytesIO()
    arrow().save(file, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(30))
    assert open_photo(file.getvalue()).size == (60, 40)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF"])
def test_row30_nothing_of_the_photographer_passes(kind) -> None:
    data = telling_photo(kind)
    assert MARKER.encode() in data, "the photo did carry it"
    photo = open_photo(data)
    assert not photo.info
    assert not photo.getexif()
    outputs = [
        encode_picture(photo.tobytes(), *photo.size, "a cat\nSteps: 1", name, 95) for name in ("png", "jpeg", "webp")
    ]
    for form in ("PNG", "JPEG", "WEBP"):
        file = io.BytesIO()
        photo.save(file, form)
        outputs.append(file.getvalue())
    for output in (*outputs, thumbnail(photo, 32)):
        for word in (MARKER, "GPS", "xmpmeta", "http://ns.adobe.com"):
            assert word.encode() not in output
            assert word.encode("utf-16-be") not in output
