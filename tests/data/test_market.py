from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from quantai.core.enums import Side
from quantai.data.market import MarketView
from quantai.events import BarEvent, FundingRateEvent, MarketEvent, MarkPriceEvent, TickEvent, TradeEvent

KEY = ("binance", "BTC/USDT")


def tick(ts: int = 1, bid: float = 99.0, ask: float = 101.0, venue: str = "binance") -> TickEvent:
    return TickEvent(venue, "BTC/USDT", ts, ts, bid, 1.0, ask, 1.0)


def trade(ts: int = 1, price: float = 102.0) -> TradeEvent:
    return TradeEvent(*KEY, ts, ts, price, 1.0, Side.BUY, "")


def bar(ts: int = 1, close: float = 103.0) -> BarEvent:
    return BarEvent(*KEY, ts, ts, 1, close, close, close, close, 1.0)


def mark(ts: int = 1, price: float = 104.0) -> MarkPriceEvent:
    return MarkPriceEvent(*KEY, ts, ts, price)


def view(*events: MarketEvent) -> MarketView:
    made = MarketView()
    for event in events:
        made.update(event)
    return made


def test_nothing_is_known_before_anything_was_seen() -> None:
    empty = view(tick(venue="okx"))
    assert empty.tick(*KEY) is None
    assert empty.trade(*KEY) is None
    assert empty.price(*KEY) is None
    assert empty.seen_ns(*KEY) is None


def test_the_newest_of_each_kind_is_kept() -> None:
    seen = view(tick(1), trade(2), tick(3, bid=98.0), trade(4, price=97.0))
    assert seen.tick(*KEY) == tick(3, bid=98.0)
    assert seen.trade(*KEY) == trade(4, price=97.0)
    assert seen.seen_ns(*KEY) == 4


def test_the_price_is_the_mark_else_the_middle_else_the_trade_else_the_close() -> None:
    assert view(bar()).price(*KEY) == 103
    assert view(trade(), bar(2)).price(*KEY) == 102
    assert view(tick(), trade(2), bar(3)).price(*KEY) == 100
    assert view(mark(), tick(2), trade(3), bar(4)).price(*KEY) == 104


def test_the_middle_is_exact() -> None:
    assert view(tick(bid=0.1, ask=0.2)).price(*KEY) == Decimal("0.15")


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 1e300])
def test_what_is_no_price_is_not_known(price: float) -> None:
    for event in (mark(price=price), tick(bid=price), tick(ask=price), trade(price=price), bar(close=price)):
        assert view(event).price(*KEY) is None


def test_venues_are_kept_apart() -> None:
    seen = view(tick(1), tick(5, bid=90.0, venue="okx"))
    assert seen.price("okx", "BTC/USDT") == Decimal("95.5")
    assert seen.price(*KEY) == 100
    assert seen.seen_ns(*KEY) == 1


def test_an_event_that_nobody_asks_for_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        view(FundingRateEvent(*KEY, 1, 1, 0.0001))


def test_what_was_seen_of_an_instrument_is_one_object_that_is_kept_up_to_date() -> None:
    market = view()
    seen = market.seen(*KEY)
    assert (seen.source, seen.price(), seen.newest_ns()) == (None, None, 0)
    assert seen.quotes() == (None, None)
    market.update(tick(3))
    assert market.seen(*KEY) is seen
    assert seen.source == tick(3)
    assert (seen.price(), seen.newest_ns()) == (Decimal(100), 3)
    assert seen.quotes() == (Decimal(99), Decimal(101))
    market.update(tick(4, bid=98.0, ask=float("nan")))
    assert seen.quotes() == (Decimal(98), None)
    assert seen.price() is None


def test_to_look_at_an_instrument_shows_nothing_of_it() -> None:
    market = view()
    market.seen(*KEY)
    assert market.seen_ns(*KEY) is None
    assert market.tick(*KEY) is None
    assert market.trade(*KEY) is None


def test_a_price_is_made_once_an_event() -> None:
    market = view(mark())
    first = market.price(*KEY)
    assert market.price(*KEY) is first
    market.update(mark(2, price=105.5))
    assert market.price(*KEY) == Decimal("105.5")


@pytest.mark.parametrize("newest", [mark, tick, trade, bar])
def test_the_newest_of_all_kinds_says_when_something_was_seen(newest: Callable[..., MarketEvent]) -> None:
    market = view(mark(5), tick(5), trade(5), bar(5), newest(7))
    assert market.seen_ns(*KEY) == 7
    assert market.seen(*KEY).newest_ns() == 7


def test_events_that_come_late_do_not_make_the_market_older() -> None:
    assert view(tick(9), mark(1), trade(2), bar(3)).seen_ns(*KEY) == 9


@pytest.mark.parametrize(("price", "is_known"), [(1e15, True), (-1e15, True), (1.001e15, False), (-1.001e15, False)])
def test_a_price_beyond_all_measure_is_none(price: float, is_known: bool) -> None:
    assert (view(trade(price=price)).price(*KEY) is not None) is is_known


def test_prices_are_the_shortest_text_of_the_float() -> None:
    assert view(trade(price=0.1)).price(*KEY) == Decimal("0.1")
    assert str(view(trade(price=60000.10)).price(*KEY)) == "60000.1"
