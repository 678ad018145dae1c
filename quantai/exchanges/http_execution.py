"""Order entry where commands are requests, one for each: placed, amended and cancelled over HTTP, told of over the
stream.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import msgspec

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import OrderError
from quantai.exchanges.base import Capabilities
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import NotSent, OrderNotFound
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.order_checks import check_amounts, check_declared, check_order
from quantai.exchanges.order_outcomes import Command
from quantai.exchanges.private_execution import PrivateExecution
from quantai.exchanges.rate_limiter import Priority
from quantai.exchanges.websocket.waiting import time_limit

WAIT_NS = NS_PER_SECOND
"""The longest an order may wait here, for the rate budget and for what went before it. With a receive window of less
than 4 s it is at the venue within 5 s or never: the OMS takes what is not known there after 5 s
(reconciliation.answer_timeout) for lost.
"""
CANCEL_WAIT_NS = 10 * NS_PER_SECOND
TIMEOUT_NS = 5 * NS_PER_SECOND


class HttpExecution(PrivateExecution):
    """Subclass it with what a venue wants to be told (`placement`, `cancellations`, `amendment` where it has that) and
    what it answers (`accepted`).
    """

    ack: ClassVar[Any]
    """What a placement is answered with, as msgspec reads it."""

    client_ids: re.Pattern[str]
    """What the venue takes as a client order id."""

    def __init__(
        self, core: VenueCore, capabilities: Capabilities | None = None, order_rules: Sequence[str] = ()
    ) -> None:
        """Orders that `capabilities` do not declare are refused; None: `placement` sees to that. See
        `PrivateExecution` for the rest.
        """
        super().__init__(core, order_rules)
        self._capabilities = capabilities

    @abstractmethod
    def placement(self, command: SubmitOrder, symbol: str) -> HttpRequest:
        """The request for a new order of the venue's `symbol`. Raises `OrderError` for what the venue could only do
        otherwise than asked.
        """

    @abstractmethod
    def cancellations(self, command: CancelOrder, symbol: str) -> Sequence[HttpRequest]:
        """The requests to cancel, one or more: the next is sent where the venue says to the one before that it knows no
        such order. Raises `OrderError`.
        """

    @abstractmethod
    def accepted(self, ack: Any) -> tuple[str, int]:
        """The venue's order id, and its time in nanoseconds UTC (0 where it does not say)."""

    def amendment(self, command: AmendOrder, symbol: str) -> HttpRequest:
        """The request to change an order. Raises `OrderError`."""
        raise OrderError(f"{self._core.venue} amends no orders: cancel {command.client_order_id} and place anew")

    async def may_amend(self, command: AmendOrder) -> None:
        """Ask the venue first, where it would do something else than asked. Raises `VenueError` where it would."""

    def check(self, command: SubmitOrder) -> None:
        """See the interface: what would be sent is made, and let go of."""
        self._placement(command)

    def submit(self, command: SubmitOrder) -> None:
        self._send(command, self._new(command))

    def submit_batch(self, commands: Sequence[SubmitOrder]) -> None:
        """One by one. Those that cannot be sent are told so."""
        for command in commands:
            self._or_refuse(partial(self.submit, command), command)

    def amend(self, command: AmendOrder) -> None:
        check_amounts(self._core.venue, command.quantity, command.price)
        request = self.amendment(command, self._core.ordered_symbol(command.symbol))
        self._queue.put([key_of(command)], partial(self._amend, command, request, self._in(WAIT_NS)))

    def cancel(self, command: CancelOrder) -> None:
        requests = self.cancellations(command, self._core.ordered_symbol(command.symbol))
        work = partial(self._cancel, command, requests, self._in(CANCEL_WAIT_NS))
        self._queue.put([key_of(command)], work, is_cancel=True)

    def cancel_batch(self, commands: Sequence[CancelOrder]) -> None:
        """One by one. Those that cannot be sent are told so."""
        for command in commands:
            self._or_refuse(partial(self.cancel, command), command)

    def _or_refuse(self, send: Callable[[], None], *commands: Command) -> None:
        """One that cannot be sent keeps no other of its batch from being sent."""
        try:
            send()
        except Exception as error:
            for command in commands:
                self.outcomes.refuse_later(command, error)

    def _send(self, command: SubmitOrder, request: HttpRequest) -> None:
        work = partial(self._submit, command, request, self._in(WAIT_NS))
        self._queue.put([command.client_order_id], work)

    def _placement(self, command: SubmitOrder) -> HttpRequest:
        check_order(command, self._core.venue, self.client_ids)
        if self._capabilities is not None:
            check_declared(command, self._core.venue, self._capabilities)
        return self.placement(command, self._core.ordered_symbol(command.symbol))

    def _new(self, command: SubmitOrder) -> HttpRequest:
        """Raises `OrderError` for what cannot be sent, `DuplicateOrderId` where the id was sent and has arrived."""
        self.outcomes.check_is_new(command)
        return self._placement(command)

    async def _submit(self, command: SubmitOrder, request: HttpRequest, deadline_ns: int) -> None:
        try:
            ack = await self._core.http.call(self._due(request, deadline_ns, Priority.ORDER), self.ack)
        except Exception as error:
            self.outcomes.refuse(command, error)
        else:
            self._accept(command, ack)

    def _accept(self, command: SubmitOrder, ack: Any) -> None:
        try:
            venue_order_id, ts_event = self.accepted(ack)
        except Exception as error:
            self.outcomes.refuse(command, error)
        else:
            self.outcomes.accept(command, venue_order_id, ts_event)

    async def _amend(self, command: AmendOrder, request: HttpRequest, deadline_ns: int) -> None:
        """What the order is then the stream tells."""
        try:
            await self._ask_first(command, deadline_ns)
            await self._core.http.call(self._due(request, deadline_ns, Priority.ORDER), msgspec.Raw)
        except Exception as error:
            self.outcomes.refuse(command, error)

    async def _ask_first(self, command: AmendOrder, deadline_ns: int) -> None:
        """No longer than till the deadline: a question waits for a venue that does not answer, a cancel that comes
        after this must not.
        """
        try:
            async with time_limit(self._core.clock, max(0, deadline_ns - self._core.clock.now_ns())):
                await self.may_amend(command)
        except TimeoutError:
            raise NotSent("not sent, the order could not be looked at in time") from None

    async def _cancel(self, command: CancelOrder, requests: Sequence[HttpRequest], deadline_ns: int) -> None:
        """That it was done the stream tells."""
        missing: Exception = OrderNotFound(f"{self._core.venue} does not know the order")
        for request in requests:
            try:
                await self._core.http.call(self._due(request, deadline_ns, Priority.CANCEL), msgspec.Raw)
            except OrderNotFound as error:
                missing = error
            except Exception as error:
                self.outcomes.refuse(command, error)
                return
            else:
                return
        self.outcomes.refuse(command, missing)

    def _in(self, wait_ns: int) -> int:
        return self._core.clock.now_ns() + wait_ns

    def _due(self, request: HttpRequest, deadline_ns: int, priority: Priority) -> HttpRequest:
        """The request as commands are sent: never twice. Raises `NotSent` where the deadline has passed."""
        left_ns = deadline_ns - self._core.clock.now_ns()
        if left_ns <= 0:
            raise NotSent(f"{request}: not sent, it waited too long for what went before it")
        return replace(
            request, is_signed=True, is_safe=False, priority=priority, timeout_ns=TIMEOUT_NS, budget_ns=left_ns
        )


def key_of(command: Command) -> str:
    """What the commands of one order have in common; adopted orders have the venue's id only."""
    return command.client_order_id or getattr(command, "venue_order_id", "")
