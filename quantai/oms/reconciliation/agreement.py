"""When a difference between the books and a venue is one: two reads agree, with nothing between that explains it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import NamedTuple

from quantai.core.clock import Clock
from quantai.core.enums import OrderState
from quantai.core.errors import VenueError
from quantai.core.numbers import ZERO
from quantai.oms.order_manager import OrderManager
from quantai.oms.reconciliation.asking import pause
from quantai.oms.reconciliation.comparing import is_at_venue
from quantai.oms.reconciliation.fills import Fills
from quantai.oms.reconciliation.settings import Settings

_IN_FLIGHT = (OrderState.PENDING_NEW, OrderState.PENDING_REPLACE, OrderState.UNKNOWN)


class Difference(NamedTuple):
    """Of a currency or symbol: what the books say and what the venue says, and its average price of a position."""

    subject: str
    ours: Decimal
    theirs: Decimal
    price: Decimal = ZERO


Read = Callable[[], Awaitable[list[Difference]]]
"""Asks the venue, and compares with the books as they are when it answers."""


class Agreement:
    """Finds the differences at one venue that hold still."""

    def __init__(self, fills: Fills, orders: OrderManager, clock: Clock, settings: Settings) -> None:
        self._fills = fills
        self._orders = orders
        self._clock = clock
        self._settings = settings

    async def differences(self, what: str, read: Read, ours: Callable[[str], Decimal]) -> list[Difference]:
        """What differs, to be put right before anything else happens. `ours` is what the books say now.

        Raises `VenueError` where it does not hold still, or where the venue cannot be asked.
        """
        for _ in range(self._settings.account_tries):
            first = await read()
            if not first:
                return first
            await pause(self._clock, self._settings.settle_ns)
            second = await read()
            missed = await self._fills.catch_up()
            is_still = first == second and not missed and not self._is_in_flight()
            if is_still and all(ours(each.subject) == each.ours for each in second):
                return second
        raise VenueError(f"{self._fills.venue}: {what} do not hold still long enough to be compared")

    def _is_in_flight(self) -> bool:
        """Whether an order may trade of which the venue has not said that it is there."""
        venue, open_orders = self._fills.venue, self._orders.cache.open_orders()
        return any(order.state in _IN_FLIGHT and is_at_venue(order, venue) for order in open_orders)
