"""Round trips out of fills, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from quantai.simulation.report.columns import Coded
from quantai.simulation.report.round_trips import positions_before, round_trips
from quantai.simulation.report.run_data import FillData

Row = tuple[str, str, float, float, float, float]


def coded(names: list[str]) -> Coded:
    distinct = list(dict.fromkeys(names))
    return Coded(tuple(distinct), np.array([distinct.index(name) for name in names], np.int64))


def fills(*rows: Row, fee: float = 1.0, fee_currency: str = "USDT") -> FillData:
    """Fills one nanosecond apart: strategy, symbol, signed quantity, price, position after, realized PnL."""
    strategies, symbols, signed, price, position, realized = zip(*rows, strict=True) if rows else ((),) * 6
    quantity = np.array(signed, np.float64)
    return FillData(
        ts=np.arange(len(rows), dtype=np.int64),
        strategy=coded(list(strategies)),
        instrument=coded(list(symbols)),
        sign=np.sign(quantity).astype(np.int64),
        price=np.array(price, np.float64),
        quantity=np.abs(quantity),
        fee=np.full(len(rows), fee),
        fee_currency=coded([fee_currency] * len(rows)),
        liquidity=coded(["taker"] * len(rows)),
        position=np.array(position, np.float64),
        realized_pnl=np.array(realized, np.float64),
    )


def test_no_fills_make_no_round_trips() -> None:
    assert round_trips(fills(), "USDT") == []


def test_a_position_built_and_sold_in_parts_is_one_round_trip() -> None:
    (trip,) = round_trips(
        fills(
            ("s", "X", 1, 100, 1, 0),
            ("s", "X", 1, 110, 2, 0),
            ("s", "X", -0.5, 120, 1.5, 7.5),
            ("s", "X", -1.5, 130, 0, 37.5),
        ),
        "USDT",
    )
    assert (trip.is_long, trip.opened_ts, trip.closed_ts, trip.quantity) == (True, 0, 3, 2)
    assert (trip.entry_price, trip.exit_price) == (105, 127.5)
    assert trip.pnl == 45 - 4


def test_a_turn_closes_one_round_trip_and_opens_the_next_and_shares_its_fee() -> None:
    first, second = round_trips(
        fills(("s", "X", 1, 100, 1, 0), ("s", "X", -4, 110, -3, 10), ("s", "X", 3, 120, 0, -30)), "USDT"
    )
    assert (first.is_long, first.closed_ts, first.exit_price, first.quantity) == (True, 1, 110, 1)
    assert first.pnl == pytest.approx(10 - 1 - 0.25)
    assert (second.is_long, second.opened_ts, second.closed_ts, second.entry_price) == (False, 1, 2, 110)
    assert second.pnl == pytest.approx(-30 - 0.75 - 1)


def test_strategies_and_instruments_are_kept_apart() -> None:
    trips = round_trips(
        fills(
            ("a", "X", 1, 100, 1, 0),
            ("b", "X", -1, 100, -1, 0),
            ("a", "Y", 1, 5, 1, 0),
            ("a", "X", -1, 101, 0, 1),
            ("b", "X", 1, 101, 0, -1),
        ),
        "USDT",
    )
    assert [(trip.strategy, trip.instrument, trip.closed_ts) for trip in trips] == [
        ("a", "X", 3),
        ("b", "X", 4),
        ("a", "Y", None),
    ]


def test_an_open_position_has_no_closing() -> None:
    (trip,) = round_trips(fills(("s", "X", 1, 100, 1, 0)), "USDT")
    assert trip.closed_ts is None
    assert trip.exit_price is None


def test_fees_in_another_currency_are_not_money_of_the_run() -> None:
    rows: list[Row] = [("s", "X", 1, 100, 1, 0), ("s", "X", -1, 110, 0, 10)]
    (trip,) = round_trips(fills(*rows, fee_currency="BNB"), "USDT")
    assert trip.pnl == 10


def test_a_position_from_before_the_run_is_closed_without_an_entry_price() -> None:
    (trip,) = round_trips(fills(("s", "X", -2, 100, 0, 30)), "USDT")
    assert (trip.is_long, trip.entry_price, trip.exit_price, trip.quantity) == (True, None, 100, 2)


def test_positions_before_come_from_the_fill_before_not_from_rounded_sums() -> None:
    held = positions_before(
        fills(
            ("s", "X", 0.1, 1, 0.1, 0),
            ("s", "X", 0.2, 1, 0.3, 0),
            ("s", "X", -0.3, 1, 0, 0),
            ("s", "X", 0.1, 1, 0.1, 0),
        )
    )
    assert held.tolist() == [0, 0.1, 0.3, 0]
