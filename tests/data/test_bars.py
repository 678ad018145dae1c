from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.core.errors import QuantAIError
from quantai.data.bars import BarAggregator
from quantai.events import BarEvent, TradeEvent


def trade(ts_init: int, price: float = 100.0, size: float = 1.0) -> TradeEvent:
    return TradeEvent("v", "A/B", ts_init - 1, ts_init, price, size, Side.BUY, "")


def bars_of(interval_ns: int, *steps: TradeEvent | int) -> list[BarEvent]:
    """The bars of trades, and of times (as a timer would tell)."""
    bars: list[BarEvent] = []
    aggregator = BarAggregator(interval_ns, bars.append)
    for step in steps:
        if isinstance(step, int):
            aggregator.close_until(step)
        else:
            aggregator.update(step)
    return bars


def test_a_bar_is_first_highest_lowest_last_and_sum() -> None:
    assert bars_of(10, trade(11, 5, 1), trade(12, 9, 2), trade(13, 2, 3), trade(19, 4, 4), 20) == [
        BarEvent("v", "A/B", 20, 20, 10, 5, 9, 2, 4, 10)
    ]


def test_a_trade_on_the_boundary_belongs_to_the_next_bar() -> None:
    bars = bars_of(10, trade(10, 1), trade(19, 2), trade(20, 3), 30)
    assert [(bar.ts_event, bar.open, bar.close) for bar in bars] == [(20, 1, 2), (30, 3, 3)]


def test_a_bar_is_emitted_by_the_first_trade_after_it_or_by_the_time() -> None:
    bars = bars_of(10, trade(5), trade(33), 39, 40, 41, 50)
    assert [(bar.ts_event, bar.ts_init) for bar in bars] == [(10, 33), (40, 40)]


def test_intervals_without_trades_have_no_bar() -> None:
    assert bars_of(10, 10, 20, trade(25), 30, 40, 50) == [BarEvent("v", "A/B", 30, 30, 10, 100, 100, 100, 100, 1)]


def test_an_unfinished_bar_is_not_emitted() -> None:
    assert bars_of(10, trade(1), trade(9), 9) == []


def test_a_trade_that_comes_after_its_bar_was_emitted_counts_for_the_next() -> None:
    bars = bars_of(10, trade(5, 1), 10, trade(9, 2), trade(12, 3), 20)
    assert [(bar.ts_event, bar.open, bar.close, bar.volume) for bar in bars] == [(10, 1, 1, 1), (20, 2, 3, 2)]


@pytest.mark.parametrize("interval_ns", [0, -5])
def test_an_interval_must_be_positive(interval_ns: int) -> None:
    with pytest.raises(QuantAIError, match="must be positive"):
        BarAggregator(interval_ns, print)


@given(
    interval_ns=st.integers(1, 20),
    trades=st.lists(st.tuples(st.integers(0, 100), st.integers(1, 9), st.integers(0, 5)), max_size=40),
    timed=st.booleans(),
)
def test_bars_are_what_grouping_the_trades_gives(
    interval_ns: int, trades: list[tuple[int, int, int]], timed: bool
) -> None:
    """With and without a timer at every end; the timer fires before the trades of the same time, as in a replay."""
    trades.sort(key=lambda row: row[0])
    steps: list[TradeEvent | int] = [trade(*row) for row in trades]
    end_ns = 200 - 200 % interval_ns
    if timed:
        steps += list(range(interval_ns, end_ns + 1, interval_ns))
        steps.sort(key=lambda step: (step, 0) if isinstance(step, int) else (step.ts_init, 1))
    else:
        steps.append(end_ns)
    groups: dict[int, list[tuple[int, int, int]]] = {}
    for row in trades:
        groups.setdefault(row[0] // interval_ns, []).append(row)
    expected = [
        ((number + 1) * interval_ns, prices[0], max(prices), min(prices), prices[-1], sum(row[2] for row in rows))
        for number, rows in groups.items()
        for prices in [[row[1] for row in rows]]
    ]
    bars = bars_of(interval_ns, *steps)
    assert [(bar.ts_event, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars] == expected
    assert all(bar.ts_init >= bar.ts_event and bar.interval_ns == interval_ns for bar in bars)
    if timed:
        assert all(bar.ts_init == bar.ts_event for bar in bars)
