"""Contingent orders on the bus: what happens to orders and in the market goes in, releases and cancels come out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from decimal import Decimal
from typing import Protocol

from msgspec.structs import replace

from quantai.core.clock import Clock
from quantai.core.enums import OrderState, Side, TradingState
from quantai.core.identifiers import ClientOrderIds
from quantai.core.numbers import to_decimal
from quantai.events import (
    ErrorEvent,
    FillEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderExpiredEvent,
    OrderFilledEvent,
    OrderPendingCancelEvent,
    OrderRejectedEvent,
    TradingStateEvent,
)
from quantai.events.bus import EventBus, Subscription
from quantai.oms.cache import OrderCache
from quantai.oms.contingent.group import group_of, stands_alone
from quantai.oms.contingent.legs import Keeper, Legs
from quantai.oms.contingent.missed import Missed
from quantai.oms.contingent.requests import Bracket, bracket_legs, oco_stop
from quantai.oms.contingent.triggers import MAX_AGE_NS, Market, Topics, Triggers
from quantai.oms.models import Order, OrderRequest
from quantai.oms.risk.states import ALL

logger = logging.getLogger(__name__)

COMPONENT = "contingent orders"
"""Who speaks in error events; no strategy can be called that."""

_FAILURES = (OrderDeniedEvent, OrderRejectedEvent, OrderExpiredEvent)
_ENDS_CANCEL = (OrderCanceledEvent, OrderCancelRejectedEvent, OrderFilledEvent, *_FAILURES)


class Manager(Keeper, Protocol):
    """The order manager, as far as it is needed here."""

    cache: OrderCache

    def check(self, request: OrderRequest) -> None:
        """Raises `OrderError` for an order that its venue does not take."""
        ...

    def submit(self, request: OrderRequest, client_order_id: str = "") -> Order:
        """Check and send an order."""
        ...


class ContingentOrders:
    """Places brackets and OCO pairs, and keeps the stops of all orders. `topics` show each instrument's market."""

    def __init__(
        self,
        orders: Manager,
        *,
        bus: EventBus,
        clock: Clock,
        market: Market,
        ids: ClientOrderIds,
        topics: Topics,
        max_age_ns: int = MAX_AGE_NS,
    ) -> None:
        self._orders = orders
        self._bus = bus
        self._clock = clock
        self._market = market
        self._ids = ids
        self._legs = Legs(orders, clock, self._settle)
        self._triggers = Triggers(
            bus=bus, clock=clock, market=market, topics=topics, on_trigger=self._on_trigger, max_age_ns=max_age_ns
        )
        self._missed = Missed(orders.cache)
        self._withdrawn: set[str] = set()  # stops at venues of which a cancel was asked for here
        self._placing = ""  # the parent whose legs are being made while it is not there yet
        self._halted: set[str] = set()  # the strategies, or all
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        """Take up what an earlier run left, and listen. To be called before strategies start, after the account was
        reconciled.
        """
        for topic, handler in (("order.*", self._on_order), ("system.trading_state.*", self._on_trading_state)):
            self._subscriptions.append(await self._bus.subscribe(topic, handler, name=COMPONENT))
        self._make_up()
        for order in list(self._orders.cache.open_orders()):
            self._settle(order)
        await self._triggers.follow()

    async def close(self) -> None:
        """Watch nothing any more; orders that are kept here stay as they are."""
        for subscription in self._subscriptions:
            await self._bus.unsubscribe(subscription)
        self._legs.close()
        await self._triggers.close()

    def bracket(
        self, entry: OrderRequest, take_profit: Decimal, stop_loss: Decimal, *, reduce_only: bool = False
    ) -> Bracket:
        """Place an entry with two exits. Raises `OrderError` for prices that make no sense, and as `submit`."""
        limit, stop = bracket_legs(entry, take_profit, stop_loss, self._quote(entry), reduce_only=reduce_only)
        head_id = self._new_head(entry, limit, stop)
        # Legs first: an entry that is durable always finds its stop. Without an entry the legs end at the start.
        placed = self._suspend(head_id, limit, stop)
        return Bracket(self._orders.submit(entry, head_id), *placed)

    def oco(self, limit: OrderRequest, trigger_price: Decimal) -> tuple[Order, Order]:
        """Place a limit and a stop of which one cancels the other: the limit, and the stop. Raises as `bracket`."""
        stop = oco_stop(limit, trigger_price)
        head_id = self._new_head(limit, stop)
        [placed] = self._suspend(head_id, stop)
        return self._orders.submit(limit, head_id), placed

    def _new_head(self, *requests: OrderRequest) -> str:
        """The id of the first, once it is known that its venue takes all of them: they go out together, or not."""
        for request in requests:
            self._orders.check(request)
        return self._ids.next(requests[0].strategy)

    def _suspend(self, head_id: str, *legs: OrderRequest) -> list[Order]:
        self._placing = head_id
        try:
            return [self._orders.suspend(replace(leg, parent_order_id=head_id)) for leg in legs]
        finally:
            self._placing = ""

    def _quote(self, request: OrderRequest) -> Decimal | None:
        """What a market order would trade at now, None where that is not known."""
        tick = self._market.tick(request.instrument.venue, request.instrument.symbol)
        if tick is None or not 0.0 < tick.bid_price <= tick.ask_price:
            return None
        return to_decimal(tick.ask_price if request.side is Side.BUY else tick.bid_price)

    def _on_order(self, event: OrderEvent) -> Awaitable[None] | None:
        order = self._orders.cache.get(event.client_order_id)
        if order is None or stands_alone(order, self._orders.cache):
            return None
        if self._placing and order.parent_order_id == self._placing:
            return None
        if isinstance(event, FillEvent):
            self._cover(order, event.quantity)
        if order.order_type.has_trigger and self._has_failed(order, event):
            self._alarm(order)
        self._settle(order)
        return self._triggers.follow() if self._triggers.is_behind else None

    def _make_up(self) -> None:
        """Do what was not done about what happened before this listened, and what a crash cut short."""
        for found in self._missed.take():
            order = found.order
            if found.filled_since > 0:
                self._cover(order, found.filled_since)
            if order.order_type.has_trigger:
                if found.ended_unasked:
                    self._alarm(order)
                elif order.state is OrderState.PENDING_CANCEL:
                    self._withdrawn.add(order.client_order_id)
                elif (group := group_of(order, self._orders.cache)) is not None and group.is_stopping:
                    self._legs.cover(group, group.at_stake)

    def _cover(self, order: Order, filled: Decimal) -> None:
        group = group_of(order, self._orders.cache)
        if group is not None and group.entry is order:
            self._legs.cover(group, filled)

    def _on_trading_state(self, event: TradingStateEvent) -> None:
        """A halt cancels stops that are kept here, too; it comes before their ends do."""
        if event.state is TradingState.HALTED:
            self._halted.add(event.component)
        else:
            self._halted.discard(event.component)

    def _has_failed(self, stop: Order, event: OrderEvent) -> bool:
        """Whether a stop ended otherwise than by trading, and nobody asked for just that."""
        client_order_id = stop.client_order_id
        if isinstance(event, OrderPendingCancelEvent):
            self._withdrawn.add(client_order_id)
        is_withdrawn = client_order_id in self._withdrawn
        if isinstance(event, _ENDS_CANCEL):
            self._withdrawn.discard(client_order_id)
        if not isinstance(event, OrderCanceledEvent):
            return isinstance(event, _FAILURES)
        return not is_withdrawn if stop.is_sent else self._is_needed_in_halt(stop)

    def _is_needed_in_halt(self, stop: Order) -> bool:
        """Whether the stop was cancelled here while trading was halted, and there was something to protect."""
        group = group_of(stop, self._orders.cache)
        return not self._halted.isdisjoint((stop.strategy, ALL)) and group is not None and bool(group.remaining)

    def _settle(self, order: Order) -> None:
        group = group_of(order, self._orders.cache)
        if group is None:
            return
        self._legs.settle(group)
        for stop in group.stops:
            if self._legs.is_armed(stop, group):
                self._triggers.arm(stop)
            else:
                self._triggers.disarm(stop)

    def _on_trigger(self, stop: Order, reason: str) -> None:
        self._legs.trigger(stop, reason)
        self._settle(stop)

    def _alarm(self, stop: Order) -> None:
        now_ns = self._clock.now_ns()
        message = (
            f"stop {stop.client_order_id} of {stop.strategy} is {stop.state} ({stop.reason}): "
            f"{stop.quantity - stop.filled_quantity} of {stop.instrument} is not protected"
        )
        is_own_doing = stop.state is OrderState.CANCELED and not stop.is_sent  # a halt, which somebody wanted
        logger.log(logging.WARNING if is_own_doing else logging.ERROR, "%s", message)
        self._bus.post(ErrorEvent(COMPONENT, now_ns, now_ns, "StopFailed", message))
