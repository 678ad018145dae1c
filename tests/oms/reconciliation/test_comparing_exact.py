"""What a venue's answer means, value by value."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.exchanges.execution import ExecType, ExecutionReport, OrderStatus
from quantai.oms.models import Change, Order
from quantai.oms.reconciliation import comparing
from tests.oms.world import SPOT, D


def order(**fields: Any) -> Order:
    """An order of 2 at 100 that rests at the venue."""
    made = Order(
        client_order_id="o1", strategy="alpha", instrument=SPOT, side=Side.SELL, order_type=OrderType.LIMIT,
        quantity=D(2), price=D(100), time_in_force=TimeInForce.GTC, cause="", ts_submitted=1, state=OrderState.NEW,
        is_sent=True, is_accepted=True,
    )  # fmt: skip
    for name, value in fields.items():
        setattr(made, name, value)
    return made


STATUS = OrderStatus(
    client_order_id="o1", venue_order_id="v1", symbol="BTC/USDT", side=Side.SELL, order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC, quantity=D(2), price=D(100), state=OrderState.NEW, filled_quantity=D(0), ts_event=7,
)  # fmt: skip


def status(**fields: Any) -> OrderStatus:
    """What the venue says of it."""
    return structs.replace(STATUS, **fields)


def test_an_order_is_at_the_venue_that_it_was_given_to() -> None:
    assert comparing.is_at_venue(order(), "binance")
    assert not comparing.is_at_venue(order(), "okx")
    assert not comparing.is_at_venue(order(is_sent=False), "binance")
    assert not comparing.is_at_venue(order(is_parent=True), "binance")
    assert not comparing.is_at_venue(order(state=OrderState.SUSPENDED), "binance")


@pytest.mark.parametrize("state", list(OrderState))
def test_whether_an_order_arrived_is_one_question(state: OrderState) -> None:
    waits = state in comparing.AWAITING
    assert comparing.owed(order(state=state, is_accepted=False)) is (OrderState.UNKNOWN if waits else state)
    assert comparing.owed(order(state=state, is_accepted=True)) is state
    assert comparing.owed(order(state=state, is_accepted=False, filled_quantity=D(1))) is state


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ts_last", 5),
        ("state", OrderState.PENDING_CANCEL),
        ("filled_quantity", D(1)),
        ("quantity", D(3)),
        ("price", D(99)),
        ("change", Change(D(3), D(100))),
        ("venue_order_id", "v9"),
        ("is_accepted", False),
    ],
)
def test_whatever_happens_makes_another_version(field: str, value: object) -> None:
    assert comparing.version(order()) == comparing.version(order())
    assert comparing.version(order(**{field: value})) != comparing.version(order())


def test_an_order_is_told_in_few_words() -> None:
    assert comparing.describe_order(order(filled_quantity=D("0.50"))) == "NEW 0.5 of 2 at 100"
    assert comparing.describe_order(order(price=None)) == "NEW 0 of 2"
    assert comparing.describe_status(status(filled_quantity=D(1), price=D(99))) == "NEW 1 of 2 at 99"


def test_terms_are_quantity_and_limit() -> None:
    assert comparing.has_terms(STATUS, D(2), D(100))
    assert not comparing.has_terms(STATUS, D(3), D(100))
    assert not comparing.has_terms(STATUS, D(2), D(99))
    assert comparing.has_terms(STATUS, D(2), None)
    assert comparing.has_terms(status(price=None), D(2), D(99))
    assert not comparing.has_terms(status(price=None), D(3), None)


def test_an_order_is_unchanged_while_the_venue_has_it_as_before() -> None:
    changing = order(state=OrderState.PENDING_REPLACE, change=Change(D(3), D(100)))
    assert comparing.is_unchanged(changing, STATUS)
    assert not comparing.is_unchanged(order(change=Change(D(3), D(100))), STATUS)
    assert not comparing.is_unchanged(changing, status(state=OrderState.CANCELED))
    assert not comparing.is_unchanged(changing, status(quantity=D(3)))
    assert not comparing.is_unchanged(changing, status(price=D(99)))
    same = order(state=OrderState.PENDING_REPLACE, change=Change(D(2), D(100)))
    assert not comparing.is_unchanged(same, STATUS)
    assert comparing.is_unchanged(order(state=OrderState.PENDING_REPLACE, change=None), STATUS)


def test_an_order_agrees_that_is_open_with_the_same_terms_and_fills() -> None:
    assert comparing.agrees(order(), STATUS)
    assert not comparing.agrees(order(state=OrderState.CANCELED), STATUS)
    assert not comparing.agrees(order(), status(filled_quantity=D(1)))
    assert not comparing.agrees(order(), status(quantity=D(3)))
    assert not comparing.agrees(order(), status(price=D(99)))
    for state in comparing.AWAITING:
        assert comparing.agrees(order(state=state), status(quantity=D(3), filled_quantity=D(1)))


def report(exec_type: ExecType, **fields: Any) -> ExecutionReport:
    """A report as if the venue had sent it."""
    return ExecutionReport(
        exec_type=exec_type, client_order_id="o1", ts_event=7, symbol="BTC/USDT", side=Side.SELL, **fields
    )  # fmt: skip


NEW = report(ExecType.NEW, venue_order_id="v1")


@pytest.mark.parametrize(
    ("ours", "theirs", "reports"),
    [
        ({}, {}, []),
        ({"is_accepted": False}, {}, [NEW]),
        ({"state": OrderState.UNKNOWN}, {}, [NEW]),
        (
            {},
            {"quantity": D(3), "price": D(99)},
            [report(ExecType.REPLACED, venue_order_id="v1", order_quantity=D(3), order_price=D(99))],
        ),
        (
            {"price": None},
            {"quantity": D(3), "price": D(99)},
            [report(ExecType.REPLACED, venue_order_id="v1", order_quantity=D(3), order_price=None)],
        ),
        (
            {"state": OrderState.PENDING_REPLACE, "change": Change(D(2), D(100))},
            {},
            [report(ExecType.REPLACED, venue_order_id="v1", order_quantity=D(2), order_price=D(100))],
        ),
        (
            {"state": OrderState.PENDING_REPLACE, "change": Change(D(3), D(100))},
            {"state": OrderState.CANCELED},
            [report(ExecType.CANCELED, venue_order_id="v1", reason="told when asked")],
        ),
        ({"state": OrderState.CANCELED}, {"quantity": D(3), "state": OrderState.EXPIRED}, []),
        (
            {},
            {"state": OrderState.EXPIRED, "reason": "too old"},
            [report(ExecType.EXPIRED, venue_order_id="v1", reason="too old")],
        ),
        (
            {"is_accepted": False, "state": OrderState.UNKNOWN},
            {"state": OrderState.REJECTED, "quantity": D(3)},
            [report(ExecType.REJECTED, venue_order_id="v1", reason="told when asked")],
        ),
    ],
)
def test_corrections_make_of_an_order_what_the_venue_says(
    ours: dict[str, Any], theirs: dict[str, Any], reports: list[ExecutionReport]
) -> None:
    assert list(comparing.corrections(order(**ours), status(**theirs))) == reports


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({"is_accepted": False}, ExecType.REJECTED),
        ({"is_accepted": False, "filled_quantity": D(1)}, ExecType.CANCELED),
        ({}, ExecType.CANCELED),
        ({"time_in_force": TimeInForce.IOC}, ExecType.EXPIRED),
        ({"time_in_force": TimeInForce.FOK}, ExecType.EXPIRED),
        ({"is_accepted": False, "time_in_force": TimeInForce.IOC}, ExecType.REJECTED),
    ],
)
def test_how_an_order_ended_that_the_venue_does_not_know(fields: dict[str, Any], ending: ExecType) -> None:
    assert comparing.ending_of(order(**fields)) is ending
