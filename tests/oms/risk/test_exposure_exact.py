"""What the largest position could be worth, long and short, to the unit."""

from __future__ import annotations

import pytest

from quantai.core.enums import Side
from quantai.instruments import Instrument
from quantai.oms.risk.exposure import Exposure, Exposures, Total
from tests.oms.risk.desk import BUY, SELL, Desk
from tests.oms.world import INVERSE, PERP, D


def exposure(instrument: Instrument, held: str, *, buys: str = "0", sells: str = "0") -> Exposure:
    """With a position and what works on each side, where the market is at 100."""
    desk = Desk()
    desk.books.hold("alpha", instrument, held)
    exposures = Exposures(desk.books, desk.market)
    found = exposures.of(instrument)
    found.buys, found.sells = D(buys), D(sells)
    exposures.refresh()
    return found


@pytest.mark.parametrize(
    ("held", "buys", "sells", "side", "largest"),
    [
        ("0", "0", "0", BUY, 1), ("0", "0", "0", SELL, 1),
        ("2", "0", "0", BUY, 3), ("2", "0", "0", SELL, 2), ("-2", "0", "0", SELL, 3), ("-2", "0", "0", BUY, 2),
        ("-2", "0", "4", SELL, 7), ("-2", "0", "4", BUY, 6), ("2", "4", "0", BUY, 7), ("2", "4", "0", SELL, 6),
        ("2", "0", "9", SELL, 8), ("-2", "9", "0", BUY, 8),
    ],
)  # fmt: skip
def test_one_more_is_worth_what_the_largest_position_would_be(
    held: str, buys: str, sells: str, side: Side, largest: int
) -> None:
    """A contract of okx is 0.01 BTC, here at 100 USDT."""
    found = exposure(PERP, held, buys=buys, sells=sells)
    assert found.notional_with(side, D(1), D(100)) == largest
    assert found.notional_with(side, D(1), D(150)) == largest * D("1.5")
    assert found.notional_with(side, D(1), D(50)) == largest  # no less than the market says
    assert found.notional_with(side, D(1), None) is None


@pytest.mark.parametrize(("held", "side", "largest"), [("-2", SELL, 3), ("2", BUY, 3), ("2", SELL, 2), ("-2", BUY, 2)])
def test_an_inverse_contract_is_worth_most_where_the_price_is_lowest(held: str, side: Side, largest: int) -> None:
    """One is 100 USD."""
    found = exposure(INVERSE, held)
    assert found.notional_with(side, D(1), D(100)) == largest
    assert found.notional_with(side, D(1), D(50)) == largest * 2
    assert found.notional_with(side, D(1), D(200)) == largest


@pytest.mark.parametrize(("held", "worth"), [("3", 3), ("-3", 3), ("0", 0)])
def test_a_position_alone_is_worth_the_same_long_and_short(held: str, worth: int) -> None:
    assert exposure(PERP, held).notional == worth


def test_how_many_have_no_price_is_counted_up_and_down() -> None:
    total = Total()
    one, other = exposure(PERP, "1"), exposure(PERP, "2")
    for each in (one, other):
        known, each.notional, each.profit = each.notional, None, None
        total.replace(known, D(0), each)
    assert (total.unpriced, total.unvalued) == (2, 2)
    one.notional, one.profit = D(5), D(7)
    total.replace(None, None, one)
    assert (total.unpriced, total.unvalued, total.profit) == (1, 1, D(7))
