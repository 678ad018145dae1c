"""What an order would meet at a venue, and what that costs."""

from __future__ import annotations

import math

import pytest

from quantai.oms.routing.ladder import Rates, Rung, limited, parts_of, resting, taking

FREE = Rates(0.0, 0.0, 0.0)
RATES = Rates(taker=0.001, maker=0.0005, overhead=0.0002)
ASKS = [(100.0, 1.0), (101.0, 2.0), (103.0, 4.0)]


def test_an_order_takes_no_more_levels_than_it_needs() -> None:
    rungs = taking(ASKS, 1, 3.0, RATES, 0.01)
    assert [tuple(rung) for rung in rungs[:2]] == [
        pytest.approx((0, 100.12, 1.0, 100.0, 0.0, 0.001, 0.0)),
        pytest.approx((0, 101 * 1.0012, 2.0, 101.0, 0.0, 0.001, 0.0)),
    ]
    [behind] = rungs[2:]
    assert (behind.price, behind.slippage) == pytest.approx((102.01, 1.01))
    assert behind.size == math.inf


def test_behind_the_visible_book_each_further_size_is_worse() -> None:
    rungs = taking(ASKS, 1, 20.0, FREE, 0.01)
    assert [rung.price for rung in rungs] == pytest.approx([100, 101, 103, 104.03, 105.06])
    assert [rung.size for rung in rungs] == [1, 2, 4, 7, math.inf]
    assert [rung.slippage for rung in rungs] == pytest.approx([0, 0, 0, 1.03, 2.06])


def test_what_fits_exactly_ends_there() -> None:
    assert [rung.size for rung in taking(ASKS, 1, 14.0, FREE, 0.01)] == [1, 2, 4, math.inf]
    assert [rung.size for rung in taking(ASKS, 1, 14.1, FREE, 0.01)] == [1, 2, 4, 7, math.inf]


def test_a_huge_order_ends_somewhere() -> None:
    rungs = taking([(100.0, 1.0)], 1, 1e9, FREE, 0.01)
    assert len(rungs) == 21  # what is seen, and twenty that are assumed
    assert rungs[-1].size == math.inf
    assert rungs[-1].price == pytest.approx(120)


def test_a_sale_gets_less_and_less() -> None:
    rungs = taking([(100.0, 1.0), (99.0, 1.0)], -1, 3.0, RATES, 0.01)
    assert [rung.price for rung in rungs] == pytest.approx([100, 99, 98.01])
    assert [rung.cost for rung in rungs] == pytest.approx([-100 + 0.12, -99 * 0.9988, -98.01 * 0.9988])


def test_a_limit_order_takes_what_its_limit_allows() -> None:
    assert [rung.price for rung in limited(ASKS, 1, 101.0, RATES)] == [100.0, 101.0]
    assert limited(ASKS, 1, 99.9, RATES) == []
    second = limited(ASKS, 1, 101.0, RATES)[1]
    assert tuple(second) == pytest.approx((0, 101 * 1.0012, 2.0, 101.0, 0.0, 0.001, 0.0))
    assert [rung.price for rung in limited([(99.0, 1.0), (98.0, 1.0)], -1, 99.0, RATES)] == [99.0]


def test_what_does_not_trade_at_once_rests_at_the_limit() -> None:
    rung = resting(1, 100.0, 0.0005, 0.0002, 0.0001)
    assert tuple(rung) == pytest.approx((1, 100.08, math.inf, 100.0, 0.0, 0.0005, 0.0001))
    assert resting(-1, 100.0, 0.0005, 0.0, 0.0).cost == pytest.approx(-99.95)


def test_costs_are_told_by_kind_and_add_up() -> None:
    rungs = taking(ASKS, 1, 8.0, RATES, 0.01)
    parts = parts_of(rungs, 8.0, 1, 100.0, {"latency": 0.0002})
    value = 100 + 202 + 412 + 104.03
    assert parts["slippage"] == pytest.approx(1.03 / 800 * 1e4)
    assert parts["price"] == pytest.approx((value - 1.03 - 800) / 800 * 1e4)
    assert parts["fee"] == pytest.approx(value * 0.001 / 800 * 1e4)
    assert parts["latency"] == pytest.approx(value * 0.0002 / 800 * 1e4)
    assert parts["queue"] == 0
    cost = sum(rung.cost * size for rung, size in zip(rungs, (1, 2, 4, 1), strict=True))
    assert sum(parts.values()) == pytest.approx((cost - 800) / 800 * 1e4)


def test_a_sale_costs_what_it_brings_less_than_the_best() -> None:
    parts = parts_of([Rung(0, -99.0, 5.0, 99.0, queue=0.0002), Rung(0, -98.0, 5.0, 98.0)], 2.0, -1, 100.0, {})
    assert parts["price"] == pytest.approx(100)
    assert parts["queue"] == pytest.approx(99 * 0.0002 / 100 * 1e4)
    assert list(parts) == ["price", "slippage", "fee", "queue"]
