"""The server's own routes, over the real service and worker."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.studio import finished, quick, wait_for
from tests.visitors import ANN, BOB
from webui.api.server import events
from webui.core.errors import QueueFull
from webui.core.imaging import read_picture_text
from webui.core.types import Fault
from webui.jobs.service import OWNER_LIMIT, QUEUE_LIMIT, Service


@pytest.fixture(scope="module")
def drawn(service: Service) -> list[str]:
    """Two pictures of Ann's, newest first."""
    job = service.submit(ANN, quick("a red apple, “quoted”: yes", count=2))
    assert finished(service, job).state == "done"
    return [picture.id for picture in service.pictures.page(ANN)]


def test_health_is_told_to_anybody(bob: TestClient):
    answer = bob.get("/healthz").json()
    assert answer["status"] == "ok"
    assert answer["workers"][0].keys() == {"device", "state", "model"}


def test_a_picture_answers_its_owner_only(ann: TestClient, bob: TestClient, drawn: list[str]):
    whole, thumb = ann.get(f"/img/{drawn[0]}"), ann.get(f"/img/{drawn[0]}?thumb=1")
    assert whole.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(whole.content)).size == (128, 128)
    assert thumb.headers["content-type"] == "image/webp"
    assert read_picture_text(whole.content).startswith("a red apple, “quoted”: yes\n")
    for path in (f"/img/{drawn[0]}", f"/img/{drawn[0]}?thumb=1", f"/pictures/{drawn[0]}", f"/preview/{drawn[0]}"):
        assert bob.get(path).status_code == 404
    assert bob.get("/pictures").json() == {"pictures": [], "more": False}


def test_download_has_a_name_made_of_the_prompt(ann: TestClient, drawn: list[str]):
    header = ann.get(f"/img/{drawn[0]}?download=1").headers["content-disposition"]
    assert header == 'attachment; filename="a-red-apple-quoted-yes.png"'


def test_the_second_picture_counts_the_seed_on(ann: TestClient, drawn: list[str]):
    pictures = ann.get("/pictures").json()["pictures"]
    assert [p["seed"] for p in pictures] == [2, 1]
    info = ann.get(f"/pictures/{drawn[0]}").json()
    assert "Seed: 2" in info["infotext"]
    assert info["recipe"]["steps"] == 1


def test_paging(ann: TestClient, drawn: list[str]):
    first = ann.get("/pictures", params={"limit": 1}).json()
    assert first["more"] is True
    rest = ann.get("/pictures", params={"limit": 1, "before": first["pictures"][0]["created"]}).json()
    assert [first["pictures"][0]["id"], rest["pictures"][0]["id"]] == drawn
    assert ann.get("/pictures", params={"limit": 10**6}).status_code == 422
    assert ann.get("/pictures", params={"search": "x" * 1000}).status_code == 422


def test_favourite_delete_and_restore(ann: TestClient, bob: TestClient, drawn: list[str]):
    assert ann.post(f"/pictures/{drawn[0]}/favourite", json={"on": True}).status_code == 200
    assert [p["id"] for p in ann.get("/pictures", params={"favourites": True}).json()["pictures"]] == [drawn[0]]
    bob.post("/pictures/delete", json={"ids": drawn})
    assert len(ann.get("/pictures").json()["pictures"]) == 2
    ann.post("/pictures/delete", json={"ids": drawn})
    assert ann.get("/pictures").json()["pictures"] == []
    ann.post("/pictures/restore", json={"ids": drawn})
    assert len(ann.get("/pictures").json()["pictures"]) == 2


def test_the_live_stream_tells_of_a_job_from_queue_to_picture(service: Service):
    """The stream as the browser reads it, until the job is done."""
    job = service.submit(ANN, quick("a blue star", steps=6))

    async def read() -> list[str]:
        states = []
        async for line in events(service, ANN):
            if line.startswith("data: ") and (view := json.loads(line[6:]))["job"] == job:
                states.append(view["state"])
                if view["state"] in ("done", "error"):
                    assert len(view["pictures"]) == 1
                    break
        return states

    states = asyncio.run(asyncio.wait_for(read(), 60))
    assert states[-1] == "done"
    assert "running" in states


def test_stop_and_fix_are_for_the_owner(service: Service, ann: TestClient, bob: TestClient):
    job = service.submit(ANN, quick("a long one", steps=150, width=256, height=256))
    wait_for(lambda: service.live(ANN)["state"] == "running")
    assert bob.post(f"/jobs/{job}/stop").status_code == 404
    assert ann.post(f"/jobs/{job}/fix").status_code == 422
    assert bob.post(f"/jobs/{job}/fix").status_code == 404
    assert ann.post(f"/jobs/{job}/stop").status_code == 200
    assert finished(service, job).state == "stopped"


