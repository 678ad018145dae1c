"""Holes in the trades of an instrument are filled page by page, and at the end none is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from quantai.core.clock import SimulatedClock
from quantai.events import Event, GapEvent
from quantai.exchanges import missed_trades
from quantai.exchanges.missed_trades import MissedTrades, MissingTrades


class World:
    """A venue that gives ten trades with each answer, while its gate is open."""

    def __init__(self) -> None:
        self.page = 10
        self.asked: list[tuple[str, int]] = []
        self.told: list[Event] = []
        self.holes: dict[str, MissingTrades] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.missed = MissedTrades("venue", self._fetch, SimulatedClock(1_000), self.told.append, max_trades=100)
        self.task = asyncio.create_task(self.missed.run())

    async def _fetch(self, symbol: str, from_id: int) -> None:
        self.asked.append((symbol, from_id))
        await self.gate.wait()
        self.holes[symbol].next_id += self.page

    async def add(self, symbol: str, next_id: int, end_id: int) -> None:
        hole = self.holes[symbol] = MissingTrades(symbol, next_id, end_id, 100, 900)
        self.missed.add(hole)
        await self.settled()

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def rows(self) -> list[tuple[str, int, int, int]]:
        return [(e.symbol, e.start_ns, e.end_ns, e.lost) for e in self.told if isinstance(e, GapEvent)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.end()


async def test_a_hole_is_asked_for_page_by_page(world: World) -> None:
    await world.add("BTC", 5, 26)
    assert world.asked == [("BTC", 5), ("BTC", 15), ("BTC", 25)]
    assert (world.missed.filled, world.missed.given_up, world.told) == (1, 0, [])


async def test_an_answer_that_brings_nothing_ends_the_asking(world: World) -> None:
    world.page = 0
    await world.add("BTC", 5, 26)
    assert world.asked == [("BTC", 5)]
    assert world.rows() == [("BTC", 100, 900, 21)]


async def test_no_more_wait_than_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed_trades, "_MAX_WAITING", 2)
    world.gate.clear()
    for symbol in ("BTC", "ETH", "SOL"):
        await world.add(symbol, 5, 6)
    assert [row[0] for row in world.rows()] == ["SOL"]
    world.gate.set()
    await world.settled()
    assert world.missed.filled == 2


async def test_at_the_end_everything_that_is_not_filled_is_told_once(world: World) -> None:
    world.gate.clear()
    await world.add("BTC", 5, 6)
    await world.add("ETH", 5, 8)
    await world.end()
    world.missed.stop()
    world.missed.stop()
    assert [(row[0], row[3]) for row in world.rows()] == [("BTC", 1), ("ETH", 3)]
