"""Makes an order what the venue says it is, and tells of it. Nothing here asks or waits."""

from __future__ import annotations

from quantai.core.numbers import plain
from quantai.exchanges.execution import ExecType, OrderStatus
from quantai.oms.models import Order
from quantai.oms.order_manager import OrderManager
from quantai.oms.reconciliation.comparing import (
    AWAITING,
    corrections,
    describe_order,
    describe_status,
    ending_of,
    report_of,
    version,
)
from quantai.oms.reconciliation.mismatches import Mismatches, MismatchKind


class Corrector:
    """Applies what one venue proved, through the order manager."""

    def __init__(self, venue: str, orders: OrderManager, mismatches: Mismatches) -> None:
        self._venue = venue
        self._orders = orders
        self._mismatches = mismatches

    def close(self, order: Order, now_ns: int) -> None:
        """The venue does not know the order, and all that it traded is booked."""
        ours, ending = describe_order(order), ending_of(order)
        reason = "the venue never had it" if ending is ExecType.REJECTED else "the venue does not know it any more"
        self._orders.apply(self._venue, report_of(order, ending, now_ns, reason=reason))
        self._tell(MismatchKind.MISSING_ORDER, order, ours, "not known")

    def correct(self, order: Order, status: OrderStatus) -> None:
        """The venue knows the order, and what it says holds."""
        ours, before = describe_order(order), version(order)
        kind = MismatchKind.LOST_ANSWER if order.state in AWAITING else MismatchKind.ORDER
        if order.is_open:
            for report in corrections(order, status):
                self._orders.apply(self._venue, report)
            if order.is_open and not status.state.is_open:
                self._orders.restate(order, status, "the venue says so, and its reports do not explain it")
        if version(order) != before:
            self._tell(kind, order, ours, describe_status(status))
        if order.filled_quantity > status.filled_quantity:
            self._mismatches.tell_once(
                self._venue, MismatchKind.EXCESS_FILL, order.client_order_id, f"{plain(order.filled_quantity)} traded",
                f"{plain(status.filled_quantity)} traded", "left as it is: a fill is never taken back",
            )  # fmt: skip

    def reopen(self, order: Order, status: OrderStatus) -> None:
        """The order is closed here, and open at the venue."""
        ours = describe_order(order)
        self._orders.restate(order, status, "it is open at the venue")
        self._tell(MismatchKind.REOPENED_ORDER, order, ours, describe_status(status))

    def refuse_change(self, order: Order, status: OrderStatus) -> None:
        """The order is as it was before a change that was asked for."""
        ours = describe_order(order)
        report = report_of(order, ExecType.REPLACE_REJECTED, status.ts_event, reason="the venue did not change it")
        self._orders.apply(self._venue, report)
        self._tell(MismatchKind.LOST_ANSWER, order, ours, describe_status(status))

    def refuse_answer(self, order: Order, status: OrderStatus) -> None:
        """No order can be what the venue says: that proves nothing."""
        self._mismatches.tell_once(
            self._venue, MismatchKind.UNSOUND_ANSWER, order.client_order_id, describe_order(order), status,
            "left as it is, and asked for again",
        )  # fmt: skip

    def _tell(self, kind: MismatchKind, order: Order, ours: str, theirs: str) -> None:
        self._mismatches.tell(self._venue, kind, order.client_order_id, ours, theirs, f"now {describe_order(order)}")
