"""Data cards: what streams bring."""

from __future__ import annotations

import math
from decimal import Decimal

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import InstrumentStatus, Side
from quantai.core.numbers import to_decimal
from quantai.events import (
    BarEvent,
    FundingRateEvent,
    InstrumentStatusEvent,
    LiquidationEvent,
    MarkPriceEvent,
    OpenInterestEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from quantai.loopback.engine import FuturesAccount
from tests.venues.contract.cards import LISTS, card, channel, setting
from tests.venues.contract.stage import MINUTE_NS, Stage
from tests.venues.contract.streaming import streaming

_TRADED = Decimal("0.25")


@card("D01", "Instruments are listed with the venue's own grid and limits", LISTS)
async def instruments_are_listed(stage: Stage) -> None:
    listed = await stage.run(stage.make_exchange().list_instruments())
    assert set(listed) == set(stage.venue.symbols)
    for symbol, theirs in stage.instruments.items():
        ours = listed[symbol].instrument
        assert (ours.tick_size, ours.lot_size) == (theirs.tick_size, theirs.lot_size)
        assert (ours.min_notional, ours.venue) == (theirs.min_notional, stage.venue.name)
        assert listed[symbol].status is InstrumentStatus.TRADING


@card("D02", "An instrument that is halted is told as an event, without a restart", LISTS, setting("quick refresh"))
async def a_halt_is_an_event(stage: Stage) -> None:
    await stage.exchange(**stage.venue.params["quick refresh"])
    stage.market.is_open = False
    await stage.until(lambda: any(isinstance(each, InstrumentStatusEvent) for each in stage.told))
    [event] = [each for each in stage.told if isinstance(each, InstrumentStatusEvent)]
    assert (event.symbol, event.status) == (stage.symbol, InstrumentStatus.HALTED)


@card("D03", "Every trade comes once, in order, with its price, size, side and id", channel("trade"))
async def trades_come(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        before = there.last_id()
        for number in range(30):
            side = Side.BUY if number % 3 else Side.SELL
            stage.take(side, stage.best(side.opposite), _TRADED)
        stage.take(Side.BUY, stage.best(Side.SELL) + 2, Decimal("2.5"))  # at several prices
        await there.trades_agree(before)
        ids = [int(each.trade_id) for each in there.of(TradeEvent)]
        assert ids == sorted(ids)


@card("D04", "Events have the venue's time and ours, in nanoseconds", channel("trade"))
async def events_have_both_times(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        happened_ns = stage.clock.now_ns()
        stage.take(Side.BUY, stage.best(Side.SELL), _TRADED)
        event = await there.comes(TradeEvent)
        assert abs(event.ts_event - happened_ns) <= NS_PER_SECOND // 1_000
        assert happened_ns <= event.ts_init <= stage.clock.now_ns()


@card("D05", "The best bid and ask are those of the venue", channel("tick"))
async def quotes_come(stage: Stage) -> None:
    async with streaming(stage, "tick") as there:
        stage.take(Side.BUY, stage.best(Side.SELL), Decimal(1))
        stage.take(Side.SELL, stage.best(Side.BUY), Decimal("0.4"))
        await there.comes(TickEvent, 2)
        tick = there.of(TickEvent)[-1]
        bid, ask = stage.market.book.top()
        assert bid is not None
        assert ask is not None
        assert (to_decimal(tick.bid_price), to_decimal(tick.bid_size)) == bid
        assert (to_decimal(tick.ask_price), to_decimal(tick.ask_size)) == ask


@card(
    "D06", "A book begins with a snapshot, goes on with changes, and is the venue's", channel("book"),
    channel("book_delta"),
)  # fmt: skip
async def books_come(stage: Stage) -> None:
    async with streaming(stage, "book", "book_delta") as there:
        await there.comes(OrderBookSnapshotEvent)
        for number in range(1, 6):
            stage.take(Side.BUY, stage.best(Side.SELL), _TRADED)
            stage.quote(Side.BUY, stage.best(Side.BUY) - number * 30, Decimal(3))
            await there.comes(OrderBookDeltaEvent, number)
        await there.books_agree()
        books = [each for each in there.events if isinstance(each, OrderBookSnapshotEvent | OrderBookDeltaEvent)]
        assert isinstance(books[0], OrderBookSnapshotEvent)
        assert [each.sequence for each in books] == sorted(each.sequence for each in books)


@card("D07", "Who wants whole books only gets no changes", channel("book"))
async def whole_books_come_alone(stage: Stage) -> None:
    async with streaming(stage, "book") as there:
        await there.comes(OrderBookSnapshotEvent)
        stage.take(Side.BUY, stage.best(Side.SELL), _TRADED)
        await stage.pass_time(1.0)
        assert {type(each) for each in there.events} == {OrderBookSnapshotEvent}


@card("D08", "A bar comes when it is finished, once, and is what traded in it", channel("bar"))
async def bars_come_finished(stage: Stage) -> None:
    async with streaming(stage, "bar") as there:
        await stage.pass_time(5)
        low, high = stage.best(Side.BUY), stage.best(Side.SELL)
        stage.take(Side.BUY, high, _TRADED)
        stage.take(Side.SELL, low, _TRADED)
        await stage.pass_time(5)
        assert not there.of(BarEvent)
        await stage.pass_time(60)
        bar = await there.comes(BarEvent)
        assert (bar.ts_event, bar.interval_ns) == (MINUTE_NS + 60 * NS_PER_SECOND, 60 * NS_PER_SECOND)
        assert (to_decimal(bar.high), to_decimal(bar.low), to_decimal(bar.close)) == (high, low, low)
        assert math.isclose(bar.volume, float(2 * _TRADED) + 0.01)  # the market's first trade is in it
        assert len(there.of(BarEvent)) == 1


@card("D09", "Mark and index price come", channel("mark_price"))
async def mark_prices_come(stage: Stage) -> None:
    async with streaming(stage, "mark_price") as there:
        stage.loopback.engine.set_mark(stage.market, Decimal("65010.5"), Decimal("65009.25"))
        await stage.until(lambda: any(each.mark_price == 65010.5 for each in there.of(MarkPriceEvent)))
        assert there.of(MarkPriceEvent)[-1].index_price == 65009.25


@card("D10", "The funding rate comes, with when it is due", channel("funding_rate"))
async def funding_rates_come(stage: Stage) -> None:
    async with streaming(stage, "funding_rate") as there:
        rate = await there.comes(FundingRateEvent)
        assert (to_decimal(rate.rate), rate.next_funding_ns) == (
            stage.market.funding_rate,
            stage.market.next_funding_ns,
        )


@card("D11", "Open interest comes", channel("open_interest"))
async def open_interest_comes(stage: Stage) -> None:
    async with streaming(stage, "open_interest") as there:
        before = (await there.comes(OpenInterestEvent)).open_interest
        assert isinstance(stage.account, FuturesAccount)
        stage.account.position(stage.symbol).trade(Decimal("1.25"), stage.best(Side.SELL))
        await stage.pass_time(60)
        assert (await there.comes(OpenInterestEvent, 2)).open_interest == before + 1.25


@card("D12", "Liquidations come", channel("liquidation"))
async def liquidations_come(stage: Stage) -> None:
    async with streaming(stage, "liquidation") as there:
        stage.loopback.engine.liquidate_stranger(stage.market, Side.SELL, Decimal("64905.1"), Decimal("0.014"))
        event = await there.comes(LiquidationEvent)
        assert (event.side, event.size, event.price) == (Side.SELL, 0.014, 64905.1)


@card("D16", "A change of status comes by the stream, at once", channel("status"))
async def status_comes(stage: Stage) -> None:
    async with streaming(stage, "status") as there:
        markets = stage.loopback.engine.markets
        stage.loopback.engine.set_open(markets[stage.venue.symbols[1]], False)  # nobody asked for that one
        for times, is_open in ((1, False), (2, True)):
            happened_ns = stage.clock.now_ns()
            stage.loopback.engine.set_open(stage.market, is_open)
            event = await there.comes(InstrumentStatusEvent, times)
            assert (event.status is InstrumentStatus.TRADING) is is_open
            assert abs(event.ts_event - happened_ns) <= NS_PER_SECOND // 1_000
        assert {each.symbol for each in there.events} == {stage.symbol}


@card("D13", "Several instruments come side by side, each its own", channel("trade"), channel("tick"))
async def several_instruments_come(stage: Stage) -> None:
    other = stage.venue.symbols[1]
    async with streaming(stage, "trade", f"trade:{other}", "tick", f"tick:{other}") as there:
        before = {symbol: there.last_id(symbol) for symbol in stage.venue.symbols}
        for symbol in stage.venue.symbols:
            for _ in range(5):
                stage.take(Side.BUY, stage.best(Side.SELL, symbol), _TRADED, symbol)
        for symbol in stage.venue.symbols:
            await there.trades_agree(before[symbol], symbol)
            assert (await there.comes(TickEvent, 1, symbol)).venue == stage.venue.name


@card("D14", "Nothing comes that was not asked for", channel("trade"))
async def nothing_else_comes(stage: Stage) -> None:
    async with streaming(stage, "trade") as there:
        stage.take(Side.BUY, stage.best(Side.SELL), _TRADED)
        stage.take(Side.BUY, stage.best(Side.SELL, stage.venue.symbols[1]), _TRADED, stage.venue.symbols[1])
        await there.comes(TradeEvent)
        await stage.pass_time(2)
        assert {(type(each), each.symbol) for each in there.events} == {(TradeEvent, stage.symbol)}


@card("D15", "Whole books come at the pace that was asked for", channel("book"), setting("whole books at a pace"))
async def whole_books_at_a_pace(stage: Stage) -> None:
    async with streaming(stage, "book", **stage.venue.params["whole books at a pace"]) as there:
        await there.comes(OrderBookSnapshotEvent)
        before = len(there.of(OrderBookSnapshotEvent))
        stage.take(Side.BUY, stage.best(Side.SELL), _TRADED)
        await stage.pass_time(5)
        assert 8 <= len(there.of(OrderBookSnapshotEvent)) - before <= 11
        await there.books_agree()
