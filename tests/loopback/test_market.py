"""The market around the accounts: quotes as the source has them, takers, funding, recordings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.data.files import FilesSource
from quantai.data.order_book import OrderBook
from quantai.events import (
    FundingRateEvent,
    LiquidationEvent,
    MarketEvent,
    MarkPriceEvent,
    OpenInterestEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TradeEvent,
)
from quantai.events.persistence import ParquetEventWriter
from quantai.instruments import Instrument
from quantai.loopback.clock import ScaledClock
from quantai.loopback.engine import Engine, Liquidation, MarketRules, Status
from quantai.loopback.feed import MarketFeed, ScriptedSource, synthetic_source
from quantai.loopback.maker import MarketMaker
from tests.loopback.engine.world import BUY, PERP, SELL, SPOT, START_NS, D, Heard, World
from tests.venues.running import Client, running_venue

_WHERE = ("v", SPOT, START_NS, START_NS)


def _book(*levels: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return levels


def _world(*events: MarketEvent) -> World:
    world = World()
    maker = MarketMaker(world.engine, world.engine.markets[SPOT])
    for event in events:
        maker.apply(event)
    return world


def test_quotes_follow_snapshots_and_deltas() -> None:
    world = _world(
        OrderBookSnapshotEvent(*_WHERE, _book((99.0, 1.0), (98.0, 2.0)), _book((101.0, 1.0), (102.0, 2.0))),
        OrderBookDeltaEvent(*_WHERE, _book((99.0, 0.0), (98.0, 3.0)), _book((100.0, 0.5))),
        OrderBookSnapshotEvent(*_WHERE, _book((98.0, 1.0)), _book((100.0, 0.7), (103.0, 1.0))),
    )
    book = world.engine.markets[SPOT].book
    assert book.quotes(BUY) == [(D(98), D(1))]
    assert book.quotes(SELL) == [(D(100), D("0.7")), (D(103), D(1))]


def test_what_was_taken_comes_back_with_the_next_book() -> None:
    world = World()
    market = world.engine.markets[SPOT]
    maker = MarketMaker(world.engine, market)
    maker.apply(OrderBookSnapshotEvent(*_WHERE, _book((99.0, 1.0)), _book((101.0, 1.0))))
    world.place(world.alice, BUY, "0.4", "101")
    assert market.book.quotes(SELL) == [(D(101), D("0.6"))]
    maker.apply(OrderBookDeltaEvent(*_WHERE, _book((98.0, 1.0)), ()))
    assert market.book.quotes(SELL) == [(D(101), D(1))]


def test_a_market_that_moves_through_an_order_fills_it_at_its_price() -> None:
    world = World()
    maker = MarketMaker(world.engine, world.engine.markets[SPOT])
    maker.apply(OrderBookSnapshotEvent(*_WHERE, _book((99.0, 1.0)), _book((101.0, 1.0))))
    mine = world.place(world.alice, SELL, "1", "100.5")
    maker.apply(OrderBookDeltaEvent(*_WHERE, _book((100.6, 3.0)), _book((101.0, 0.0), (102.0, 1.0))))
    assert (mine.status, mine.average_price) == (Status.FILLED, D("100.5"))
    assert world.engine.markets[SPOT].book.quotes(BUY)[0] == (D("100.6"), D(2))
    maker.apply(OrderBookDeltaEvent(*_WHERE, (), ()))
    assert world.engine.markets[SPOT].book.quotes(BUY)[0] == (D("100.6"), D(3))


def test_who_joins_a_level_waits_behind_it() -> None:
    world = World()
    maker = MarketMaker(world.engine, world.engine.markets[SPOT])
    maker.apply(OrderBookSnapshotEvent(*_WHERE, _book((99.0, 2.0)), _book((101.0, 1.0))))
    mine = world.place(world.alice, BUY, "1", "99")
    maker.apply(TradeEvent(*_WHERE, 99.0, 2.5, Side.SELL, "1"))
    assert mine.filled == D("0.5")


def _perpetual(prices: Sequence[MarketEvent]) -> World:
    world = World()
    world.place(world.dave, SELL, "1", "100")
    world.place(world.carol, BUY, "1", "100")
    maker = MarketMaker(world.engine, world.engine.markets[PERP])
    for event in prices:
        maker.apply(event)
    return world


def test_funding_is_paid_when_the_next_one_is_announced() -> None:
    where = ("v", PERP, START_NS, START_NS)
    first, second = FundingRateEvent(*where, 0.001, 100), FundingRateEvent(*where, 0.002, 200)
    mark = MarkPriceEvent(*where, 100.0, 99.0)
    assert _perpetual([mark, first, first]).heard.accounts.count(("carol", "funding")) == 0
    world = _perpetual([mark, first, second])
    assert world.heard.accounts.count(("carol", "funding")) == 1
    assert world.carol.wallet["USDT"] == D(100_000) - D("0.05") - D("0.1")
    assert world.engine.markets[PERP].index == 99


def test_some_takers_of_a_market_with_margin_are_liquidated_and_those_of_a_recording_are_as_recorded() -> None:
    world = World()
    perpetual, spot = (MarketMaker(world.engine, world.engine.markets[name], 3) for name in (PERP, SPOT))
    for number in range(7):
        trade = TradeEvent("v", PERP, START_NS, START_NS, 100.0 + number, 0.5, Side.SELL, str(number))
        perpetual.apply(trade)
        spot.apply(trade)
    assert [(each.price, each.quantity, each.side) for each in world.heard.liquidations] == [
        (D(102), D("0.5"), SELL), (D(105), D("0.5"), SELL),
    ]  # fmt: skip
    replayed = MarketMaker(world.engine, world.engine.markets[PERP])
    where = ("v", PERP, START_NS, START_NS)
    replayed.apply(LiquidationEvent(*where, 99.0, 0.25, Side.BUY))
    replayed.apply(OpenInterestEvent(*where, 1234.5))
    assert world.heard.liquidations[2:] == [Liquidation(BUY, D("0.25"), D(99), D(99), D("0.25"), START_NS)]
    assert world.engine.open_interest(world.engine.markets[PERP]) == D("1234.5")


async def test_a_feed_that_is_behind_lets_others_have_their_turn() -> None:
    world, clock = World(), ScaledClock(1, START_NS)
    trades = [TradeEvent(*_WHERE, 100.0, 0.5, Side.SELL, str(number)) for number in range(1_000)]
    feed = MarketFeed(world.engine, clock, ScriptedSource(trades), begin_ns=START_NS)
    feed.start()
    seen = [len(world.heard.trades)]
    while seen[-1] < 1_000:
        await asyncio.sleep(0)
        seen.append(len(world.heard.trades))
    feed.stop()
    assert max(after - before for before, after in pairwise([0, *seen])) <= 200


def test_the_engines_book_is_the_synthetic_one() -> None:
    clock = SimulatedClock(START_NS)
    instrument = Instrument(venue="v", symbol=SPOT, tick_size=D("0.01"), lot_size=D("0.00001"))
    engine = Engine(clock, [MarketRules.of(instrument)], Heard())
    prices: dict[Instrument, Decimal] = {instrument: D(65_000)}
    feed = MarketFeed(engine, clock, synthetic_source(prices, 3, START_NS))
    feed.start()
    clock.advance_to(START_NS + 3 * 10**9 + 50_000_000)
    feed.stop()
    truth = OrderBook()
    for batch in synthetic_source(prices, 3, START_NS).batches(lambda topic: topic.startswith("market.book")):
        due = [event for event in batch if event.ts_init <= START_NS + 3 * 10**9]
        for event in due:
            if isinstance(event, OrderBookSnapshotEvent):
                truth.apply_snapshot(event)
            elif isinstance(event, OrderBookDeltaEvent):
                truth.apply_delta(event)
        if len(due) < len(batch):
            break
    mine = engine.markets[SPOT].book
    outer = 5  # takers since the last book may have eaten the best levels
    assert {(float(p), float(q)) for p, q in mine.quotes(SELL)} >= set(truth.asks()[outer:])
    assert {(float(p), float(q)) for p, q in mine.quotes(BUY)} >= set(truth.bids()[outer:])


def test_a_recording_is_played_from_now_on() -> None:
    clock = SimulatedClock(START_NS)
    instrument = Instrument(venue="v", symbol=SPOT, tick_size=D("0.01"), lot_size=D("0.001"))
    engine = Engine(clock, [MarketRules.of(instrument)], Heard())
    old = [
        TradeEvent("v", SPOT, second * 10**9, second * 10**9, 100.0 + second, 1.0, Side.BUY, "") for second in (1, 2, 3)
    ]
    feed = MarketFeed(engine, clock, ScriptedSource(old), shift_ns=START_NS - 10**9)
    feed.start()
    clock.advance_to(START_NS + 10**9)
    assert [float(trade.price) for trade in engine.markets[SPOT].tape.trades] == [101.0, 102.0]
    clock.advance_to(START_NS + 5 * 10**9)
    assert engine.markets[SPOT].tape.last == 103


def test_a_market_with_a_past_begins_with_a_whole_book_and_its_trades() -> None:
    clock = SimulatedClock(START_NS)
    instrument = Instrument(venue="v", symbol=PERP, tick_size=D("0.1"), lot_size=D("0.001"))
    engine = Engine(clock, [MarketRules.of(instrument)], Heard())
    past_ns = 97 * 10**9
    source = synthetic_source({instrument: D(65_000)}, 3, START_NS - past_ns)
    feed = MarketFeed(engine, clock, source, history_ns=past_ns)
    feed.start()
    feed.stop()
    market = engine.markets[PERP]
    assert len(market.book.quotes(BUY)) == len(market.book.quotes(SELL)) == 50
    assert market.next_funding_ns > START_NS
    assert market.mark is not None
    assert len(market.tape.trades) > 100
    times = [trade.ts_ns for trade in market.tape.trades]
    assert times == sorted(times)
    assert times[-1] < START_NS


async def test_a_store_is_played_as_the_market(tmp_path: Path) -> None:
    where = ("binance", SPOT, 10**9, 10**9)
    events = [
        OrderBookSnapshotEvent(*where, _book((99.0, 1.0)), _book((101.0, 1.0))),
        TradeEvent(*where, 101.0, 0.5, Side.BUY, "1"),
        TradeEvent("binance", SPOT, 3_601 * 10**9, 3_601 * 10**9, 99.0, 0.5, Side.SELL, "2"),
    ]
    async with ParquetEventWriter(tmp_path) as writer:
        for event in events:
            writer.write_event(event)

    def recorded(prices: Mapping[Instrument, Decimal], start_ns: int) -> FilesSource:
        return FilesSource(tmp_path, instruments=[(one.venue, one.symbol) for one in prices])

    async with running_venue(prices={SPOT: D(100)}, source_of=recorded) as venue, Client(venue) as client:
        _, trades = await client.ask("GET", "/api/v3/trades", symbol="BTCUSDT")
        assert [(trade["price"], trade["qty"]) for trade in trades] == [("101.00000000", "0.50000000")]
        _, quote = await client.ask("GET", "/api/v3/ticker/bookTicker", symbol="BTCUSDT")
        assert (quote["bidPrice"], quote["askQty"]) == ("99.00000000", "0.50000000")
