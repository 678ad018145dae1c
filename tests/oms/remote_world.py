"""Two daemons and the wire between them: strategies' orders here, the OMS and a silent venue there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import Side, TimeInForce
from quantai.core.identifiers import ClientOrderIds, base36
from quantai.data.market import MarketView
from quantai.events import Event, GapEvent
from quantai.events.bus import MemoryEventBus
from quantai.exchanges.base import Capabilities
from quantai.oms.gateway import OrderGateway
from quantai.oms.models import Order
from quantai.oms.remote import RemoteOrders
from quantai.portfolio.mirror import MirroredPortfolio
from tests.oms.world import PERP, SPOT, World, finish, request

MAX_COMMAND_AGE_NS = 5 * NS_PER_SECOND
ANSWER_TIMEOUT_NS = 6 * NS_PER_SECOND
STRATEGY_TIMEOUT_NS = 10 * NS_PER_SECOND
ALLOWED = {"alpha": (SPOT, PERP), "beta": (SPOT,)}


class Wire:
    """Carries events of some topics from one bus to the other, when it is told to, or not at all."""

    def __init__(self, source: MemoryEventBus, target: MemoryEventBus, *patterns: str) -> None:
        self.waiting: deque[Event] = deque()
        self._target = target
        finish(source.subscribe(patterns, self.waiting.append, name="wire"))

    def deliver(self, count: int | None = None, *, times: int = 1) -> None:
        """What waits, or the first of it, each as many `times`."""
        for _ in range(len(self.waiting) if count is None else min(count, len(self.waiting))):
            event = self.waiting.popleft()
            for _ in range(times):
                self._target.post(event)

    def drop(self, count: int | None = None) -> int:
        """Lose what waits, or the first of it; how much that was."""
        lost = len(self.waiting) if count is None else min(count, len(self.waiting))
        for _ in range(lost):
            self.waiting.popleft()
        return lost


class Here:
    """A daemon of strategies: a session of its own, nothing known yet."""

    def __init__(self, there: There, strategies: Iterable[str] = ("alpha",), session: int = 1) -> None:
        self.there = there
        self.clock = there.world.clock
        self.bus = MemoryEventBus(self.clock)
        self.portfolio = MirroredPortfolio(
            bus=self.bus, clock=self.clock, market=MarketView(), catalogue=there.world.catalogue,
            base_currency="USDT", balances={},
        )  # fmt: skip
        self.orders = RemoteOrders(
            bus=self.bus, clock=self.clock, catalogue=there.world.catalogue, books=self.portfolio,
            strategies=tuple(strategies), session=f"s{base36(session)}", answer_timeout_ns=ANSWER_TIMEOUT_NS,
            heartbeat_ns=NS_PER_SECOND, ids=ClientOrderIds(f"r{base36(session)}"),
        )  # fmt: skip
        self.events: list[Event] = []
        self.out = Wire(self.bus, there.world.bus, "command.*")
        self.back = Wire(there.world.bus, self.bus, "order.*", "position.*", "state.*", "system.*")

    async def start(self) -> Here:
        """Until it knows what is there."""
        starting = asyncio.create_task(self.orders.start(60 * NS_PER_SECOND))
        await asyncio.sleep(0)
        self.exchange()
        await starting
        finish(self.bus.subscribe("*", self.events.append))
        return self

    def exchange(self) -> None:
        """Until nothing is on the way."""
        while self.out.waiting or self.back.waiting:
            self.out.deliver()
            self.back.deliver()

    def lose_answers(self, count: int | None = None) -> None:
        """Lose what comes back, and be told of it, as the bus tells."""
        if self.back.drop(count):
            now_ns = self.clock.now_ns()
            self.back.waiting.appendleft(GapEvent("redis bus", now_ns, now_ns, "", "", now_ns, now_ns, 1, "lost"))

    def pass_time(self, seconds: float, *, connected: bool = True) -> None:
        """Let time pass on both sides, a second at a time."""
        end_ns = self.clock.now_ns() + round(seconds * NS_PER_SECOND)
        while self.clock.next_due_ns <= end_ns:
            self.clock.fire_next()
            if connected:
                self.exchange()
        self.clock.set_time(end_ns)

    def submit(
        self,
        side: Side = Side.BUY,
        quantity: str = "1",
        price: str | None = "100",
        *,
        strategy: str = "alpha",
        time_in_force: TimeInForce = TimeInForce.GTC,
    ) -> Order:
        """Ask for an order as a strategy would."""
        return self.orders.submit(request(side, quantity, price, SPOT, strategy, time_in_force))


class There:
    """The daemon that executes, with a gateway for two strategies."""

    def __init__(self, capabilities: Mapping[str, Capabilities] | None = None) -> None:
        self.world = World(capabilities=capabilities)
        self.gateway = OrderGateway(
            bus=self.world.bus, clock=self.world.clock, orders=self.world.orders, holdings=self.world.portfolio,
            instruments=ALLOWED, execution="simulated", max_command_age_ns=MAX_COMMAND_AGE_NS,
            strategy_timeout_ns=STRATEGY_TIMEOUT_NS,
        )  # fmt: skip
        finish(self.gateway.start())

    @property
    def venue_ids(self) -> list[str]:
        """The orders that a venue got, in order."""
        return [command.client_order_id for venue in self.world.venues.values() for command in venue.submitted]

    def order(self, order: Order) -> Order:
        """The same order as it is there."""
        found = self.world.orders.find(order.client_order_id)
        assert found is not None
        return found


def facts(order: Order) -> tuple[object, ...]:
    """What the copy of an order and its owner must agree on."""
    return (
        order.state, order.quantity, order.price, order.filled_quantity, order.filled_value, order.change,
        order.reason, order.venue_order_id, order.ts_last,
    )  # fmt: skip
