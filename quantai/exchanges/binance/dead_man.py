"""Binance's own kill switch on USD-M: it cancels the orders of a symbol unless it hears of us again in time.

It is the event loop that refreshes it: a daemon that hangs, dies or is cut off lets it run out. Conditional orders that
wait for their trigger are not touched by it, so that protective stops stay.
Source: USD-M Futures, «Auto-Cancel All Open Orders».
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, Timer
from quantai.core.errors import StartupError, VenueError
from quantai.core.params import duration_text
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.product import WEIGHT
from quantai.exchanges.binance.rest_messages import Nothing
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.rate_limiter import Priority

logger = logging.getLogger(__name__)

_WEIGHT = 10
_SHARE = 4
"""One part in so many of the weight is the most that refreshing may take."""
_MINUTE_NS = 60 * NS_PER_SECOND


class DeadManSwitch:
    """Keeps a countdown of `countdown_ns` running for each symbol, and begins it anew after each third of it."""

    def __init__(self, core: BinanceCore, symbols: Sequence[str], countdown_ns: int) -> None:
        """`symbols` are unified. Raises `StartupError` where refreshing takes over a quarter of the weight."""
        self.counts = dict.fromkeys(("refreshed", "failed"), 0)
        self._core = core
        self._symbols = tuple(symbols)
        self._countdown_ns = countdown_ns
        self._interval_ns = countdown_ns // 3
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._check_cost()

    def _check_cost(self) -> None:
        rule = next(each for each in self._core.product.rules if each.name == WEIGHT)
        weight = len(self._symbols) * _WEIGHT * _MINUTE_NS // max(1, self._interval_ns)
        if weight > rule.capacity // _SHARE:
            raise StartupError(
                f"{self._core.venue}: a countdown of {duration_text(self._countdown_ns)} for {len(self._symbols)} "
                f"symbols takes {weight} of {rule.capacity} request weight a minute: make it longer, or trade fewer"
            )

    async def start(self) -> None:
        """Begin. Raises `StartupError` where the venue does not: then nothing would protect."""
        try:
            await self._set(self._countdown_ns)
        except VenueError as error:
            await self._switch_off()
            raise StartupError(f"the countdown of {self._core.venue} cannot be set: {error}") from None
        self._timer = self._core.clock.call_every(self._interval_ns, self._on_due)

    async def stop(self) -> None:
        """Switch it off: who stops cleanly has cancelled what is to be cancelled."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._switch_off()

    async def _switch_off(self) -> None:
        try:
            await self._set(0)
        except VenueError as error:
            logger.warning("%s will cancel all open orders: its countdown goes on: %s", self._core.venue, error)

    def _on_due(self, due_ns: int) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            await self._set(self._countdown_ns)
        except VenueError as error:
            self.counts["failed"] += 1
            logger.warning("the countdown of %s was not refreshed: %s", self._core.venue, error)
        else:
            self.counts["refreshed"] += 1

    async def _set(self, countdown_ns: int) -> None:
        """For every symbol; one that fails keeps no other from it. Raises the first failure."""
        results = await asyncio.gather(
            *(self._set_symbol(symbol, countdown_ns) for symbol in self._symbols), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _set_symbol(self, symbol: str, countdown_ns: int) -> None:
        product = self._core.product
        request = HttpRequest(
            method="POST", path=product.path("countdownCancelAll"),
            params={"symbol": self._core.mapper.to_venue(symbol), "countdownTime": str(countdown_ns // NS_PER_MS)},
            costs=product.costs(_WEIGHT),
            is_signed=True, is_safe=True, priority=Priority.CANCEL,
            timeout_ns=max(NS_PER_SECOND, self._interval_ns // 2),  # time to ask again where no answer comes
            budget_ns=self._interval_ns,
        )  # fmt: skip
        await self._core.http.call(request, Nothing)
