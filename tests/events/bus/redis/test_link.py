"""What the workers of a bus tell each other of Redis."""

from __future__ import annotations

import asyncio

import pytest

from quantai.core.clock import SimulatedClock
from quantai.events.bus import MemoryEventBus
from quantai.events.bus.redis import RedisSettings, link
from quantai.events.bus.redis.link import Link
from tests.events.bus.conftest import turns


async def test_who_waits_tries_again_as_soon_as_another_could_do_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_FIRST_DELAY_S", 1e6)
    monkeypatch.setattr(link, "_LONGEST_DELAY_S", 1e6)
    clock = SimulatedClock()
    shared = Link(RedisSettings(), MemoryEventBus(clock), clock)
    waiting = [asyncio.create_task(shared.failed(worker, OSError("away"))) for worker in ("reader", "sender")]
    await turns()
    shared.succeeded("acks")  # it never failed, so that is no news
    await turns()
    assert not any(task.done() for task in waiting)
    shared.succeeded("sender")
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    assert not shared.is_up
    shared.succeeded("reader")
    assert shared.is_up
    assert shared.counters.reconnects == 1
