from __future__ import annotations

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
