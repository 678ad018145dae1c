"""What the answers to order commands prove, told as reports.

An answer is told only for what it proves: that an order was taken, or that a command was refused or not sent. What it
leaves open is `UNKNOWN`, and asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from quantai.core.errors import OrderError, VenueError
from quantai.exchanges.arrivals import Arrivals
from quantai.exchanges.errors import DuplicateOrderId, MalformedReply, NotSent, OutcomeUnknown
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecType, ExecutionReport, ReportSink, SubmitOrder

logger = logging.getLogger(__name__)

Command = SubmitOrder | AmendOrder | CancelOrder

_REFUSED = {
    SubmitOrder: ExecType.REJECTED,
    AmendOrder: ExecType.REPLACE_REJECTED,
    CancelOrder: ExecType.CANCEL_REJECTED,
}


class OrderOutcomes:
    """Of one account: the way of every report, those of the private stream too, to the `sink`."""

    def __init__(self, venue: str, now_ns: Callable[[], int]) -> None:
        """`now_ns` tells the time at the venue."""
        self._venue = venue
        self._now_ns = now_ns
        self._arrivals = Arrivals()
        self.sink: ReportSink | None = None

    def tell(self, report: ExecutionReport) -> None:
        """Give on what is new in a report: an acceptance comes twice, in the answer and over the stream."""
        digested = self._arrivals.digest(report)
        if digested is not None and self.sink is not None:
            self.sink(digested)

    def check_is_new(self, command: SubmitOrder) -> None:
        """Raises `DuplicateOrderId` where an order of that id has arrived at the venue."""
        if command.client_order_id in self._arrivals:
            raise DuplicateOrderId(f"order {command.client_order_id} has arrived at {self._venue} already")

    def accept(self, command: SubmitOrder, venue_order_id: str, ts_event: int) -> None:
        """The venue took the order, at its time `ts_event` (0 where it does not say)."""
        if not venue_order_id:
            self.refuse(command, MalformedReply(f"{self._venue} answered without an order id"))
            return
        report = ExecutionReport(
            exec_type=ExecType.NEW, client_order_id=command.client_order_id, ts_event=ts_event or self._now_ns(),
            venue_order_id=venue_order_id, symbol=command.symbol, side=command.side,
        )  # fmt: skip
        self.tell(report)

    def refuse(self, command: Command, error: Exception) -> None:
        """Tell what a failure proves. An order that is known to have arrived is not in doubt because its answer is."""
        exec_type = _REFUSED[type(command)]
        is_new = isinstance(command, SubmitOrder)
        if isinstance(error, OutcomeUnknown) or not isinstance(error, VenueError):
            if is_new and command.client_order_id in self._arrivals:
                return
            exec_type = ExecType.UNKNOWN
        elif is_new and isinstance(error, DuplicateOrderId):  # of ids that are used once: it is the order itself
            exec_type = ExecType.UNKNOWN
        if not isinstance(error, VenueError):
            logger.error("a command to %s broke", self._venue, exc_info=error)
        report = ExecutionReport(
            exec_type=exec_type, client_order_id=command.client_order_id, ts_event=self._now_ns(),
            venue_order_id=getattr(command, "venue_order_id", ""), symbol=command.symbol,
            reason=str(error) or type(error).__name__,
        )  # fmt: skip
        self.tell(report)

    def refuse_later(self, command: Command, error: Exception) -> None:
        """After the call has returned, as all reports. An `OrderError` proves that nothing was sent."""
        cause = NotSent(str(error)) if isinstance(error, OrderError) else error
        asyncio.get_running_loop().call_soon(self.refuse, command, cause)