@pytest.mark.parametrize(("told", "side"), [("size:64x64", 64), ("retry", 72)])
def test_what_a_fix_does_was_settled_when_the_fault_was_told(service: Service, ann: TestClient, told: str, side: int):
    """The page cannot ask for another size or model this way, past what is checked when a picture is asked for."""
    job = service.submit(ANN, quick(width=72, height=72))
    finished(service, job)
    service.store.set_job(job, "error", Fault("out_of_memory", "Too large.", fix=told))
    again = ann.post(f"/jobs/{job}/fix", json={"fix": "size:100000x100000"}).json()["job"]
    recipe = service.store.job(again).recipe
    assert (recipe.width, recipe.height) == (side, side)
    assert finished(service, again).state == "done"


def test_mending_does_not_get_past_the_queue_limit(service: Service, ann: TestClient):
    job = service.submit(ANN, quick())
    finished(service, job)
    service.store.set_job(job, "error", Fault("worker_died", "It stopped.", fix="retry"))
    service.submit(ANN, quick("a long one", steps=150, width=256, height=256))
    told = [ann.post(f"/jobs/{job}/fix").status_code for _ in range(OWNER_LIMIT)]
    assert told[0] == 200
    assert told[-1] == QueueFull.status
    for waiting in reversed(service.store.unfinished_jobs()):
        service.stop(ANN, waiting.id)


def test_refusals_are_words(ann: TestClient):
    error = ann.post("/jobs/nothing/stop").json()["error"]
    assert error["code"] == "not_found"
    assert error["message"].endswith(".")


def test_a_photo_is_kept_for_its_owner(service: Service, ann: TestClient):
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(file, "JPEG")
    upload = ann.post("/photos", files={"photo": ("x.jpg", file.getvalue())}).json()
    assert (upload["width"], upload["height"]) == (60, 40)
    assert service.photos.size(ANN, upload["id"]) == (60, 40)
    broken = ann.post("/photos", files={"photo": ("x.jpg", b"<html>")})
    assert broken.status_code == 422
    assert broken.json()["error"]["code"] == "picture_broken"


@pytest.mark.parametrize(
    "path", ["/docs", "/openapi.json", "/redoc", "/img/../../easel.db", "/style-preview/../easel.db"]
)
def test_nothing_else_is_there(ann: TestClient, path: str):
    assert ann.get(path).status_code == 404


def test_style_pictures_stay_in_their_folder(ann: TestClient, service: Service, tmp_path: Path):
    assert ann.get("/style-preview/%2e%2e/%2e%2e/etc/passwd").status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/pictures/delete", b'{"ids": ["\\ud800"]}'),
        ("/pictures/delete", b'{"ids": NaN}'),
        ("/pictures/restore", b'{"ids": "x"}'),
        ("/pictures/x/favourite", b'{"on": "\\ud800"}'),
        ("/pictures/x/favourite", b"{"),
    ],
)
def test_a_request_that_cannot_be_read_is_told_in_words(ann: TestClient, path: str, body: bytes):
    answer = ann.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].endswith(".")


def test_strangers_leave_room_in_the_queue(service: Service, ann: TestClient):
    blocker = service.submit(ANN, quick("a long one", steps=150, width=256, height=256))
    wait_for(lambda: service.store.job(blocker).state == "running")
    made_up = (f"visitor{k:020d}" for k in range(QUEUE_LIMIT))
    with pytest.raises(QueueFull):
        for number, owner in enumerate(made_up):
            service.submit(owner, quick(seed=number), here=False)
    here = service.submit(ANN, quick("mine"), here=True)
    for job in service.store.unfinished_jobs():
        if job.id not in (blocker, here):
            service.stop(job.owner, job.id)
    service.stop(ANN, blocker)
    assert finished(service, here).state == "done"


def test_a_model_that_is_no_name_is_missing(service: Service):
    for model in (["starter"], {"id": "starter"}, 7):
        assert service.model_for(model).id == "starter"  # what is no name names nothing: the first that works
    assert not service.store._rows("SELECT * FROM jobs WHERE id = ?", "\ud800")


def test_everything_of_ones_own_is_stopped_in_one_call(service: Service, ann: TestClient):
    jobs = [service.submit(ANN, quick("a long one", steps=150, width=256, height=256)) for _ in range(3)]
    other = service.submit(BOB, quick("somebody else's"))
    assert ann.post("/jobs/stop").status_code == 200
    assert {finished(service, job).state for job in jobs} == {"stopped"}
    assert finished(service, other).state == "done"


def test_several_pictures_come_as_one_archive_and_only_ones_own(service: Service, ann: TestClient):
    job = finished(service, service.submit(ANN, quick("a red apple", count=2)))
    mine = [picture.id for picture in service.store.job_pictures(job.id)]
    theirs = service.store.job_pictures(finished(service, service.submit(BOB, quick())).id)[0].id
    answer = ann.get("/pictures.zip", params={"ids": ",".join([*mine, theirs, "nothing"])})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(set(archive.namelist())) == 2
        assert {archive.read(name) for name in archive.namelist()} == {service.picture_bytes(ANN, id) for id in mine}
