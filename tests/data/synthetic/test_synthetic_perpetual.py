"""What only perpetuals have: mark prices and funding rates."""

from __future__ import annotations

from typing import Any

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic import MarketModel
from quantai.events import FundingRateEvent, MarkPriceEvent, TickEvent

Make = Any
PERIOD_NS = 8 * 3_600 * NS_PER_SECOND
SLOW = MarketModel(trades_per_second=0.05, quotes_per_second=0.1, gaps_per_day=0)


def test_funding_is_announced_at_the_start_and_every_eight_hours(make: Make) -> None:
    market = make.market(make.instrument("binance:BTC/USDT:USDT"), seconds=30 * 3_600, model=SLOW)
    events = make.events(market, "funding_rate")
    assert all(isinstance(event, FundingRateEvent) for event in events)
    midnight_ns = make.start_ns - 10 * 3_600 * NS_PER_SECOND
    assert [event.ts_event for event in events] == [
        make.start_ns,
        *(midnight_ns + period * PERIOD_NS for period in (2, 3, 4, 5)[: len(events) - 1]),
    ]
    assert len(events) == 4
    for event in events:
        assert event.next_funding_ns % PERIOD_NS == 0
        assert 0 < event.next_funding_ns - event.ts_event <= PERIOD_NS
        assert abs(event.rate) <= 0.0075
    assert len({event.rate for event in events}) > 1


def test_mark_prices_come_on_time_and_near_the_quotes(make: Make) -> None:
    market = make.market(make.instrument("binance:BTC/USDT:USDT"), model=MarketModel(mark_seconds=5, gaps_per_day=0))
    events = make.events(market, "mark_price", "tick")
    marks = [event for event in events if isinstance(event, MarkPriceEvent)]
    assert [mark.ts_event for mark in marks] == [make.start_ns + 5 * NS_PER_SECOND * step for step in range(60)]
    mid = 0.0
    for event in events:
        if isinstance(event, TickEvent):
            mid = event.mid
        elif isinstance(event, MarkPriceEvent):
            assert event.index_price is not None
            assert abs(event.mark_price / mid - 1) < 0.002
            assert abs(event.mark_price / event.index_price - 1) < 0.003


def test_spot_has_neither_marks_nor_funding(make: Make) -> None:
    assert make.events(make.market(), "mark_price", "funding_rate") == []
