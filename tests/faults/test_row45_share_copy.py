"""Row 45: a copy to share tells nothing, and no file ever tells where on this computer it was made, or by whom."""

from __future__ import annotations

import getpass
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.photos import png, scene
from tests.studio import ROOT, finished, make_service, quick
from tests.visitors import ANN, BOB, visitor
from webui.core.errors import PictureBroken
from webui.core.imaging import encode_picture, read_picture_text
from webui.core.plain import without_words
from webui.jobs.service import Service

PERSON = "jane-doe-7c1d"
PROMPT = "a zebra called quagga77"
FORMATS = ("png", "jpeg", "webp")
HARMLESS = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "loop", "background", "duration", "timestamp"}
"""What Pillow tells of any JPEG or WebP, whether it says so or not."""


def holds(data: bytes, word: str) -> bool:
    """Whether a word stands in the bytes, in any of the ways in which pictures write text."""
    return any(word.encode(kind) in data for kind in ("utf-8", "utf-16-le", "utf-16-be"))


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def chunks(png: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(png):
        yield png[at + 4 : at + 8]
        at += 12 + int.from_bytes(png[at : at + 4], "big")


def assert_tells_nothing(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert not image.getexif()
        assert set(image.info) <= HARMLESS
        if image.format == "PNG":
            assert set(chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}
    assert read_picture_text(data) == ""
    for word in (PROMPT, "quagga77", "parameters", "Negative prompt", "UNICODE", "Exif", "xmpmeta", "Easel", "Steps:"):
        assert not holds(data, word), word


@pytest.mark.parametrize("quality", [40, 95, 100])
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("text", [PROMPT, PROMPT + "\nNegative prompt: ü漢字\nSteps: 1", PROMPT * 3000, ""])
def test_row45_a_plain_copy_has_the_same_pixels_and_no_word(format, quality, text) -> None:
    image = scene(67, 41)
    told = encode_picture(image.tobytes(), 67, 41, text, format, quality)
    assert text[:7] in read_picture_text(told)
    plain = without_words(told)
    assert (pixels(plain) == pixels(told)).all()
    assert_tells_nothing(plain)
    assert without_words(plain) == plain


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_row45_words_in_every_place_of_a_format_go(kind) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = PERSON
    file = io.BytesIO()
    extra = {"comment": PERSON.encode()} if kind == "JPEG" else {}
    Image.fromarray(scene(40, 30)).save(
        file, kind, exif=exif, xmp=PERSON.encode(), icc_profile=PERSON.encode() * 9, **extra
    )
    assert holds(file.getvalue(), PERSON)
    plain = without_words(file.getvalue())
    assert not holds(plain, PERSON)
    assert (pixels(plain) == pixels(file.getvalue())).all()


@pytest.mark.parametrize("format", FORMATS)
def test_row45_what_is_torn_or_no_picture_is_refused_or_wordless(format) -> None:
    told = encode_picture(scene(40, 30).tobytes(), 40, 30, PROMPT, format, 90)
    for data in (b"", b"GIF89a", *(told[:length] for length in range(0, len(told), 37))):
        try:
            assert not holds(without_words(data), "quagga77")
        except PictureBroken as error:
            assert error.fault.message


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Everything lies below a folder with a person's name, models and data alike."""
    home = tmp_path_factory.mktemp("home") / PERSON
    (home / "models").mkdir(parents=True)
    (home / "models" / "starter").symlink_to(ROOT / "models" / "starter", target_is_directory=True)
    service = make_service(home / "data", (home / "models",))
    service.start()
    yield service
    service.close()


@pytest.mark.parametrize("format", FORMATS)
def test_row45_download_without_the_prompt(service: Service, format: str) -> None:
    service.change_settings(picture_format=format)
    job = finished(service, service.submit(ANN, quick(PROMPT)))
    assert job.state == "done", job.fault
    (picture,) = service.store.job_pictures(job.id)
    ann = visitor(service, ANN)
    whole = ann.get(f"/img/{picture.id}?download=1")
    assert PROMPT in read_picture_text(whole.content) and "quagga77" in whole.headers["content-disposition"]
    plain = ann.get(f"/img/{picture.id}?download=1&plain=1")
    assert plain.status_code == 200 and plain.headers["content-type"] == whole.headers["content-type"]
    assert "quagga77" not in str(plain.headers), "the file's name does not tell it either"
    assert "attachment" in plain.headers["content-disposition"]
    assert_tells_nothing(plain.content)
    assert (pixels(plain.content) == pixels(whole.content)).all()
    assert PROMPT in read_picture_text(ann.get(f"/img/{picture.id}").content), "the picture itself keeps its words"
    assert visitor(service, BOB).get(f"/img/{picture.id}?plain=1").status_code == 404


def test_row45_no_file_tells_a_path_a_home_or_a_user(service: Service) -> None:
    upload = service.photos.add(ANN, png(scene(160, 120)))
    for format in FORMATS:
        service.change_settings(picture_format=format)
        asked = quick(PROMPT, init_image=upload.id, strength=0.5, width=None, height=None, steps=2)
        assert finished(service, service.submit(ANN, asked)).state == "done"
    data = service.settings.data
    files = [file for folder in ("outputs", "uploads") for file in (data / folder).rglob("*.*") if file.is_file()]
    assert {file.suffix for file in files} == {".png", ".jpg", ".webp"}
    paths = [PERSON, str(data), str(ROOT), "models/starter", "uploads/", "outputs/", "/home/", "C:\\Users"]
    home = str(Path.home())
    for file in files:
        content = file.read_bytes()
        told = read_picture_text(content)
        for word in (*paths, *([home] if len(home) > 5 else [])):
            assert not holds(content, word), (file.name, word)
        for word in (getpass.getuser(), upload.id, home):
            assert not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", told), (file.name, word)
