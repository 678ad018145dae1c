"""Who gets a snapshot when: within the budget, and again where it did not work out. Time is simulated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.events import OrderBookSnapshotEvent
from quantai.exchanges.book_chains import RangeChain
from quantai.exchanges.book_snapshots import BookSnapshots
from quantai.exchanges.book_sync import BookCounts, BookSync
from quantai.exchanges.books import Books
from quantai.exchanges.errors import OutcomeUnknown
from quantai.exchanges.rate_limiter import Priority, RateLimiter, RateRule

WEIGHT = {"WEIGHT": 25}


class World:
    """Books, a venue that answers as `fails` says, and a budget of 6,000 a minute."""

    def __init__(self, fails: Callable[[str], bool] = lambda symbol: False) -> None:
        self.clock = SimulatedClock(60 * NS_PER_SECOND)
        self.limiter = RateLimiter(self.clock, [RateRule("WEIGHT", 6_000, 60 * NS_PER_SECOND)])
        self.counts = BookCounts()
        self.fails = fails
        self.asked: list[tuple[int, str]] = []
        self.at_once = self.most_at_once = 0
        self.snapshots = BookSnapshots(self.fetch, self.clock, self.counts, random=Random(1))
        self.books = Books(
            "binance", RangeChain(), depth=10, sink=lambda event: None, publish=lambda event: None,
            is_wanted=lambda topic: True, request=self.snapshots.request, counts=self.counts,
        )  # fmt: skip

    async def fetch(self, book: BookSync) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.limiter.acquire(WEIGHT, Priority.QUERY)
            self.asked.append((self.clock.now_ns(), book.symbol))
            if self.fails(book.symbol):
                raise OutcomeUnknown("no answer")
            book.on_snapshot(OrderBookSnapshotEvent("binance", book.symbol, 1, 1, ((1.0, 1.0),), ((2.0, 1.0),), 5))
        finally:
            self.at_once -= 1

    async def pass_time(self, until_s: int) -> None:
        """Let everything happen that is due until then."""
        end_ns = until_s * NS_PER_SECOND
        while True:
            for _ in range(50):
                await asyncio.sleep(0)
            if self.clock.next_due_ns > end_ns:
                break
            self.clock.fire_next()
        self.clock.set_time(max(self.clock.now_ns(), end_ns))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.snapshots.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_two_hundred_books_at_once_stay_within_the_budget_and_all_get_theirs() -> None:
    world = World()
    async with world.running():
        for number in range(250):
            world.books.of(f"C{number}/USDT").up()
        await world.pass_time(119)
        first_minute = len(world.asked)
        await world.pass_time(180)
    assert 0 < first_minute * WEIGHT["WEIGHT"] <= 6_000
    assert first_minute >= 200
    assert all(book.is_valid for book in world.books)
    assert len(world.asked) == 250
    assert world.most_at_once == 4


async def test_a_book_is_asked_for_once_however_often_it_asks() -> None:
    world = World()
    async with world.running():
        book = world.books.of("BTC/USDT")
        for _ in range(5):
            book.up()
        await world.pass_time(61)
    assert (len(world.asked), world.snapshots.waiting) == (1, 0)


async def test_what_fails_is_asked_for_again_later_and_later_and_keeps_no_other_waiting() -> None:
    failing = {"BAD/USDT"}
    world = World(failing.__contains__)
    async with world.running():
        for symbol in ("BAD/USDT", "BTC/USDT"):
            world.books.of(symbol).up()
        await world.pass_time(200)
        times = [ns / NS_PER_SECOND for ns, symbol in world.asked if symbol == "BAD/USDT"]
        assert len(times) < 15
        assert times[1] - times[0] <= 1
        assert times[-1] - times[-2] > 5
        assert world.books.of("BTC/USDT").is_valid
        assert world.counts.failed_requests == len(times)
        failing.clear()
        await world.pass_time(300)
    assert world.books.of("BAD/USDT").is_valid


async def test_a_book_whose_stream_fell_is_no_longer_asked_for() -> None:
    world = World(lambda symbol: True)
    async with world.running():
        book = world.books.of("BTC/USDT")
        book.up()
        await world.pass_time(61)
        book.down(world.clock.now_ns())
        asked = len(world.asked)
        await world.pass_time(300)
        assert (len(world.asked), world.snapshots.waiting) == (asked, 0)


async def test_books_that_failed_together_do_not_come_back_together() -> None:
    world = World(lambda symbol: True)
    async with world.running():
        for number in range(4):
            world.books.of(f"C{number}/USDT").up()
        await world.pass_time(62)
    second = [ns for ns, _ in world.asked[4:8]]
    assert len(set(second)) == 4
