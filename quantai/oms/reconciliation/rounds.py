"""The reconciliation of one venue, one round at a time, until the books are what the venue says."""

from __future__ import annotations

import asyncio
import logging
from enum import IntEnum

from quantai.core.clock import Clock, Timer
from quantai.core.errors import QuantAIError
from quantai.oms.reconciliation.account import Account
from quantai.oms.reconciliation.asking import Backoff, VenueQueries, pause
from quantai.oms.reconciliation.fills import Fills
from quantai.oms.reconciliation.known import KnownOrders
from quantai.oms.reconciliation.open_orders import OpenOrders
from quantai.oms.reconciliation.resolver import Resolver
from quantai.oms.reconciliation.settings import Settings

logger = logging.getLogger(__name__)


class Scope(IntEnum):
    """How much a round compares."""

    NOTHING = 0
    ORDERS = 1
    """Fills and open orders."""
    EVERYTHING = 2
    """Balances and positions too."""


class VenueRounds:
    """Runs rounds while they are wanted. One that fails is run again, with backoff, until it succeeds.

    `proven_ns` is when the last round that compared everything ended well, 0 before the first; `error` why the last one
    did not.
    """

    def __init__(
        self,
        queries: VenueQueries,
        known: KnownOrders,
        fills: Fills,
        open_orders: OpenOrders,
        resolver: Resolver,
        account: Account,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self.venue = queries.venue
        self.known = known
        self.fills = fills
        self.resolver = resolver
        self.proven_ns = 0
        self.error = ""
        self._queries = queries
        self._counts = dict.fromkeys(("rounds", "failed_rounds"), 0)
        self._open_orders = open_orders
        self._account = account
        self._clock = clock
        self._settle_ns = settings.settle_ns
        self._backoff = Backoff(settings, f"{self.venue} rounds")
        self._wanted = Scope.NOTHING
        self._waiters: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._timer: Timer | None = None

    @property
    def counts(self) -> dict[str, int]:
        """What happened so far, by name."""
        return self._counts | self._queries.counts | self.resolver.counts

    @property
    def unproven(self) -> str:
        """Why it is not known that the books are what the venue says."""
        return "; ".join([*([self.error] if self.error else []), *self.resolver.unproven]) or "it was not asked yet"

    def request(self, scope: Scope = Scope.EVERYTHING) -> None:
        """Run a round that begins after now; the rounds that are wanted by then are one."""
        self._wanted = max(self._wanted, scope)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def request_soon(self) -> None:
        """Compare fills and orders when the venue had time to settle; until then once is enough."""
        if self._timer is None:
            self._timer = self._clock.call_later(self._settle_ns, self._on_settled)

    def _on_settled(self, due_ns: int) -> None:
        self._timer = None
        self.request(Scope.ORDERS)

    async def reconcile(self) -> None:
        """Wait until a round that began after now has compared everything."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.request()
        await waiter

    async def stop(self) -> None:
        """No more rounds; who waits for one is cancelled."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for waiter in self._waiters:
            waiter.cancel()
        self._waiters.clear()

    async def _run(self) -> None:
        tries = 0
        while self._wanted:
            scope, self._wanted = self._wanted, Scope.NOTHING
            waiters, self._waiters = self._waiters, []
            try:
                await self._round(scope)
            except Exception as error:
                self._failed(error)
                self._wanted = max(self._wanted, scope)
                self._waiters = waiters + self._waiters
                await pause(self._clock, self._backoff.delay_ns(tries))
                tries += 1
            except asyncio.CancelledError:
                self._waiters = waiters + self._waiters
                raise
            else:
                tries = 0
                self._succeeded(scope, waiters)

    async def _round(self, scope: Scope) -> None:
        """Fills first, so that nothing else is found to differ because of them."""
        self.resolver.scan(self._clock.now_ns())
        await self.fills.catch_up()
        await self._open_orders.compare()
        await self.resolver.settle()
        if scope is Scope.EVERYTHING:
            await self._account.compare()

    def _failed(self, error: Exception) -> None:
        self._counts["failed_rounds"] += 1
        self.error = str(error)
        if isinstance(error, QuantAIError):
            logger.warning("%s is not reconciled, it is asked again: %s", self.venue, error)
        else:
            logger.error("%s could not be reconciled, it is tried again", self.venue, exc_info=error)

    def _succeeded(self, scope: Scope, waiters: list[asyncio.Future[None]]) -> None:
        self._counts["rounds"] += 1
        self.error = ""
        if scope is Scope.EVERYTHING:
            self.proven_ns = self._clock.now_ns()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
