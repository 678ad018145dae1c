"""How much of a fill was inferred before, to the unit, and how old a request of a strategy is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.oms.inferred import confirmed_by, confirming_id, inferred_id
from quantai.oms.models import Order
from tests.oms.world import SPOT, D

AT_NS = 1_000


def order(*trade_ids: str) -> Order:
    """One with these fills."""
    made = Order("o", "alpha", SPOT, Side.BUY, OrderType.LIMIT, D(9), D(100), TimeInForce.GTC, "", AT_NS)
    made.trade_ids = set(trade_ids)
    return made


def told(quantity: str, filled: Decimal | None = None, at_ns: int = AT_NS, trade_id: str = "t") -> ExecutionReport:
    return ExecutionReport(
        exec_type=ExecType.TRADE, client_order_id="o", ts_event=at_ns, trade_id=trade_id, price=D(100),
        quantity=D(quantity), filled_quantity=filled,
    )  # fmt: skip


LAST_OF_THREE = inferred_id(D(1), D(3), AT_NS, "v")


@pytest.mark.parametrize(
    ("report", "confirmed"),
    [
        (told("1", D(3)), 1), (told("0.4", D(3)), D("0.4")), (told("2", D(3)), 1), (told("1", D("3.1")), 0),
        (told("1"), 1), (told("1", at_ns=AT_NS + 1), 0), (told("1", D(3), AT_NS + 1), 1), (told("1", D(2)), 1),
        (told("1", D(3), trade_id=""), 0), (told("1", D(3), trade_id=LAST_OF_THREE), 0),
    ],
)  # fmt: skip
def test_what_was_inferred_of_an_order_is_confirmed_and_no_more(
    report: ExecutionReport, confirmed: Decimal | int
) -> None:
    assert confirmed_by(order("a", "b", LAST_OF_THREE), report) == confirmed


def test_what_was_confirmed_is_not_confirmed_again() -> None:
    inferred = inferred_id(D(2), D(3), AT_NS, "v"), inferred_id(D(1), D(4), AT_NS + 1, "v")
    for before, left in ((), 3), ((confirming_id(D("0.5"), "x"),), D("2.5")), ((confirming_id(D(3), "x"),), 0):
        assert confirmed_by(order(*inferred, *before), told("5", D(4))) == left


def test_where_nothing_was_inferred_nothing_is_confirmed() -> None:
    assert confirmed_by(order("a"), told("1", D(1), at_ns=0)) == 0
