"""The subscriptions of one connection, asked for and acknowledged."""

from __future__ import annotations

from collections.abc import Collection

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.exchanges.errors import NotSent
from quantai.exchanges.websocket.dialect import Answer, StreamDialect
from quantai.exchanges.websocket.opening import Send
from quantai.exchanges.websocket.subscriptions import Subscriptions
from quantai.exchanges.websocket.waiting import Signal

_LONGEST_WAIT_NS = 60 * NS_PER_SECOND


class Session:
    """Makes the subscriptions of one connection what is wanted, through its `send`."""

    def __init__(
        self, subscriptions: Subscriptions, dialect: StreamDialect, send: Send, clock: Clock, max_asks: int
    ) -> None:
        self.subscriptions = subscriptions
        self._unanswered = 0
        self._dialect = dialect
        self._send = send
        self._clock = clock
        self._max_asks = max_asks
        self._changed = Signal(clock)

    def want(self, streams: Collection[str]) -> None:
        """Want exactly `streams` from now on; asked for by `step`."""
        self.subscriptions.want(streams)
        self._changed.set()

    def answered(self, answer: Answer) -> list[str]:
        """Take an answer; returns the streams that were refused."""
        refused = self.subscriptions.answered(answer, self._clock.now_ns())
        self._changed.set()
        return refused

    def take_unanswered(self) -> int:
        """How many requests were given up since this was last asked."""
        count, self._unanswered = self._unanswered, 0
        return count

    async def settle(self) -> None:
        """Return when all that is wanted now is on, or refused; what is wanted from now on is asked for later.

        Raises `NotSent` where the venue does not answer, and what `send` raises.
        """
        streams = self.subscriptions.wanted
        while not self.subscriptions.is_settled(streams, self._clock.now_ns()):
            await self.step()
            await self.wait(_LONGEST_WAIT_NS)

    async def step(self) -> None:
        """Ask for what can be asked now. Raises as `settle` does."""
        self._unanswered += self.subscriptions.expire(self._clock.now_ns())
        if self.subscriptions.unanswered_in_row >= self._max_asks:
            raise NotSent(f"{self._max_asks} requests in a row were not answered")
        while (request := self.subscriptions.next_request(self._clock.now_ns())) is not None:
            ask = self._dialect.subscribe if request.is_subscribe else self._dialect.unsubscribe
            await self._send(ask(request.streams, request.id))
            self.subscriptions.sent(request, self._clock.now_ns())

    async def wait(self, longest_ns: int) -> None:
        """Return when there may be something to do for `step`, at the latest after `longest_ns`."""
        now_ns = self._clock.now_ns()
        due_ns = self.subscriptions.next_due_ns(now_ns)
        await self._changed.wait(longest_ns if due_ns is None else min(longest_ns, due_ns - now_ns))
