"""Data cards: what happens where streams, connections and answers fail."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import Side
from quantai.core.errors import StartupError
from quantai.events import (
    ConnectedEvent,
    DisconnectedEvent,
    MarkPriceEvent,
    OrderBookSnapshotEvent,
    StaleEvent,
    TickEvent,
    TradeEvent,
)
from quantai.loopback.server.faults import FaultKind
from tests.venues.contract.cards import FETCHES_TRADES, LOSES_TRADES, card, channel, fact
from tests.venues.contract.stage import Stage
from tests.venues.contract.streaming import Streaming, streaming

_TRADED = Decimal("0.01")
_BOOKS = (channel("book"), channel("book_delta"))


def _trade(stage: Stage, times: int = 1, symbol: str = "") -> None:
    for _ in range(times):
        stage.take(Side.BUY, stage.best(Side.SELL, symbol), _TRADED, symbol)


async def _falls(there: Streaming) -> None:
    there.stage.break_(FaultKind.CUT)
    await there.stage.until(lambda: there.told(DisconnectedEvent))


async def _stands(there: Streaming) -> None:
    await there.stage.until(lambda: len(there.told(ConnectedEvent)) > len(there.told(DisconnectedEvent)))


@card("D20", "A connection that is cut is told, stands again, and quotes that were missed are a gap", channel("tick"))
async def a_cut_is_a_gap(stage: Stage) -> None:
    async with streaming(stage, "tick") as there:
        _trade(stage)
        await there.comes(TickEvent)
        cut_ns = stage.clock.now_ns()
        await _falls(there)
        await _stands(there)
        await stage.until(there.gaps)
        [gap] = there.gaps()
        assert gap.start_ns <= cut_ns <= gap.end_ns
        seen = len(there.of(TickEvent))
        _trade(stage)
        await there.comes(TickEvent, seen + 1)


@card("D21", "Trades during an outage are fetched: all come, none twice", channel("trade"), FETCHES_TRADES)
async def trades_of_an_outage_are_fetched(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        before = there.last_id()
        _trade(stage, 3)
        await there.comes(TradeEvent, 3)
        await _falls(there)
        _trade(stage, 7)
        await _stands(there)
        await stage.pass_time(2, 0.02)
        _trade(stage, 2)
        await there.trades_agree(before)


@card("D36", "Trades during an outage are a gap", channel("trade"), LOSES_TRADES)
async def trades_of_an_outage_are_a_gap(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        _trade(stage)
        await there.comes(TradeEvent)
        cut_ns = stage.clock.now_ns()
        await _falls(there)
        _trade(stage, 3)
        await _stands(there)
        await stage.until(there.gaps)
        assert there.gaps()[0].start_ns <= cut_ns <= there.gaps()[0].end_ns
        _trade(stage)
        await there.comes(TradeEvent, 2)


@card("D22", "A trade that did not come is fetched", channel("trade"), FETCHES_TRADES)
async def a_dropped_trade_is_fetched(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        before = there.last_id()
        stage.break_(FaultKind.DROP, stage.venue.stream("trade", stage.symbol), after=2, count=3)
        _trade(stage, 10)
        await there.trades_agree(before)


@card("D23", "A trade that came twice is one", channel("trade"))
async def a_doubled_trade_is_one(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        before = there.last_id()
        stage.break_(FaultKind.DUPLICATE, stage.venue.stream("trade", stage.symbol), count=4)
        _trade(stage, 6)
        await there.trades_agree(before)


@card("D24", "Where missed trades cannot be had, the gap is told", channel("trade"), FETCHES_TRADES)
async def trades_that_are_gone_are_a_gap(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        _trade(stage)
        await there.comes(TradeEvent)
        stage.break_(FaultKind.ERROR_BEFORE, stage.venue.requests["missed_trades"], count=50)
        stage.break_(FaultKind.DROP, stage.venue.stream("trade", stage.symbol))
        _trade(stage, 2)
        await stage.until(there.gaps)
        assert there.gaps()[0].lost == 1


@card("D25", "A book whose changes have a gap is put together anew, told, and costs no other book", *_BOOKS)
async def a_book_with_a_gap_is_made_anew(stage: Stage) -> None:
    other = stage.venue.symbols[1]
    async with streaming(stage, "book", "book_delta", f"book:{other}", f"book_delta:{other}") as there:
        for symbol in stage.venue.symbols:
            await there.comes(OrderBookSnapshotEvent, 1, symbol)
            _trade(stage, 1, symbol)
            await there.books_agree(symbol)
        stage.break_(FaultKind.DROP, stage.venue.stream("book", stage.symbol))
        _trade(stage)
        await stage.pass_time(0.5, 0.01)
        _trade(stage)
        again = await there.comes(OrderBookSnapshotEvent, 2)
        await there.books_agree()
        assert max(gap.end_ns for gap in there.gaps()) >= again.ts_init
        assert not there.gaps(other)
        assert len(there.of(OrderBookSnapshotEvent, other)) == 1


@card("D26", "Books are the venue's again after an outage", *_BOOKS)
async def books_after_an_outage(stage: Stage) -> None:
    async with streaming(stage, "book", "book_delta") as there:
        await there.comes(OrderBookSnapshotEvent)
        _trade(stage)
        await there.books_agree()
        await _falls(there)
        _trade(stage, 5)
        again = await there.comes(OrderBookSnapshotEvent, 2)
        await there.books_agree()
        assert max(gap.end_ns for gap in there.gaps()) >= again.ts_init


@card("D27", "A book waits for its snapshot as long as it takes", *_BOOKS)
async def a_book_waits_for_its_snapshot(stage: Stage) -> None:
    stage.break_(FaultKind.ERROR_BEFORE, stage.venue.requests["book"], count=6)
    async with streaming(stage, "book", "book_delta") as there:
        _trade(stage)
        await there.comes(OrderBookSnapshotEvent)
        await there.books_agree()


@card("D28", "Changes that come out of order never make a wrong book", *_BOOKS)
async def changes_out_of_order(stage: Stage) -> None:
    async with streaming(stage, "book", "book_delta") as there:
        await there.comes(OrderBookSnapshotEvent)
        stage.break_(FaultKind.REORDER, stage.venue.stream("book", stage.symbol))
        for _ in range(4):
            _trade(stage)
            await stage.pass_time(0.3, 0.02)
        await there.books_agree()


@card("D29", "Frames that are no messages stop nothing", channel("trade"))
async def malformed_frames_stop_nothing(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        before = there.last_id()
        name = stage.venue.stream("trade", stage.symbol)
        stage.break_(FaultKind.GARBAGE, name, count=2)
        _trade(stage, 3)
        await there.trades_agree(before)
        stage.break_(FaultKind.TRUNCATE, name)
        _trade(stage, 4)
        await there.comes(TradeEvent, 6)
        assert not there.told(DisconnectedEvent)
        assert any("malformed frames" in line for line in stage.logged)  # quarantined, and told


@card("D30", "The venue's daily disconnect costs no trade", channel("trade"), FETCHES_TRADES)
async def the_daily_disconnect_costs_nothing(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        before = there.last_id()
        _trade(stage, 2)
        stage.break_(FaultKind.DAILY_DISCONNECT, seconds=3.0)
        for _ in range(20):
            await stage.pass_time(0.5, 0.02)
            _trade(stage)
        await there.trades_agree(before)


@card(
    "D34", "Where the venue tells before it disconnects, nothing at all is missed", channel("tick"),
    fact("tells before it disconnects"),
)  # fmt: skip
async def a_disconnect_that_is_told_costs_nothing(stage: Stage) -> None:
    async with streaming(stage, "tick") as there:
        before = len(there.of(TickEvent))
        stage.break_(FaultKind.DAILY_DISCONNECT, seconds=10.0)
        for _ in range(30):
            await stage.pass_time(0.5, 0.02)
            _trade(stage)
        await there.comes(TickEvent, before + 30)
        assert len(there.of(TickEvent)) == before + 30
        assert not there.gaps()
        assert not there.told(DisconnectedEvent)


@card("D35", "A stream that falls silent by itself is told and asked for again", channel("mark_price"), channel("tick"))
async def a_silent_stream_is_told(stage: Stage) -> None:
    async with streaming(stage, "mark_price", "tick") as there:
        await there.comes(MarkPriceEvent)
        stage.break_(FaultKind.DROP, stage.venue.stream("mark_price", stage.symbol), count=25)
        await stage.pass_time(60)
        seen = len(there.of(MarkPriceEvent))
        assert there.told(StaleEvent)[0].symbol == stage.symbol
        assert there.gaps()
        await there.comes(MarkPriceEvent, seen + 1)


@card("D31", "Frames that come late and all at once are all taken", channel("trade"))
async def late_frames_are_taken(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        before = there.last_id()
        stage.break_(FaultKind.STALL, stage.venue.stream("trade", stage.symbol), seconds=2.0)
        _trade(stage, 8)
        await there.trades_agree(before)


@card("D32", "A venue that cannot be reached is a `StartupError`, not a wait")
async def nobody_is_there(stage: Stage) -> None:
    exchange = stage.make_exchange(start_at="127.0.0.1:1")
    with pytest.raises(StartupError):
        await stage.run(exchange.start())


@card("D33", "After `stop` nothing comes", channel("trade"), channel("tick"))
async def nothing_comes_after_the_stop(stage: Stage) -> None:
    async with streaming(stage, "trade", "tick") as there:
        _trade(stage)
        await there.comes(TradeEvent)
    seen = len(there.events)
    _trade(stage, 3)
    await stage.pass_time(1)
    assert len(there.events) == seen
