"""Photos of visitors: few at a time, and only as long as something needs them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jobs.test_store import job, picture
from tests.photos import noise_photo, png
from webui.core.errors import Busy, DiskFull, NotFound
from webui.jobs import photos as module
from webui.jobs.photos import KEPT_SECONDS, Photos, _Turns
from webui.jobs.pictures import Pictures
from webui.jobs.store import Store


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[Photos]:
    store = Store(tmp_path / "easel.db")
    yield Photos(store, Pictures(store, tmp_path), tmp_path)
    store.close()


def test_what_nothing_needs_goes_after_a_week(photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = png(noise_photo(16, 16))
    lonely, drawn, waiting, done = (photos.add("ann", data).id for _ in range(4))
    mask = photos.add_mask("ann", data).id
    store = photos._store
    recipe = replace(job().recipe, init_image=drawn, mask_image=mask)
    store.add_picture(replace(picture(1), recipe=recipe), b"")
    store.add_job(job(2, recipe=replace(recipe, init_image=waiting)))
    store.add_job(job(3, recipe=replace(recipe, init_image=done), state="done"))
    photos.purge()
    assert len(list((tmp_path / "uploads").iterdir())) == 5
    later = time.time() + KEPT_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    photos.purge()
    for kept in (drawn, waiting, mask):
        assert photos.read("ann", kept)
    for gone in (lonely, done):
        with pytest.raises(NotFound):
            photos.read("ann", gone)
    assert len(list((tmp_path / "uploads").iterdir())) == 3


def test_photos_leave_room_on_the_disk(photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM_LEFT", 2**70)
    with pytest.raises(DiskFull):
        photos.add("ann", png(noise_photo(16, 16)))
    assert not (tmp_path / "uploads").exists()


def test_one_at_a_time_and_few_wait() -> None:
    turns, inside, most, told = _Turns(waiting=3), 0, 0, []
    go = threading.Event()

    def work() -> None:
        nonlocal inside, most
        try:
            with turns.mine():
                inside += 1
                most = max(most, inside)
                go.wait(30)
                inside -= 1
        except Busy:
            told.append("busy")
            if len(told) == 5:
                go.set()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (most, len(told)) == (1, 5)
    with turns.mine():
        pass  # and there is room again
