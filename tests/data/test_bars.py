"""Bars are what an independent count of their trades says."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.data.bars import BarAggregator
from quantai.events import BarEvent, TradeEvent

trades = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 50), st.integers(1, 9)), max_size=40).map(sorted)


def trade(ts: int, price: float, size: float = 1.0) -> TradeEvent:
    return TradeEvent("binance", "BTC/USDT", ts, ts, price, size, Side.BUY, "")


@given(trades, st.integers(1, 100))
def test_bars_hold_the_trades_of_their_interval(rows: list[tuple[int, int, int]], interval_ns: int) -> None:
    bars: list[BarEvent] = []
    aggregator = BarAggregator(interval_ns, bars.append)
    for ts, price, size in rows:
        aggregator.update(trade(ts, float(price), float(size)))
    aggregator.close_until(10_000)
    expected = []
    for number, group in groupby(rows, key=lambda row: row[0] // interval_ns):
        prices, sizes = zip(*((float(price), float(size)) for _, price, size in group), strict=True)
        end_ns = (number + 1) * interval_ns
        expected.append((end_ns, prices[0], max(prices), min(prices), prices[-1], sum(sizes)))
    assert [(bar.ts_event, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars] == expected
    assert all(bar.interval_ns == interval_ns and bar.ts_init >= bar.ts_event for bar in bars)


def test_a_trade_on_the_boundary_belongs_to_the_next_bar() -> None:
    bars: list[BarEvent] = []
    aggregator = BarAggregator(10, bars.append)
    for ts in (9, 10):
        aggregator.update(trade(ts, float(ts)))
    assert [(bar.ts_event, bar.close) for bar in bars] == [(10, 9.0)]


def test_a_bar_ends_on_time_where_no_trade_comes() -> None:
    bars: list[BarEvent] = []
    aggregator = BarAggregator(10, bars.append)
    aggregator.update(trade(3, 5.0))
    aggregator.close_until(9)
    assert bars == []
    aggregator.close_until(10)
    aggregator.close_until(20)
    assert [(bar.ts_event, bar.ts_init) for bar in bars] == [(10, 10)]
