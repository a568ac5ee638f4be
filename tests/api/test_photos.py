"""Photos on their way: in over HTTP, cleaned, repainted, and out again with every other byte as it came."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import ExifTags, Image

from tests.faults.photos import MARKER, telling_photo
from tests.photos import box_mask, noise_photo, png, scene
from tests.studio import ROOT, finished, quick
from tests.visitors import ANN, BOB, visitor
from webui.core.errors import NotFound
from webui.core.imaging import read_picture_text
from webui.core.types import Inpainting
from webui.jobs.service import Service


def heic(pixels: np.ndarray, orientation: int = 1) -> bytes:
    import pillow_heif

    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.ImageDescription] = MARKER
    file = pillow_heif.from_pillow(Image.fromarray(pixels))
    out = io.BytesIO()
    file.save(out, quality=95, exif=exif.tobytes())
    return out.getvalue()


def uploaded(client: TestClient, data: bytes, kind: str = "photo") -> dict[str, object]:
    answer = client.post(f"/{kind}s", files={kind: ("a", data)})
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_row29_a_heic_photo_stands_upright(ann: TestClient) -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = (220, 20, 20)
    photo = uploaded(ann, heic(pixels, orientation=6))
    assert (photo["width"], photo["height"]) == (40, 80)
    kept = Image.open(io.BytesIO(ann.get(f"/photos/{photo['id']}").content))
    assert kept.size == (40, 80)
    red = kept.getpixel((20, 10))
    assert isinstance(red, tuple) and red[0] > 180 > 80 > red[2], "the left half is on top when it is turned"


def test_row29_a_damaged_heic_is_told_in_words(ann: TestClient) -> None:
    whole = heic(noise_photo(64, 48))
    for data in (whole[: len(whole) // 2], whole[:40], whole[:200] + bytes(len(whole) - 200)):
        answer = ann.post("/photos", files={"photo": ("a.heic", data)})
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "picture_broken"


def test_avif_opens(ann: TestClient) -> None:
    out = io.BytesIO()
    Image.fromarray(noise_photo(50, 30)).save(out, "AVIF")
    assert uploaded(ann, out.getvalue())["width"] == 50


def test_row30_nothing_of_the_photographer_is_kept_or_sent(service: Service, ann: TestClient) -> None:
    for data in (telling_photo("JPEG"), telling_photo("PNG"), heic(noise_photo(64, 64))):
        assert MARKER.encode() in data
        photo = uploaded(ann, data)
        answers = [ann.get(f"/photos/{photo['id']}"), ann.get(f"/photos/{photo['id']}?thumb=1")]
        assert [a.headers["content-type"] for a in answers] == ["image/png", "image/webp"]
        for answer in answers:
            assert MARKER.encode() not in answer.content and b"GPS" not in answer.content
    for kept in service.settings.data.rglob("*"):
        assert not kept.is_file() or MARKER.encode() not in kept.read_bytes()


def test_a_preview_is_small_and_says_how_large_the_photo_is(ann: TestClient) -> None:
    photo = uploaded(ann, png(noise_photo(400, 200)))
    preview = ann.get(f"/photos/{photo['id']}?side=100")
    assert (preview.headers["x-photo-width"], preview.headers["x-photo-height"]) == ("400", "200")
    assert Image.open(io.BytesIO(preview.content)).size == (100, 50)
    assert Image.open(io.BytesIO(ann.get(f"/photos/{photo['id']}?side=2000").content)).size == (400, 200)
    for side in ("-1", "100000", "wide"):
        assert ann.get(f"/photos/{photo['id']}?side={side}").status_code == 422


def test_a_photo_answers_its_owner_only(service: Service, ann: TestClient) -> None:
    photo = uploaded(ann, png(noise_photo(20, 20)))
    bob = visitor(service, BOB)
    views = (f"/photos/{photo['id']}{how}" for how in ("", "?thumb=1", "?side=100"))
    for path in (*views, "/photos/..%2feasel.db"):
        assert bob.get(path).status_code == 404
    with pytest.raises(NotFound):
        service.submit(BOB, quick(init_image=photo["id"]))


def test_a_photo_is_repainted_and_every_other_byte_comes_back(service: Service, ann: TestClient) -> None:
    """Also when pictures are saved as JPEG: this one is not."""
    pixels, mask = noise_photo(301, 203), box_mask(301, 203, (100, 60, 160, 120))
    photo, painted = uploaded(ann, png(pixels)), uploaded(ann, png(mask), "mask")
    service.change_settings(picture_format="jpeg")
    request = quick(
        init_image=photo["id"],
        mask_image=painted["id"],
        strength=1.0,
        width=None,
        height=None,
        inpaint=Inpainting(feather=4),
    )
    job = finished(service, service.submit(ANN, request))
    service.change_settings(picture_format="png")
    assert job.state == "done", job.fault
    picture = service.store.job_pictures(job.id)[0]
    answer = ann.get(f"/img/{picture.id}")
    assert answer.headers["content-type"] == "image/png"
    result = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    assert result.shape == pixels.shape and (picture.width, picture.height) == (301, 203)
    inside = box_mask(301, 203, (96, 56, 164, 124)) > 0
    assert np.array_equal(result[~inside], pixels[~inside])
    assert (result[mask > 0] != pixels[mask > 0]).any(axis=-1).mean() > 0.9

    again = service.request_of(ANN, picture.id)
    assert (again.init_image, again.mask_image, again.inpaint) == (photo["id"], painted["id"], Inpainting(feather=4))
    once_more = finished(service, service.submit(ANN, again))
    assert ann.get(f"/img/{service.store.job_pictures(once_more.id)[0].id}").content == answer.content

    text = read_picture_text(answer.content)
    for secret in (str(ROOT), str(service.settings.data), str(photo["id"]), ANN):
        assert secret not in text, "row 45: no path, upload or visitor is named in a picture"
        assert secret.encode() not in answer.content

    from_this_one = finished(service, service.submit(ANN, quick(init_image=picture.id, width=None, height=None)))
    assert from_this_one.state == "done" and from_this_one.recipe.width > from_this_one.recipe.height


def test_the_subject_of_a_photo_is_found_in_one_call(service: Service, ann: TestClient) -> None:
    pixels = scene(300, 220)
    y, x = np.mgrid[0:220, 0:300]
    ball = (x - 150) ** 2 + (y - 115) ** 2 < 60**2
    pixels[ball] = (200, 40, 40)
    photo = uploaded(ann, png(pixels))
    answer = ann.post(f"/photos/{photo['id']}/subject")
    assert answer.status_code == 200 and (answer.json()["width"], answer.json()["height"]) == (300, 220)
    mask = np.asarray(Image.open(io.BytesIO(ann.get(f"/photos/{answer.json()['id']}").content)))
    assert mask.dtype == np.uint8 and mask.ndim == 2
    found = mask > 127
    assert (found & ball).sum() / (found | ball).sum() > 0.8
    assert visitor(service, BOB).post(f"/photos/{photo['id']}/subject").status_code == 404


def test_a_photo_of_nothing_has_no_subject(ann: TestClient) -> None:
    photo = uploaded(ann, png(np.full((120, 160, 3), 150, np.uint8)))
    for answer in (ann.post(f"/photos/{photo['id']}/subject"), ann.get(f"/photos/{photo['id']}/cutout")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "nothing_found")
        assert answer.json()["error"]["message"]


def test_a_subject_is_cut_out_at_full_size_and_brings_nothing_else_along(service: Service, ann: TestClient) -> None:
    width, height = 1500, 1100
    pixels = scene(width, height)
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot(x - 750, y - 575)
    pixels[away < 300] = (200, 40, 40)
    file, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Artist] = MARKER
    Image.fromarray(pixels).save(file, "JPEG", quality=97, exif=exif)
    photo = uploaded(ann, file.getvalue())
    answer = ann.get(f"/photos/{photo['id']}/cutout")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'attachment; filename="photo-cutout.png"'
    with Image.open(io.BytesIO(answer.content)) as cut:
        assert (cut.mode, cut.size, dict(cut.info)) == ("RGBA", (width, height), {})
        found = np.asarray(cut)
    alpha = found[..., 3]
    sun = np.hypot(x - 0.7 * width, y - 0.25 * height) < 0.2 * height
    assert (alpha[away < 270] > 250).all() and (alpha[(away > 360) & ~sun] < 5).mean() > 0.99
    edge = np.abs(away[(alpha > 40) & (alpha < 215)] - 300)
    assert edge.size and np.percentile(edge, 90) < 8, "the edge is soft, and lies where the photo's is"
    assert not found[alpha == 0].any(), "the background is gone, not only hidden"
    kept = np.asarray(Image.open(io.BytesIO(ann.get(f"/photos/{photo['id']}").content)))
    assert (found[alpha > 0][:, :3] == kept[alpha > 0]).all()
    assert MARKER.encode() not in answer.content
    assert visitor(service, BOB).get(f"/photos/{photo['id']}/cutout").status_code == 404


def test_an_empty_mask_ends_the_job_with_its_words(service: Service, ann: TestClient) -> None:
    photo, mask = uploaded(ann, png(noise_photo(90, 90))), uploaded(ann, png(np.zeros((9, 9), np.uint8)), "mask")
    job = finished(service, service.submit(ANN, quick(init_image=photo["id"], mask_image=mask["id"])))
    assert job.state == "error" and job.fault is not None
    assert job.fault.code == "mask_empty" and "painted" in job.fault.message


def test_the_ready_made_tasks_are_drawn(service: Service, ann: TestClient) -> None:
    photo, mask = (
        uploaded(ann, png(noise_photo(160, 120))),
        uploaded(ann, png(box_mask(160, 120, (40, 30, 90, 80))), "mask"),
    )
    for task in service.presets.tasks.values():
        painted = str(mask["id"]) if task.needs.startswith("mask") else None
        request = task.request(
            replace(quick(""), width=None, height=None, init_image=str(photo["id"]), mask_image=painted)
        )
        if "extend_to" in task.settings:
            request = replace(request, inpaint=Inpainting(extend_left=20, extend_right=20))
        job = finished(service, service.submit(ANN, request))
        assert job.state == "done", (task.name, job.fault)
