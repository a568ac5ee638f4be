"""The offer, and the one download behind it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hub import Hub, running_hub
from tests.offers import ANN, RTX, ended, offering
from tests.studio import wait_for
from webui.core.errors import InvalidRequest, NotFound
from webui.core.model_presets import CardNeeds
from webui.core.settings import load_settings
from webui.core.types import DeviceFacts
from webui.jobs.offer_views import card_name, file_size
from webui.jobs.service import Service
from webui.library.arrival import arrived, part_file

CONTENT = random.Random(2).randbytes(300_000)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub(CONTENT) as hub:
        yield hub


@pytest.fixture
def service(hub: Hub, tmp_path: Path) -> Iterator[Service]:
    service = offering(tmp_path, [hub.model()])
    yield service
    service.close()


def line(service: Service) -> dict:
    return service.live(ANN, here=True)["offer"]


def test_a_line_offers_what_serves_the_card_and_contacts_nobody(service: Service, hub: Hub) -> None:
    offer = line(service)
    assert (offer["state"], offer["get"], offer["get_label"]) == ("offered", "tiny", "Get it")
    assert offer["words"] == "Your RTX 4070 can draw far better: Tiny Model, 1 MB."
    assert (offer["licence"], offer["terms"]) == ("Test licence", "Commercial use is allowed.")
    assert hub.seen == []


def test_a_visitor_from_elsewhere_sees_no_line(service: Service) -> None:
    assert service.live(ANN)["offer"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"facts": None},
        {"facts": DeviceFacts("cpu", "a processor", 64 * 2**30, 2**35, "float32")},
        {"facts": replace(RTX, total=0)},
        {"route": lambda: False},
        {"flags": ["--offline"]},
    ],
    ids=["the worker has not told yet", "a processor", "a small card", "no network", "--offline"],
)
def test_where_it_is_of_no_use_nothing_is_offered(hub: Hub, tmp_path: Path, change: dict) -> None:
    service = offering(tmp_path, [hub.model()], **change)
    assert line(service) is None
    service.close()


def test_whoever_has_a_model_is_offered_none(service: Service, tmp_path: Path, tiny_models) -> None:
    assert line(service)
    folder = tmp_path / "models" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "mine.safetensors").symlink_to(tiny_models.sd)
    service.catalog.refresh()
    assert line(service) is None


def test_a_broken_model_is_no_model(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "broken.safetensors").write_bytes(b"no header")
    service.catalog.refresh()
    assert len(service.catalog.models()) == 2
    assert line(service)["state"] == "offered"


def test_not_now_is_remembered_and_can_be_taken_back(service: Service, tmp_path: Path) -> None:
    service.decline_model()
    assert line(service) is None
    assert not load_settings(["--data", str(tmp_path)], {}, tmp_path).suggest_models
    service.change_settings(suggest_models="yes")
    assert line(service)["state"] == "offered"


def test_a_download_shows_its_way_and_can_be_stopped_and_taken_up(service: Service, hub: Hub, tmp_path: Path) -> None:
    hub.gate_at = 163_840
    folder = tmp_path / "models" / "checkpoints"
    service.get_model("tiny")
    wait_for(lambda: arrived(folder, hub.model()) == hub.gate_at, 20)
    assert line(service)["state"] == "coming"
    assert line(service)["words"].startswith("Getting Tiny Model: ")
    service.downloads.stop()
    offer = line(service)
    assert (offer["state"], offer["get_label"]) == ("offered", "Go on")
    assert offer["words"] == "1 MB of 1 MB of Tiny Model are here already."
    hub.gate.set()
    service.get_model("tiny")
    assert ended(service)["state"] == "here"
    assert (folder / "tiny-model.safetensors").read_bytes() == CONTENT
    assert hub.seen[1]["range"] == f"bytes={hub.gate_at}-"


def test_declining_midway_leaves_nothing_behind(service: Service, hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [100_000] + [0] * 9
    service.get_model("tiny")
    assert ended(service)["state"] == "failed"
    folder = tmp_path / "models" / "checkpoints"
    assert arrived(folder, hub.model()) > 0
    service.decline_model()
    assert line(service) is None
    assert list(folder.iterdir()) == []


def test_a_download_outlives_who_began_it_and_ends_in_the_catalog(hub: Hub, tmp_path: Path, tiny_models) -> None:
    hub.content = tiny_models.sd.read_bytes()
    service = offering(tmp_path, [hub.model()])
    heard: list[str] = []
    service.downloads._changed = lambda: heard.append("ring")  # the bell that wakes every stream
    service.get_model("tiny")
    offer = ended(service)
    assert (offer["state"], offer["words"]) == ("here", "Tiny Model is here.")
    assert service.catalog.model(offer["card"]).title == "tiny-model"
    assert offer["card"] == "checkpoints/tiny-model"
    assert len(heard) >= 2
    service.decline_model()
    assert line(service) is None
    assert service.settings.suggest_models
    service.close()


def test_after_a_crash_the_next_click_goes_on(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "checkpoints"
    folder.mkdir(parents=True)
    part_file(folder, hub.model()).write_bytes(CONTENT[:123_456])
    (folder / "tiny-model.safetensors.part.etag").write_text('"first"')
    service = offering(tmp_path, [hub.model()])
    assert line(service)["get_label"] == "Go on"
    service.get_model("tiny")
    ended(service)
    assert hub.seen[0]["range"] == "bytes=123456-"
    assert (folder / "tiny-model.safetensors").read_bytes() == CONTENT
    service.close()


def test_a_model_that_is_not_given_out_leaves_the_next_best(hub: Hub, tmp_path: Path) -> None:
    hub.status = 404
    best = hub.model()
    other = hub.model(id="other", title="Other Model", needs=CardNeeds(1, 1), file="other.safetensors")
    service = offering(tmp_path, [other, best])
    service.get_model("tiny")
    offer = ended(service)
    assert offer["words"] == "Tiny Model is not at 127.0.0.1 any more."
    assert (offer["get"], offer["get_label"]) == ("other", "Get Other Model, 1 MB")
    hub.status = 0
    service.get_model("other")
    assert ended(service)["state"] == "here"
    service.close()


def test_only_what_is_known_can_be_got_and_one_at_a_time(hub: Hub, tmp_path: Path) -> None:
    subject = hub.model(id="subject", kind="subject")
    service = offering(tmp_path, [hub.model(), hub.model(id="other"), subject])
    for name in ("http://127.0.0.1:1/x", "../tiny", "subject", ""):
        with pytest.raises(NotFound):
            service.get_model(name)
    hub.gate_at = 0
    service.get_model("tiny")
    service.get_model("tiny")
    with pytest.raises(InvalidRequest, match="still coming"):
        service.get_model("other")
    wait_for(lambda: hub.seen, 20)
    service.close()
    assert len(hub.seen) == 1


def test_without_the_network_nothing_is_got(hub: Hub, tmp_path: Path) -> None:
    service = offering(tmp_path, [hub.model()], flags=["--offline"])
    with pytest.raises(InvalidRequest, match="--offline"):
        service.get_model("tiny")
    service.close()
    assert hub.seen == []


@pytest.mark.parametrize(
    "device, called",
    [("NVIDIA GeForce RTX 4070", "RTX 4070"), ("NVIDIA GeForce RTX 3060 Laptop GPU", "RTX 3060"), ("Apple GPU", "Mac"),
     ("AMD Radeon RX 7900 XTX", "Radeon RX 7900 XTX"), ("", "card"), ("NVIDIA H200", "H200")],
)  # fmt: skip
def test_cards_are_called_as_people_call_them(device: str, called: str) -> None:
    assert card_name(device) == called


def test_sizes_are_said_as_file_managers_say_them() -> None:
    assert [file_size(n) for n in (6_938_078_334, 410_000_000, 1)] == ["6.9 GB", "410 MB", "1 MB"]


def test_whoever_watches_hears_when_the_card_gets_ready(hub: Hub, tmp_path: Path) -> None:
    """The page opens before the worker knows its card; the line comes without a reload."""
    service = offering(tmp_path, [hub.model()], facts=None)
    service.start()

    async def watch() -> list[dict]:
        views = service.changes(ANN, here=True)
        first = await anext(views)
        service._dispatchers[0].link.facts = RTX  # type: ignore[misc]
        async for view in views:
            if view and view["offer"]:
                return [first, view]
        return []

    first, last = asyncio.run(asyncio.wait_for(watch(), 30))
    assert first["offer"] is None
    assert last["offer"]["state"] == "offered"
    service.close()
