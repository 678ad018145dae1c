"""The parts of a daemon that trades, behind its control, on a clock that the test moves."""

from __future__ import annotations

import asyncio

from quantai.core.enums import OrderState
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import Journal
from quantai.oms.models import Order
from quantai.oms.risk.states import TradingStates
from quantai.ops.control.daemon import DaemonControl, Facts
from quantai.ops.control.finding import OrderFinder
from quantai.ops.control.flatten import Flattener
from quantai.ops.control.views import ReconciliationView
from tests.oms.settings import Settings
from tests.oms.world import World

WHO = "alice (uid 1000, pid 7)"
STRATEGIES = ("alpha", "beta")


class Controlled(World):
    """A world, and the control of it. Venues say only what a test lets them."""

    def __init__(self, journal: Journal | None = None) -> None:
        super().__init__(journal=journal)
        self.settings = Settings()
        self.states = TradingStates(
            self.clock,
            post=self.bus.post,
            put=self.settings.put,
            cancel_all=lambda strategy, cause: self.orders.cancel_all(strategy, cause=cause),
        )
        self.flattener = Flattener(orders=self.orders, holdings=self.portfolio, bus=self.bus, clock=self.clock)
        self.reconciliation: ReconciliationView | None = None
        self.control = DaemonControl(
            facts=Facts("paper", "simulated", STRATEGIES, "store=memory"),
            orders=self.orders,
            finder=OrderFinder(self.cache, self.journal, list(self.venues)),
            portfolio=self.portfolio,
            market=self.market,
            journal=self.journal,
            states=self.states,
            flattener=self.flattener,
            clock=self.clock,
            reconciliation=lambda: self.reconciliation,
        )

    def accepted(self, **kwargs: object) -> Order:
        """An order that rests at its venue."""
        order = self.submit(**kwargs)  # type: ignore[arg-type]
        self.report(order, ExecType.NEW, venue_order_id=f"v-{order.client_order_id}")
        return order

    def confirm_cancels(self) -> None:
        """Let the venues cancel what they were asked to."""
        for order in self.orders.open_orders():
            if order.state is OrderState.PENDING_CANCEL:
                self.report(order, ExecType.CANCELED)

    def newest(self) -> Order:
        """The open order that was made last."""
        return self.orders.open_orders()[-1]

    def pass_time(self, seconds: int) -> None:
        """Move the clock, firing what is due."""
        self.clock.advance_to(self.clock.now_ns() + seconds * 1_000_000_000)


async def settle() -> None:
    """Let every task go on until it waits for something that a test does."""
    for _ in range(20):
        await asyncio.sleep(0)
