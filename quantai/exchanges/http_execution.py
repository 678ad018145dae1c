"""Order entry where commands are requests, one for each: placed and cancelled over HTTP, told of over the stream."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import msgspec

from quantai.core.clock import NS_PER_SECOND
from quantai.exchanges.base import Capabilities
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import NotSent
from quantai.exchanges.execution import CancelOrder, SubmitOrder
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.order_checks import check_declared, check_order
from quantai.exchanges.order_outcomes import Command
from quantai.exchanges.private_execution import PrivateExecution
from quantai.exchanges.rate_limiter import Priority

WAIT_NS = NS_PER_SECOND
"""The longest an order may wait here, for the rate budget and for what went before it. With a receive window of less
than 4 s it is at the venue within 5 s or never: the OMS takes what is not known there after 5 s
(reconciliation.answer_timeout) for lost.
"""
CANCEL_WAIT_NS = 10 * NS_PER_SECOND
TIMEOUT_NS = 5 * NS_PER_SECOND


class HttpExecution(PrivateExecution):
    """Subclass it with what a venue wants to be told (`placement`, `cancellation`) and what it answers (`accepted`)."""

    ack: ClassVar[Any]
    """What a placement is answered with, as msgspec reads it."""

    client_ids: ClassVar[re.Pattern[str]]
    """What the venue takes as a client order id."""

    def __init__(self, core: VenueCore, capabilities: Capabilities, order_rules: Sequence[str] = ()) -> None:
        """Orders that `capabilities` do not declare are refused; see `PrivateExecution` for the rest."""
        super().__init__(core, order_rules)
        self._capabilities = capabilities

    @abstractmethod
    def placement(self, command: SubmitOrder, symbol: str) -> HttpRequest:
        """The request for a new order of the venue's `symbol`. Raises `OrderError` for what the venue could only do
        otherwise than asked.
        """

    @abstractmethod
    def cancellation(self, command: CancelOrder, symbol: str) -> HttpRequest:
        """The request to cancel. Raises `OrderError`."""

    @abstractmethod
    def accepted(self, ack: Any) -> tuple[str, int]:
        """The venue's order id, and its time in nanoseconds UTC (0 where it does not say)."""

    def submit(self, command: SubmitOrder) -> None:
        check_order(command, self._core.venue, self.client_ids)
        check_declared(command, self._core.venue, self._capabilities)
        self.outcomes.check_is_new(command)
        request = self.placement(command, self._core.ordered_symbol(command.symbol))
        deadline_ns = self._core.clock.now_ns() + WAIT_NS
        self._queue.put([command.client_order_id], partial(self._submit, command, request, deadline_ns))

    async def _submit(self, command: SubmitOrder, request: HttpRequest, deadline_ns: int) -> None:
        try:
            ack = await self._core.http.call(self._due(request, deadline_ns, Priority.ORDER), self.ack)
            venue_order_id, ts_event = self.accepted(ack)
        except Exception as error:
            self.outcomes.refuse(command, error)
        else:
            self.outcomes.accept(command, venue_order_id, ts_event)

    def cancel(self, command: CancelOrder) -> None:
        request = self.cancellation(command, self._core.ordered_symbol(command.symbol))
        work = partial(self._cancel, command, request, self._core.clock.now_ns() + CANCEL_WAIT_NS)
        self._queue.put([key_of(command)], work, is_cancel=True)

    async def _cancel(self, command: CancelOrder, request: HttpRequest, deadline_ns: int) -> None:
        """That it was done the stream tells."""
        try:
            await self._core.http.call(self._due(request, deadline_ns, Priority.CANCEL), msgspec.Raw)
        except Exception as error:
            self.outcomes.refuse(command, error)

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
