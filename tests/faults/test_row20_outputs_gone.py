"""Row 20: the outputs folder is not there or not writable. Words and a button; nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio import finished, make_service, quick, wait_for
from webui.core.errors import FolderUnusable
from webui.jobs.service import Service
from webui.jobs.store import Store

ANN = "ann" * 8


@pytest.fixture
def unsaved(tmp_path: Path) -> Iterator[tuple[Service, str]]:
    """A service, and a job of Ann's whose picture has no folder to go to."""
    (tmp_path / "outputs").write_text("a file where the folder should be")
    service = make_service(tmp_path)
    service.start()
    try:
        job = service.submit(ANN, quick())
        wait_for(lambda: service.live(ANN)["state"] == "error")
        yield service, job
    finally:
        service.close()


def test_row20_words_a_button_and_the_picture_when_the_folder_is_back(unsaved: tuple[Service, str], tmp_path: Path):
    service, job = unsaved
    fault = service.live(ANN)["fault"]
    assert fault["code"] == "folder_unusable"
    assert fault["fix_label"] == "Save again"
    assert "/" not in fault["message"]
    (tmp_path / "outputs").unlink()
    service.fix(ANN, job)
    assert finished(service, job).state == "done"
    assert len(list((tmp_path / "outputs").rglob("*.png"))) == 1


def test_row20_stop_gives_the_picture_up(unsaved: tuple[Service, str]):
    service, job = unsaved
    service.stop(ANN, job)
    assert finished(service, job).state == "stopped"
    assert service.live(ANN)["fault"] is None


def test_row20_a_data_folder_that_cannot_be_is_one_sentence(tmp_path: Path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(FolderUnusable, match="cannot write to its data folder"):
        Store(tmp_path / "data" / "easel.db")
