"""An acceptance once, an id that changes, and nothing forgotten that matters."""

from __future__ import annotations

from typing import Any

from quantai.exchanges.arrivals import Arrivals
from quantai.exchanges.execution import ExecType, ExecutionReport


def report(exec_type: ExecType, venue_order_id: str = "", **fields: Any) -> ExecutionReport:
    return ExecutionReport(
        exec_type=exec_type, client_order_id="e1", ts_event=1, venue_order_id=venue_order_id, **fields
    )


def test_a_triggered_order_is_known_by_another_id() -> None:
    arrivals = Arrivals()
    assert arrivals.digest(report(ExecType.NEW, "algo-9")) is not None
    renamed = arrivals.digest(report(ExecType.NEW, "8888"))
    assert renamed is not None
    assert (renamed.exec_type, renamed.venue_order_id) == (ExecType.REPLACED, "8888")
    assert arrivals.digest(report(ExecType.REPLACED, "8888")) is None  # told before
    assert arrivals.digest(report(ExecType.NEW, "8888")) is None


def test_what_proves_no_arrival_is_none() -> None:
    arrivals = Arrivals()
    for exec_type in (ExecType.UNKNOWN, ExecType.REJECTED, ExecType.CANCEL_REJECTED, ExecType.REPLACE_REJECTED):
        assert arrivals.digest(report(exec_type, "5")) is not None
    assert "e1" not in arrivals
    assert arrivals.digest(report(ExecType.TRADE, "5")) is not None
    assert "e1" in arrivals


def test_a_fill_that_comes_before_the_acceptance_hides_neither_it_nor_the_new_id() -> None:
    arrivals = Arrivals()
    assert arrivals.digest(report(ExecType.TRADE, "5")) is not None
    assert arrivals.digest(report(ExecType.NEW, "5")) is not None
    arrivals = Arrivals()
    arrivals.digest(report(ExecType.NEW, "algo-9"))
    arrivals.digest(report(ExecType.TRADE, "8888"))
    assert arrivals.digest(report(ExecType.REPLACED, "8888")) is not None


def test_orders_without_a_client_id_are_not_mixed_up() -> None:
    arrivals = Arrivals()
    for venue_order_id in ("1", "2"):
        external = ExecutionReport(
            exec_type=ExecType.NEW, client_order_id="", ts_event=1, venue_order_id=venue_order_id
        )
        assert arrivals.digest(external) is external


def test_arrivals_are_bounded() -> None:
    arrivals = Arrivals(max_orders=2)
    for number in range(5):
        arrivals.digest(ExecutionReport(exec_type=ExecType.NEW, client_order_id=f"e{number}", ts_event=1))
    assert [name for name in ("e0", "e2", "e3", "e4") if name in arrivals] == ["e3", "e4"]
