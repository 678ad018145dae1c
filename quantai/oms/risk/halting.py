"""Keeps a halt: what rests though it was cancelled is cancelled again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.enums import OrderState, TradingState
from quantai.oms.models import Order
from quantai.oms.risk.states import TradingStates, reference_of

INTERVAL_NS = NS_PER_SECOND

_RESTING = (OrderState.NEW, OrderState.PARTIALLY_FILLED)


class Orders(Protocol):
    """What is needed of the OMS."""

    def open_orders(self, strategy: str | None = None) -> Iterable[Order]:
        """The orders that may still trade."""
        ...

    def cancel(self, order: Order, cause: str = "") -> None:
        """Ask for an order to be cancelled."""
        ...


class HaltKeeper:
    """Looks every second while it runs.

    A cancel that overtakes its order is refused, and then the order rests; one that was held for dead may turn up.
    Orders that were placed after the halt only reduce, and are left alone.
    """

    def __init__(self, states: TradingStates, orders: Orders, clock: Clock) -> None:
        self._states = states
        self._orders = orders
        self._clock = clock
        self._timer: Timer | None = None
        self.cancelled = 0

    def start(self) -> None:
        """Look from now on; to be called when it is known what the venues have."""
        self._timer = self._clock.call_every(INTERVAL_NS, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, due_ns: int) -> None:
        for strategy, halt in self._states.all().items():
            if halt.state is not TradingState.HALTED:
                continue
            for order in list(self._orders.open_orders(strategy)):
                if order.state in _RESTING and order.ts_submitted <= halt.ts_ns:
                    self.cancelled += 1
                    self._orders.cancel(order, reference_of(strategy, halt))
