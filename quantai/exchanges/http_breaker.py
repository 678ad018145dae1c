"""The circuit breaker of requests: a venue that answers nothing is sent no new orders, whose outcome nobody would know.

Closed, it lets everything pass. So many requests in a row without an answer (no connection, no reply in time, a 5xx)
open it. Then
- cancels go out as ever: they are never kept back;
- what must not be done twice, a new order or a change, is certainly not sent, and told so at once;
- questions, and what may be repeated, wait for as long as their budget lets them.
After a pause one request is let through; an answer to any, a refusal too, closes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.errors import VenueError
from quantai.exchanges.backoff import Backoff, Breaker
from quantai.exchanges.errors import MalformedReply, NoConnection, NotSent, OutcomeUnknown, RequestRefused
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.http_settings import HttpCounts, HttpSettings
from quantai.exchanges.rate_limiter import Priority
from quantai.exchanges.websocket.waiting import call_later

logger = logging.getLogger(__name__)


class HttpBreaker:
    """Of one host. Each request is first let pass by `admit`, then sent within `watch`."""

    def __init__(
        self,
        host: str,
        clock: Clock,
        settings: HttpSettings,
        counts: HttpCounts,
        probe: Callable[[], Awaitable[object]] | None = None,
        random: Random | None = None,
    ) -> None:
        """`probe` asks the venue something harmless, as any request is asked; it is tried when nobody waits. Without it
        the next request is, whatever it is.
        """
        self._host = host
        self._clock = clock
        self._counts = counts
        self._limit = settings.breaker_failures
        self._probe = probe
        self._breaker = Breaker(self._limit, settings.breaker_window_ns, settings.breaker_pause_ns)
        first_ns = 2 * settings.breaker_pause_ns
        self._backoff = Backoff(first_ns, settings.breaker_longest_ns, random or Random())
        self._opened_ns = 0
        self._is_due = False
        """The pause is over, and nobody tries yet."""
        self._is_closed = False
        self._timer: Timer | asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether the venue is taken for down."""
        return self._breaker.is_open

    async def admit(self, request: HttpRequest, deadline_ns: int) -> None:
        """Return when `request` may be sent. Raises `NotSent` where it may not be, by `deadline_ns` of the clock."""
        if request.priority is Priority.CANCEL:
            return
        can_wait = request.can_repeat or request.priority > Priority.ORDER
        while self.is_open and not self._is_due:
            left_ns = deadline_ns - self._clock.now_ns()
            if not can_wait or left_ns <= 0:
                raise NotSent(f"not sent: {self._host} does not answer, it is tried again by itself")
            await self._wait(left_ns)

    async def _wait(self, limit_ns: int) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        timer = call_later(self._clock, limit_ns, lambda: _wake(waiter))
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiters.discard(waiter)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Learn from what is raised, or not, within. The first after the pause decides."""
        is_deciding, self._is_due = self._is_due, False
        try:
            yield
        except (NoConnection, OutcomeUnknown) as error:
            if not (self.is_open or isinstance(error, MalformedReply)):  # garbage says nothing of the host's health
                self._failed(error)
            raise
        except RequestRefused:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            if is_deciding and self.is_open:
                self._pause()

    def _failed(self, error: VenueError) -> None:
        if self._is_closed or not self._breaker.failed(self._clock.now_ns()):
            return
        self._opened_ns = self._clock.now_ns()
        self._counts.breaker_opened += 1
        logger.warning(
            "%s answered none of %d requests in a row, the last: %s: no new orders until it answers",
            self._host, self._limit, error,
        )  # fmt: skip
        self._pause()

    def _answered(self) -> None:
        was_open = self.is_open
        self._forget()
        if was_open:
            down_s = (self._clock.now_ns() - self._opened_ns) / NS_PER_SECOND
            logger.warning("%s answers again, after %.1f s: new orders are sent", self._host, down_s)

    def _pause(self) -> None:
        self._is_due = False
        self._cancel_timer()
        self._timer = call_later(self._clock, self._breaker.delay_ns(self._backoff.next_ns()), self._due)

    def _due(self) -> None:
        self._is_due = True
        if self._waiters:
            self._wake_all()
        elif self._probe is not None:
            self._probing = asyncio.get_running_loop().create_task(self._try(self._probe))

    async def _try(self, probe: Callable[[], Awaitable[object]]) -> None:
        try:
            await probe()
        except VenueError as error:
            logger.debug("%s does not answer yet: %s", self._host, error)

    def _forget(self) -> None:
        self._breaker.succeeded()
        self._backoff.reset()
        self._is_due = False
        self._cancel_timer()
        self._wake_all()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake_all(self) -> None:
        for waiter in self._waiters:
            _wake(waiter)

    async def close(self) -> None:
        """Try no more; who waits is let pass, to find the client closed."""
        self._is_closed = True
        self._forget()
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
            self._probing = None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
