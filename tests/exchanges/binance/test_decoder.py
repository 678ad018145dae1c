"""Every public stream of Binance, frame by frame."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import InstrumentStatus, Side
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
from quantai.exchanges.binance.decoder import rest_frame
from quantai.exchanges.wire import OddMessage
from tests.exchanges.binance.frames import NOW_MS, NOW_NS, World, agg_trade, combined, depth, quote, snapshot, trade

BTC = ("binance", "BTC/USDT")
SECOND = 1_000_000_000
VENUE_NS = (NOW_MS - 1) * 1_000_000

KLINE: dict[str, Any] = {
    "t": NOW_MS - 60_000, "T": NOW_MS - 1, "s": "BTCUSDT", "i": "1m", "o": "10", "c": "11", "h": "12", "l": "9.5",
    "v": "3", "x": True,
}  # fmt: skip
MARK: dict[str, Any] = {
    "e": "markPriceUpdate",
    "E": NOW_MS,
    "s": "BTCUSDT",
    "p": "10.5",
    "i": "10.25",
    "P": "0",
    "r": "0.0001",
}
MARK["T"] = NOW_MS + 1
ORDER: dict[str, Any] = {
    "s": "BTCUSDT",
    "S": "SELL",
    "q": "0.014",
    "p": "9910",
    "ap": "9905.5",
    "X": "FILLED",
    "l": "0.01",
}
ORDER |= {"z": "0.012", "T": NOW_MS - 1}
CONTRACT: dict[str, Any] = {
    "e": "contractInfo",
    "E": NOW_MS,
    "s": "BTCUSDT",
    "ps": "BTCUSDT",
    "ct": "PERPETUAL",
    "cs": "SETTLING",
}


def kline(**changes: Any) -> bytes:
    return combined("btcusdt@kline_1m", {"e": "kline", "E": NOW_MS, "s": "BTCUSDT", "k": {**KLINE, **changes}})


def mark(**changes: Any) -> bytes:
    return combined("btcusdt@markPrice@1s", {**MARK, **changes})


def liquidation(**changes: Any) -> bytes:
    return combined("btcusdt@forceOrder", {"e": "forceOrder", "E": NOW_MS, "o": {**ORDER, **changes}})


def contract(**changes: Any) -> bytes:
    return combined("!contractInfo", {**CONTRACT, **changes})


def test_trades_say_which_way_the_taker_went() -> None:
    assert World().feed(trade(7), trade(8, "0.10", "3", is_maker=False)) == [
        TradeEvent(*BTC, VENUE_NS, NOW_NS, 100.5, 2.0, Side.SELL, "7"),
        TradeEvent(*BTC, VENUE_NS, NOW_NS, 0.1, 3.0, Side.BUY, "8"),
    ]


def test_aggregate_trades_have_their_own_ids() -> None:
    (event,) = World(is_futures=True).feed(agg_trade(5))
    assert event == TradeEvent(*BTC, VENUE_NS, NOW_NS, 100.5, 2.0, Side.BUY, "5")


def test_trades_that_are_no_trades_of_the_market_are_counted_only() -> None:
    world = World(is_futures=True)
    assert world.feed(trade(1, X="INSURANCE_FUND"), trade(2, "0", "0", X="NA"), agg_trade(3, "1", "0")) == []
    assert (world.counts.not_market, world.counts.undone) == (2, 1)
    assert world.holes == []


def test_spot_quotes_have_the_time_of_arrival_and_usdm_ones_that_of_the_venue() -> None:
    world = World()
    assert world.feed(quote(1)) == [TickEvent(*BTC, NOW_NS, NOW_NS, 100.0, 1.5, 101.0, 2.5)]
    assert world.feed(quote(2, e="bookTicker", E=NOW_MS, T=NOW_MS - 1))[0].ts_event == VENUE_NS


def test_a_quote_without_a_side_is_no_tick() -> None:
    world = World()
    assert world.feed(quote(1, "0.00000000", "101"), quote(2, "100", "0")) == []
    assert world.counts.one_sided == 2


def test_books_are_put_together_and_their_updates_given_on() -> None:
    world = World()
    events = world.feed(
        depth(1, 4), snapshot(3, [["99", "1"]], [["101", "1"]]), depth(5, 6, [["99.5", "2"]], [["101", "0"]])
    )
    assert events == [
        OrderBookSnapshotEvent(*BTC, NOW_NS, NOW_NS, ((99.0, 1.0),), ((101.0, 1.0),), 4),
        OrderBookDeltaEvent(*BTC, NOW_NS, NOW_NS, ((99.5, 2.0),), ((101.0, 0.0),), 6),
    ]


def test_usdm_updates_have_the_time_of_the_transaction() -> None:
    world = World(is_futures=True)
    *_, event = world.feed(snapshot(3, [["99", "1"]], [["101", "1"]]), depth(4, 5, T=NOW_MS - 1, pu=3))
    assert (event.ts_event, type(event)) == (VENUE_NS, OrderBookDeltaEvent)


@pytest.mark.parametrize("is_futures", [False, True])
def test_partial_books_come_whole(is_futures: bool) -> None:
    levels: dict[str, Any] = {"lastUpdateId": 5, "bids": [["99", "1"]], "asks": [["101", "1"]]}
    if is_futures:
        levels = {"e": "depthUpdate", "E": NOW_MS, "T": NOW_MS, "U": 1, "u": 5, "pu": 0}
        levels |= {"b": [["99", "1"]], "a": [["101", "1"]]}
    world = World(is_futures=is_futures)
    frame = combined("btcusdt@depth5@100ms", levels)
    assert world.feed(frame, frame) == [
        OrderBookSnapshotEvent(*BTC, NOW_NS, NOW_NS, ((99.0, 1.0),), ((101.0, 1.0),), 5)
    ]
    assert world.counts.duplicates == 1


def test_bars_are_given_on_once_they_are_final() -> None:
    world = World()
    assert world.feed(kline(x=False), kline(), kline()) == [
        BarEvent(*BTC, NOW_NS, NOW_NS, 60 * SECOND, 10.0, 12.0, 9.5, 11.0, 3.0)
    ]
    assert world.counts.duplicates == 1


def test_one_stream_has_mark_prices_and_funding_rates() -> None:
    world = World(is_futures=True)
    ts_event = NOW_MS * 1_000_000
    assert world.feed(mark()) == [
        MarkPriceEvent(*BTC, ts_event, NOW_NS, 10.5, 10.25),
        FundingRateEvent(*BTC, ts_event, NOW_NS, 0.0001, (NOW_MS + 1) * 1_000_000),
    ]
    assert [type(event) for event in world.feed(mark(E=NOW_MS + 1))] == [MarkPriceEvent]
    assert len(world.feed(mark(E=NOW_MS + 2, r="-0.5"))) == 2
    world.now_ns += 61 * SECOND
    assert len(world.feed(mark(E=NOW_MS + 3, r="-0.5"))) == 2


@pytest.mark.parametrize("changes", [{"r": ""}, {"r": "0.00000000", "T": 0}])
def test_contracts_without_funding_have_no_rate(changes: dict[str, Any]) -> None:
    events = World(is_futures=True).feed(mark(**changes))
    assert [type(event) for event in events] == [MarkPriceEvent]


def test_liquidations_have_what_was_filled_or_else_what_was_ordered() -> None:
    assert World(is_futures=True).feed(liquidation(), liquidation(S="BUY", ap="0", z="0")) == [
        LiquidationEvent(*BTC, VENUE_NS, NOW_NS, 9905.5, 0.012, Side.SELL),
        LiquidationEvent(*BTC, VENUE_NS, NOW_NS, 9910.0, 0.014, Side.BUY),
    ]


def test_contract_status_is_told_when_it_changes() -> None:
    world = World(is_futures=True)
    events = world.feed(contract(), contract(), contract(cs="TRADING"), contract(s="OTHER"), contract(st=2, cs="CLOSE"))
    assert [(e.status, e.reason) for e in events if isinstance(e, InstrumentStatusEvent)] == [
        (InstrumentStatus.CLOSED, "SETTLING"),
        (InstrumentStatus.TRADING, "TRADING"),
    ]


def test_each_futures_market_takes_its_own_contracts_from_the_stream_that_both_share() -> None:
    frames = contract(st=1, cs="SETTLING"), contract(st=2, cs="DELIVERING"), contract(st=0, cs="TRADING")
    reasons = [
        [
            e.reason
            for e in World(is_futures=True, section=section).feed(*frames)
            if isinstance(e, InstrumentStatusEvent)
        ]
        for section in (1, 2)
    ]
    assert reasons == [["SETTLING", "TRADING"], ["DELIVERING", "TRADING"]]


def test_open_interest_comes_as_the_answer_that_it_is() -> None:
    body = b'{"symbol":"BTCUSDT","openInterest":"26286.181","time":%d}' % (NOW_MS - 1)
    (event,) = World(is_futures=True).feed(rest_frame("BTCUSDT", "openInterest", body))
    assert event == OpenInterestEvent(*BTC, VENUE_NS, NOW_NS, 26286.181)


def test_ids_that_are_left_out_are_told_and_fetched_trades_fill_the_hole() -> None:
    world = World()
    world.feed(trade(1))
    world.now_ns += 5
    world.feed(trade(5))
    (hole,) = world.holes
    assert (hole.symbol, hole.next_id, hole.end_id) == ("BTC/USDT", 2, 5)
    assert (hole.since_ns, hole.until_ns) == (NOW_NS, NOW_NS + 5)
    past = [
        {"id": n, "price": "9", "qty": "1", "quoteQty": "9", "time": NOW_MS, "isBuyerMaker": False}
        for n in (1, 2, 4, 5)
    ]
    events = world.feed(rest_frame("BTCUSDT", "pastTrades", json.dumps(past).encode()))
    assert [event.trade_id for event in events if isinstance(event, TradeEvent)] == ["2", "4"]
    assert hole.next_id == hole.end_id
    assert world.feed(rest_frame("BTCUSDT", "pastTrades", json.dumps(past).encode())) == []


def test_what_a_second_connection_brings_again_is_dropped() -> None:
    world = World()
    events = world.feed(trade(1), trade(2), trade(1), trade(2), quote(5), quote(5), quote(4), quote(6))
    assert len(events) == 4
    assert world.counts.duplicates == 4


def test_ids_that_begin_anew_are_taken_again_and_told() -> None:
    world = World()
    world.feed(trade(1_000), quote(1_000))
    world.now_ns += 11 * SECOND
    assert len(world.feed(trade(1), trade(2), quote(1), quote(2))) == 4
    assert world.counts.restarts == 2
    assert [(hole.next_id, hole.end_id) for hole in world.holes] == [(0, 0)]


RAW = [
    (json.loads(trade(1))["data"], TradeEvent),
    (json.loads(quote(1))["data"], TickEvent),
    (json.loads(kline())["data"], BarEvent),
    (json.loads(mark())["data"], MarkPriceEvent),
    (json.loads(liquidation())["data"], LiquidationEvent),
    (json.loads(contract())["data"], InstrumentStatusEvent),
]


@pytest.mark.parametrize(("data", "cls"), RAW, ids=lambda value: getattr(value, "__name__", ""))
def test_raw_frames_are_understood_too(data: dict[str, Any], cls: type) -> None:
    assert type(World(is_futures=True).feed(json.dumps(data).encode())[0]) is cls


def test_raw_and_combined_frames_of_a_symbol_are_one_stream() -> None:
    world = World()
    raw = json.dumps(json.loads(trade(1))["data"]).encode()
    assert len(world.feed(raw, trade(1), raw, trade(2))) == 2


def test_combined_frames_may_be_written_in_any_way() -> None:
    message = json.loads(trade(1))
    spaced = json.dumps(message, indent=1).encode()
    turned = json.dumps({"data": json.loads(trade(2))["data"], "stream": "BTCUSDT@trade"}).encode()
    assert len(World().feed(spaced)) == 1
    assert len(World().feed(turned)) == 1


@pytest.mark.parametrize("is_ascii", [True, False])
def test_symbols_need_not_be_ascii(is_ascii: bool) -> None:
    data = json.loads(trade(1))["data"]
    message = {"stream": "币安人生usdt@trade", "data": data}
    frame = json.dumps(message, ensure_ascii=is_ascii, separators=(",", ":")).encode()
    world = World()
    assert [event.symbol for event in world.feed(frame, frame)] == ["币安人生/USDT"]
    assert world.counts.duplicates == 1


@pytest.mark.parametrize(
    "frame",
    [
        b'{"result":null,"id":1}',
        b'{"e":"serverShutdown","E":1}',
        combined("dogeusdt@trade", {}),
        combined("btcusdt@ticker", {}),
        b'{"e":"24hrTicker","E":1,"s":"BTCUSDT","o":"1.0","k":"x"}',
        combined("", {}),
    ],
)
def test_what_nobody_asked_for_is_counted_and_left(frame: bytes) -> None:
    world = World()
    assert world.feed(frame, frame) == []
    assert world.counts.unknown == 2


def test_events_that_are_not_wanted_are_not_made() -> None:
    world = World(is_futures=True, is_wanted=lambda topic: topic == "market.funding_rate.binance.BTC/USDT")
    events = world.feed(trade(1), quote(1), kline(), mark(), liquidation(), contract(), agg_trade(1))
    assert [type(event) for event in events] == [FundingRateEvent]


BAD_NUMBERS = [
    '"nan"',
    '"inf"',
    '"-inf"',
    '"-1"',
    '"1e300"',
    '"1e400"',
    '""',
    '"0x1"',
    "null",
    "true",
    "[]",
    "NaN",
    "{}",
]


@pytest.mark.parametrize("number", BAD_NUMBERS)
@pytest.mark.parametrize(
    "good",
    [trade(1), agg_trade(1), quote(1), depth(1, 2, [["100.5", "2"]]), kline(c="100.5", h="200"), mark(p="100.5")],
)
def test_numbers_that_are_none_are_refused(good: bytes, number: str) -> None:
    for text in (b'"100.5"', b'"100"'):
        if text in good:
            with pytest.raises(msgspec.DecodeError):
                World(is_futures=True).feed(good.replace(text, number.encode(), 1))
            return
    raise AssertionError("the frame has no such price")


@pytest.mark.parametrize(
    "frame",
    [
        trade(1, "0"),
        trade(1, size="0.000"),
        quote(1, "101", "101"),
        kline(h="10.5"),
        kline(T=NOW_MS - 70_000),
        mark(r="2"),
        liquidation(S="HOLD"),
        liquidation(ap="0", p="0"),
        contract(cs="GONE"),
        combined("btcusdt@depth5", {"lastUpdateId": 1, "bids": [["2", "1"]], "asks": [["2", "1"]]}),
    ],
)
def test_messages_that_make_no_sense_are_refused(frame: bytes) -> None:
    with pytest.raises(OddMessage):
        World(is_futures=b"depth5" not in frame).feed(frame)


def test_a_rate_that_is_no_number_is_refused() -> None:
    for text in ("nan", "inf"):
        with pytest.raises(OddMessage):
            World(is_futures=True).feed(mark(r=text))


def test_a_frame_that_is_refused_stops_nothing() -> None:
    world = World()
    world.feed(trade(1))
    with pytest.raises(msgspec.DecodeError):
        world.feed(trade(2)[:-5])
    assert len(world.feed(trade(2))) == 1
    assert world.holes == []


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 120))
def test_any_bytes_are_an_event_or_an_error(junk: bytes, position: int) -> None:
    good = depth(1, 2, [["100.5", "2"]])
    frame = good[:position] + junk + good[position + len(junk) :]
    try:
        World().feed(frame)
    except (msgspec.DecodeError, OddMessage, UnicodeDecodeError, ValueError):
        return


@settings(max_examples=300, deadline=None)
@given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=8))
def test_a_price_is_the_float_of_its_text(price: Any) -> None:
    text = format(price, "f")
    if not price:
        return
    (event,) = World().feed(trade(1, text))
    assert isinstance(event, TradeEvent)
    assert event.price == float(text)
    assert math.isfinite(event.price)
