"""Order entry at venues that take several commands in one message, and answer each of them inside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from quantai.core.errors import VenueError
from quantai.exchanges.errors import OutcomeUnknown
from quantai.exchanges.execution import CancelOrder, SubmitOrder
from quantai.exchanges.http_execution import CANCEL_WAIT_NS, WAIT_NS, HttpExecution, key_of
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.order_outcomes import Command
from quantai.exchanges.rate_limiter import Priority

T = TypeVar("T")

Placement = tuple[SubmitOrder, HttpRequest]


class BatchedExecution(HttpExecution):
    """Subclass it with the messages for several orders (`joint_placement`, `joint_cancellation`), and with which go
    alone.
    """

    acks: ClassVar[Any]
    """What several commands are answered with: a list of `ack`, one for each, in their order."""
    placed_together: int = 1
    """The most new orders in one message; 1: it has none for that."""
    cancelled_together: int = 1
    """The most cancels in one message."""

    @abstractmethod
    def joint_placement(self, placements: Sequence[HttpRequest]) -> HttpRequest:
        """One message with the orders of several requests."""

    @abstractmethod
    def joint_cancellation(self, commands: Sequence[CancelOrder], symbol: str) -> HttpRequest:
        """One message that cancels several orders of the venue's `symbol`."""

    @abstractmethod
    def refused(self, ack: Any) -> VenueError | None:
        """Why one of several was not done; None where it was."""

    def is_placed_alone(self, placement: HttpRequest) -> bool:
        """Whether the new order cannot go with others."""
        return False

    def is_cancelled_alone(self, command: CancelOrder) -> bool:
        """Whether the cancel cannot go with others."""
        return False

    def submit_batch(self, commands: Sequence[SubmitOrder]) -> None:
        """As many at a time as the venue takes. Those that cannot be sent are told so."""
        if self.placed_together == 1:
            super().submit_batch(commands)
            return
        together: list[Placement] = []
        alone: list[Placement] = []
        for command in commands:
            try:
                request = self._new(command)
            except Exception as error:
                self.outcomes.refuse_later(command, error)
            else:
                (alone if self.is_placed_alone(request) else together).append((command, request))
        for some in [*_chunks(together, self.placed_together), *_chunks(alone, 1)]:
            self._or_refuse(partial(self._send_together, some), *(command for command, _ in some))

    def _send_together(self, some: Sequence[Placement]) -> None:
        if len(some) == 1:
            self._send(*some[0])
            return
        commands = [command for command, _ in some]
        request = self.joint_placement([request for _, request in some])
        work = partial(self._submit_together, commands, request, self._in(WAIT_NS))
        self._queue.put([command.client_order_id for command in commands], work)

    async def _submit_together(self, commands: Sequence[SubmitOrder], request: HttpRequest, deadline_ns: int) -> None:
        answers = await self._answers(commands, request, deadline_ns, Priority.ORDER)
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, Exception):
                self.outcomes.refuse(command, answer)
            else:
                self._accept(command, answer)

    def cancel_batch(self, commands: Sequence[CancelOrder]) -> None:
        """As many of a symbol at a time as the venue takes; those that would make others wait go alone."""
        by_symbol: dict[str, list[CancelOrder]] = {}
        for command in commands:
            if self.is_cancelled_alone(command) or self._queue.is_busy(key_of(command)):
                self._or_refuse(partial(self.cancel, command), command)
            else:
                by_symbol.setdefault(command.symbol, []).append(command)
        for some in by_symbol.values():
            for chunk in _chunks(some, self.cancelled_together):
                self._or_refuse(partial(self._take_back, chunk), *chunk)

    def _take_back(self, commands: Sequence[CancelOrder]) -> None:
        if len(commands) == 1:
            self.cancel(commands[0])
            return
        request = self.joint_cancellation(commands, self._core.ordered_symbol(commands[0].symbol))
        work = partial(self._cancel_together, commands, request, self._in(CANCEL_WAIT_NS))
        self._queue.put([key_of(command) for command in commands], work, is_cancel=True)

    async def _cancel_together(self, commands: Sequence[CancelOrder], request: HttpRequest, deadline_ns: int) -> None:
        """What was done the stream tells."""
        answers = await self._answers(commands, request, deadline_ns, Priority.CANCEL)
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, Exception):
                self.outcomes.refuse(command, answer)

    async def _answers(
        self, commands: Sequence[Command], request: HttpRequest, deadline_ns: int, priority: Priority
    ) -> Sequence[Any]:
        """The answer to each command, or the exception that says why it has none."""
        try:
            acks = await self._core.http.call(self._due(request, deadline_ns, priority), self.acks)
            if len(acks) != len(commands):
                raise OutcomeUnknown(f"{request}: {len(acks)} of {len(commands)} commands were answered")
            return [self.refused(ack) or ack for ack in acks]
        except Exception as error:
            return [error] * len(commands)


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
