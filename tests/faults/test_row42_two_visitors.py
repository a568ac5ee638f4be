"""Row 42: two visitors with interleaved jobs, one of whom leaves midway: nothing of one ever reaches the other."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.studio import make_service, quick, wait_for
from webui.api.server import events
from webui.core.imaging import read_picture_text
from webui.jobs.service import Service

VISITORS = {"ann" * 8: "a red apple", "bob" * 8: "a blue boat"}
JOBS_EACH = 30


async def watch(service: Service, owner: str, until: int, seen: list[str]) -> None:
    """Reads a visitor's stream like a tab does, until so many views have come."""
    async for line in events(service, owner):
        seen.append(line)
        view = json.loads(line[6:]) if line.startswith("data: ") else {}
        idle = view.get("state") in ("done", "idle") and not view.get("waiting")
        if len(seen) >= until or (idle and not service.store.unfinished_jobs()):
            return


def test_row42_nothing_crosses_between_two_visitors(tmp_path: Path):
    service = make_service(tmp_path)
    service.start()
    try:
        for number in range(JOBS_EACH):
            for owner, prompt in VISITORS.items():
                service.submit(owner, quick(f"{prompt} number {number}", seed=number))
        (ann, apple), (bob, boat) = VISITORS.items()
        streams: dict[str, list[str]] = {ann: [], bob: []}

        async def both() -> None:
            await asyncio.gather(watch(service, ann, 20, streams[ann]), watch(service, bob, 10**6, streams[bob]))

        asyncio.run(asyncio.wait_for(both(), 240))
        wait_for(lambda: not service.store.unfinished_jobs())
        assert len(streams[ann]) >= 20
        assert not any(boat in line for line in streams[ann])
        assert not any(apple in line for line in streams[bob])
        for owner, prompt in VISITORS.items():
            pictures = service.pictures.page(owner, limit=200)
            assert {p.prompt for p in pictures} == {f"{prompt} number {n}" for n in range(JOBS_EACH)}
            other = ann if owner == bob else bob
            for picture in pictures:
                assert read_picture_text(service.pictures.read(owner, picture.id)).startswith(picture.prompt)
                assert service.pictures.get(other, picture.id) is None
    finally:
        service.close()
