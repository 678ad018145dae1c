"""Contingent orders in front of a silent venue and a market that a test shows."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.identifiers import ClientOrderIds
from quantai.events import BarEvent, Event, MarketEvent, TickEvent, TradeEvent
from quantai.exchanges.execution import ExecType, SubmitOrder
from quantai.oms.contingent import Bracket, ContingentOrders
from quantai.oms.models import Order, OrderRequest
from quantai.oms.risk import RiskCheck
from tests.oms.world import SPOT, World
from tests.oms.world import trade as printed

D = Decimal
TOPICS = {
    (SPOT.venue, SPOT.symbol): [
        f"{event.topic_prefix}.{SPOT.venue}.{SPOT.symbol}" for event in (TickEvent, TradeEvent, BarEvent)
    ]
}


class Bench(World):
    """A world with contingent orders in it; what `orders` an earlier one left can be given to it."""

    def __init__(self, checks: Iterable[RiskCheck] = (), *, max_age_ns: int = 10 * 10**9, tag: str = "c") -> None:
        super().__init__(checks, price=0, balances={"binance": {"USDT": D(10**9)}, "okx": {"USDT": D(10**9)}})
        self.ids = ClientOrderIds(tag)
        self.contingent = ContingentOrders(
            self.orders, bus=self.bus, clock=self.clock, market=self.market, ids=self.ids, topics=TOPICS,
            max_age_ns=max_age_ns,
        )  # fmt: skip
        self.venue = self.venues["binance"]
        self._trades = 0

    async def start(self, orders: Iterable[Order] = ()) -> Bench:
        """Take over what an earlier run left, and listen."""
        self.orders.recover(list(orders))
        await self.contingent.start()
        await self.bus.join()
        return self

    async def restarted(self) -> Bench:
        """The same orders in a new process."""
        left = [copy.copy(order) for order in (*self.cache.open_orders(), *self.cache.closed_orders())]
        for order in left:
            order.trade_ids = set(order.trade_ids)
        left.sort(key=lambda order: order.client_order_id)
        return await Bench(tag="d").start(left)

    async def publish(self, event: Event) -> None:
        """Show an event to everybody, the market view first."""
        if isinstance(event, MarketEvent):
            self.market.update(event)
        await self.bus.publish(event)
        await self.bus.join()

    async def quote_at(self, bid: float, ask: float | None = None, *, age_ns: int = 0) -> None:
        """Show a quote."""
        ask = bid if ask is None else ask
        then = self.clock.now_ns() - age_ns
        await self.publish(TickEvent(SPOT.venue, SPOT.symbol, then, then, bid, 9.0, ask, 9.0))

    async def print_at(self, price: float) -> None:
        """Show a trade."""
        await self.publish(printed(SPOT, price, 1.0, Side.BUY, self.clock.now_ns()))

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.now_ns() + round(seconds * 10**9))
        await self.bus.join()

    async def say(self, order: Order, exec_type: ExecType, **fields: Any) -> None:
        """Let the venue speak."""
        self.report(order, exec_type, **fields)
        await self.bus.join()

    async def accept(self, order: Order) -> None:
        """Let the venue accept an order."""
        await self.say(order, ExecType.NEW, venue_order_id=f"v{order.client_order_id}")

    async def trade(self, order: Order, quantity: int | str | Decimal) -> None:
        """Let an order trade."""
        self._trades += 1
        self.fill(order, str(quantity), trade_id=f"{order.client_order_id}-{order.filled_quantity}-{self._trades}")
        await self.bus.join()

    async def bracket(
        self, quantity: str = "10", price: str | None = "100", *, side: Side = Side.BUY, **fields: Any
    ) -> Bracket:
        """Buy at 100 with a target of 110 and a stop at 90; the other way round for a sell."""
        up, down = (D(110), D(90)) if side is Side.BUY else (D(90), D(110))
        placed = self.contingent.bracket(asked(side, quantity, price), up, down, **fields)
        await self.bus.join()
        return placed

    async def oco(self, quantity: str = "10", price: str = "110", trigger: str = "90") -> tuple[Order, Order]:
        """Sell at 110, or at 90."""
        placed = self.contingent.oco(asked(Side.SELL, quantity, price), D(trigger))
        await self.bus.join()
        return placed

    async def stop(self, side: Side = Side.SELL, trigger: str = "90", price: str | None = None) -> Order:
        """A stop for 1."""
        placed = self.orders.submit(asked(side, "1", price, trigger))
        await self.bus.join()
        return placed

    def sent(self) -> list[SubmitOrder]:
        """The orders that the venue was given."""
        return self.venue.submitted

    def exits(self, entry: Order) -> list[Order]:
        """All children of an entry."""
        return self.cache.children(entry.client_order_id)


def asked(side: Side, quantity: str, price: str | None = None, trigger: str | None = None) -> OrderRequest:
    """What a strategy asks for."""
    order_type = {
        (False, False): OrderType.MARKET,
        (True, False): OrderType.LIMIT,
        (False, True): OrderType.STOP,
        (True, True): OrderType.STOP_LIMIT,
    }[price is not None, trigger is not None]
    return OrderRequest(
        "alpha", SPOT, side, order_type, D(quantity), None if price is None else D(price), TimeInForce.GTC, "why@1",
        None if trigger is None else D(trigger),
    )  # fmt: skip


def states(*orders: Order) -> list[str]:
    """The states of orders."""
    return [order.state.value for order in orders]


async def filled(world: Bench, quantity: str = "10", **fields: object) -> tuple[Order, Order, Order]:
    """A bracket of which the entry is filled and the take profit rests."""
    placed = await world.bracket(quantity, **fields)  # type: ignore[arg-type]
    await world.trade(placed.entry, quantity)
    await world.accept(placed.take_profit)
    return placed.entry, placed.take_profit, placed.stop_loss
