"""The bell between threads and the event loop."""

from __future__ import annotations

import asyncio
import threading

from webui.jobs.broadcast import Broadcast


def test_a_ring_from_another_thread_is_heard_and_silence_is_told():
    bell = Broadcast()

    async def listen() -> list[bool]:
        heard = []
        threading.Timer(0.05, bell.ring).start()
        async for rang in bell.rings(quiet_seconds=0.3):
            heard.append(rang)
            if len(heard) == 2:
                break
        return heard

    assert asyncio.run(listen()) == [True, False]


def test_a_listener_that_leaves_is_forgotten():
    bell = Broadcast()

    async def come_and_go() -> int:
        rings = bell.rings(quiet_seconds=0.01)
        await anext(rings)
        there = bell.listeners
        await rings.aclose()
        return there

    assert asyncio.run(come_and_go()) == 1
    assert bell.listeners == 0
    bell.ring()


def test_many_rings_reach_a_slow_listener_as_one():
    bell = Broadcast()

    async def slow() -> list[bool]:
        heard = []
        rings = bell.rings(quiet_seconds=0.2)
        task = asyncio.ensure_future(anext(rings))
        await asyncio.sleep(0.01)
        for _ in range(100):
            bell.ring()
        heard.append(await task)
        await asyncio.sleep(0.01)
        async for rang in rings:
            heard.append(rang)
            if not rang:
                break
        return heard

    heard = asyncio.run(slow())
    assert heard[0] is True
    assert len(heard) <= 3
