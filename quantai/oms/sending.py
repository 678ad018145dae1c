"""From an approved order to the venue: persist, then send, then tell. What cannot be kept is not sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from quantai.core.enums import OrderState
from quantai.core.errors import OrderError
from quantai.events import OrderEvent, OrderPendingReplaceEvent, OrderSubmittedEvent
from quantai.exchanges.execution import (
    AmendOrder,
    CancelOrder,
    ExecType,
    ExecutionConnector,
    ExecutionReport,
    SubmitOrder,
)
from quantai.oms.adoption import venue_names
from quantai.oms.ledger import Ledger
from quantai.oms.models import Change, Order
from quantai.oms.risk.base import Approved
from quantai.oms.terms import SENT_AS

logger = logging.getLogger(__name__)

Outcome = Callable[[Order, ExecutionReport], None]
"""Takes what is known of a command that did not go the usual way."""

# Looking a member up in its class costs more than twice a global.
_PENDING_NEW = OrderState.PENDING_NEW

NOT_JOURNALLED = "NOT_JOURNALLED: the journal did not take it, so it was not sent"


class Sender:
    """Gives commands to connectors. Cancels do not wait for the journal, everything else does."""

    def __init__(self, ledger: Ledger, executors: Mapping[str, ExecutionConnector], on_outcome: Outcome) -> None:
        self._ledger = ledger
        self._executors = executors
        self._on_outcome = on_outcome
        self.sent = self.denied = 0

    def submit(self, approved: Approved) -> None:
        """Send a new order as soon as it is durable."""
        order = approved.order
        event = self._submitted(order)
        self._ledger.keep(order, event, then=partial(self._on_kept, order, event))

    def submit_all(self, approved: Sequence[Approved]) -> None:
        """The same for several, which go out together, venue by venue, when all that can be kept are."""
        answers: list[tuple[Order, OrderEvent, bool]] = []

        def on_kept(order: Order, event: OrderEvent, is_durable: bool) -> None:
            answers.append((order, event, is_durable))
            if len(answers) == len(approved):
                self._on_all_kept(answers)

        for each in approved:
            event = self._submitted(each.order)
            self._ledger.keep(each.order, event, then=partial(on_kept, each.order, event))

    def amend(self, order: Order, event: OrderPendingReplaceEvent) -> None:
        """Send a change as soon as it is durable. It is told before: what happens until then happens to an order that
        is being changed.
        """
        self._ledger.publish(event)
        self._ledger.keep(order, event, then=partial(self._on_change_kept, order, event))

    def cancel(self, order: Order, event: OrderEvent) -> None:
        """Send a cancel at once; of an order that was not sent yet there is nothing to cancel."""
        self._ledger.keep(order, event)
        if order.is_sent:
            self._hand_over([order], lambda: self._executors[order.venue].cancel(_cancel_of(order)), event)
        else:
            self._ledger.publish(event)

    def cancel_all(self, cancels: Sequence[tuple[Order, OrderEvent]]) -> None:
        """The same for several, venue by venue."""
        for order, event in cancels:
            self._ledger.keep(order, event)
        for venue, some in _by_venue([each for each in cancels if each[0].is_sent]):
            orders = [order for order, _ in some]
            send = partial(self._executors[venue].cancel_batch, [_cancel_of(order) for order in orders])
            self._hand_over(orders, send, *(event for _, event in some))
        for order, event in cancels:
            if not order.is_sent:
                self._ledger.publish(event)

    def end(self, order: Order, outcome: ExecType, reason: str) -> None:
        """Say of an order what no venue says."""
        report = ExecutionReport(
            exec_type=outcome, client_order_id=order.client_order_id, ts_event=self._ledger.now_ns(), reason=reason
        )
        self._on_outcome(order, report)

    def _submitted(self, order: Order) -> OrderSubmittedEvent:
        return OrderSubmittedEvent(*self._ledger.opening(order), order.at_venue)

    def _on_kept(self, order: Order, event: OrderEvent, is_durable: bool) -> None:
        if self._may_go(order, is_durable):
            self._mark_sent(order)
            self._hand_over([order], lambda: self._executors[order.venue].submit(submit_of(order)), event)

    def _on_all_kept(self, answers: Sequence[tuple[Order, OrderEvent, bool]]) -> None:
        """What goes is told from what does not at this moment only: any of them may have been cancelled meanwhile."""
        going = [(order, event) for order, event, is_durable in answers if is_durable and _is_wanted(order)]
        self._send_batches(going)
        for order, _, is_durable in answers:
            if not order.is_sent:
                self._may_go(order, is_durable)

    def _may_go(self, order: Order, is_durable: bool) -> bool:
        """Whether the order may be sent now; if not, it ends here."""
        state = order.state
        if is_durable and state is _PENDING_NEW:
            return True
        if state is OrderState.PENDING_CANCEL:
            self.end(order, ExecType.CANCELED, "it was cancelled before it was sent")
        elif not is_durable:
            self.denied += 1
            self.end(order, ExecType.DENIED, NOT_JOURNALLED)
        return _is_wanted(order)

    def _mark_sent(self, order: Order) -> None:
        """Before it is handed over: what a connector that fails did with it is not known."""
        order.is_sent = True
        self.sent += 1

    def _send_batches(self, kept: Sequence[tuple[Order, OrderEvent]]) -> None:
        for order, _ in kept:
            self._mark_sent(order)
        for venue, some in _by_venue(kept):
            orders = [order for order, _ in some]
            send = partial(self._executors[venue].submit_batch, [submit_of(order) for order in orders])
            self._hand_over(orders, send, *(event for _, event in some))

    def _on_change_kept(self, order: Order, event: OrderPendingReplaceEvent, is_durable: bool) -> None:
        is_newest = order.change == Change(event.quantity, event.price)
        if not is_newest:  # another is on its way, or it ended
            return
        if order.state is not OrderState.PENDING_REPLACE:
            self.end(order, ExecType.REPLACE_REJECTED, "it was cancelled before the change was sent")
            return
        if not is_durable:
            self.end(order, ExecType.REPLACE_REJECTED, NOT_JOURNALLED)
            return
        client_order_id, venue_order_id = venue_names(order)
        command = AmendOrder(client_order_id, order.symbol, venue_order_id, order.side, event.quantity, event.price)
        self._hand_over([order], lambda: self._executors[order.venue].amend(command))

    def _hand_over(self, orders: Sequence[Order], send: Callable[[], None], *told: OrderEvent) -> None:
        """Give commands to a connector, then tell. A connector that fails leaves the outcome unknown; so does one that
        refuses a command among several, as others of them may have gone out.
        """
        outcome, failure = ExecType.UNKNOWN, ""
        try:
            send()
        except OrderError as error:
            failure = str(error)
            if len(orders) == 1:
                outcome = _refused(orders[0])
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
            logger.exception("the connector of %s failed on %s", orders[0].venue, orders[0].client_order_id)
        for event in told:
            self._ledger.publish(event)
        if failure:
            for order in orders:
                self.end(order, outcome, failure)


def _is_wanted(order: Order) -> bool:
    """Whether it is still to be sent."""
    return order.state is _PENDING_NEW


def _by_venue(
    told: Sequence[tuple[Order, OrderEvent]],
) -> Iterable[tuple[str, list[tuple[Order, OrderEvent]]]]:
    """The same, venue by venue, in the order of each one's first."""
    found: dict[str, list[tuple[Order, OrderEvent]]] = {}
    for order, event in told:
        found.setdefault(order.venue, []).append((order, event))
    return found.items()


def _refused(order: Order) -> ExecType:
    """What it means for the order that its last command was certainly not sent."""
    match order.state:
        case OrderState.PENDING_CANCEL:
            return ExecType.CANCEL_REJECTED
        case OrderState.PENDING_REPLACE:
            return ExecType.REPLACE_REJECTED
        case _:
            return ExecType.REJECTED


def submit_of(order: Order) -> SubmitOrder:
    """What is sent of an order; of a stop that is kept here, what will be once it is released."""
    if order.at_venue:
        order_type, trigger_price = order.order_type, order.trigger_price
    else:
        order_type, trigger_price = SENT_AS.get(order.order_type, order.order_type), None
    return SubmitOrder(
        order.client_order_id, order.symbol, order.side, order_type, order.leaves_quantity, order.price,
        order.time_in_force, order.reduce_only, trigger_price, order.options,
    )  # fmt: skip


def _cancel_of(order: Order) -> CancelOrder:
    client_order_id, venue_order_id = venue_names(order)
    return CancelOrder(client_order_id, order.symbol, venue_order_id)
