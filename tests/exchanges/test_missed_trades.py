"""Holes are filled one after another; what cannot be filled is told, and stops nothing."""

from __future__ import annotations

import asyncio

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.errors import VenueError
from quantai.events import Event, GapEvent
from quantai.exchanges.missed_trades import MissedTrades, MissingTrades


def hole(first: int, end: int) -> MissingTrades:
    return MissingTrades("BTC/USDT", first, end, 50, 60)


@pytest.mark.parametrize("error", [VenueError("cut"), ZeroDivisionError()])
async def test_a_question_that_fails_is_a_gap_and_the_next_hole_is_filled(error: Exception) -> None:
    told: list[Event] = []
    holes = [hole(5, 7), hole(9, 10)]

    async def fetch(symbol: str, from_id: int) -> None:
        if from_id == 6:
            raise error
        holes[from_id > 7].next_id = from_id + 1

    missed = MissedTrades("toy", fetch, SimulatedClock(100), told.append, max_trades=100)
    running = asyncio.create_task(missed.run())
    for each in holes:
        missed.add(each)
    async with asyncio.timeout(10):
        while missed.filled + missed.given_up < 2:
            await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    (gap,) = told
    assert isinstance(gap, GapEvent)
    assert (gap.lost, gap.start_ns, gap.end_ns, missed.filled) == (1, 50, 60, 1)


async def test_what_cannot_be_asked_for_is_a_gap_at_once() -> None:
    told: list[Event] = []

    async def fetch(symbol: str, from_id: int) -> None:
        raise AssertionError

    missed = MissedTrades("toy", fetch, SimulatedClock(100), told.append, max_trades=10)
    missed.add(hole(0, 0))
    missed.add(hole(1, 12))
    assert [(each.lost, each.reason) for each in told if isinstance(each, GapEvent)] == [
        (0, "the venue's trade ids began anew"), (11, "trades are missing"),
    ]  # fmt: skip
