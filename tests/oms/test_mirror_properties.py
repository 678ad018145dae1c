"""Whatever happens to an order: who hears nothing but its events knows what the OMS made of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import OrderState, OrderType, Side
from quantai.core.errors import OrderError
from quantai.events import OrderEvent
from quantai.exchanges.execution import ExecType, OrderStatus
from quantai.oms.mirror import follow
from quantai.oms.models import Order, OrderRequest
from quantai.oms.orders import new_order
from tests.oms.remote_world import facts
from tests.oms.world import SPOT, D, SilentVenue, World, request

QUANTITIES = st.sampled_from(["0.5", "1", "2", "3"])
PRICES = st.sampled_from(["90", "100", "110"])
REASONS = st.sampled_from(["", "because"])
IDS = st.sampled_from(["", "v1", "v2"])
SAID = (
    ExecType.REJECTED, ExecType.CANCELED, ExecType.EXPIRED, ExecType.UNKNOWN, ExecType.CANCEL_REJECTED,
    ExecType.REPLACE_REJECTED,
)  # fmt: skip
FOUND = ("NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED", "EXPIRED")
"""What a venue may answer when it is asked for an order."""

STEPS = st.one_of(
    st.tuples(st.just("submit"), QUANTITIES, PRICES),
    st.tuples(st.just("suspend"), QUANTITIES, PRICES),
    st.tuples(st.just("open parent"), QUANTITIES, PRICES),
    st.tuples(st.just("deny"), QUANTITIES, PRICES),
    st.tuples(st.just("amend"), QUANTITIES, PRICES),
    st.tuples(st.just("resize"), QUANTITIES),
    st.tuples(st.sampled_from(["release", "cancel", "cancel all"])),
    st.tuples(st.just("fill"), QUANTITIES, PRICES),
    st.tuples(st.just("accept"), IDS),
    st.tuples(st.just("replaced"), IDS, st.none() | QUANTITIES, st.none() | PRICES),
    st.tuples(st.just("say"), st.sampled_from(SAID), REASONS),
    st.tuples(st.just("restate"), st.sampled_from(FOUND).map(OrderState), QUANTITIES, PRICES, REASONS),
    st.tuples(st.just("parent is"), st.sampled_from(FOUND).map(OrderState), REASONS),
    st.tuples(st.just("connector"), st.sampled_from([None, OrderError, RuntimeError])),
)


class Scene:
    """A real OMS, and a copy of each of its orders that hears nothing but the events."""

    def __init__(self) -> None:
        self.world = World()
        self.copies: dict[str, Order] = {}
        self.read = len(self.world.events)
        self.trades = 0

    @property
    def venue(self) -> SilentVenue:
        return self.world.venues["binance"]

    def play(self, pick: int, what: str, *values: Any) -> None:
        orders = sorted(self.copies)
        order = self.world.cache.get(orders[pick % len(orders)]) if orders else None
        self.world.clock.set_time(self.world.clock.now_ns() + 1)
        match what, values:
            case "submit" | "suspend" | "open parent" | "deny", (quantity, price):
                self.ask(what, quantity, price)
            case "connector", (error,):
                self.venue.error = error and error("no")
            case "cancel all", ():
                self.world.orders.cancel_all()
            case _ if order is not None:
                self.change(order, what, *values)

    def ask(self, what: str, quantity: str, price: str) -> None:
        asked = request(quantity=quantity, price=price)
        match what:
            case "submit":
                self.world.orders.submit(asked)
            case "open parent":
                self.world.orders.open_parent(asked)
            case "deny":
                self.world.orders.deny(asked, "", "CODE", "why")
            case "suspend":
                stop = OrderRequest(
                    "alpha", SPOT, Side.BUY, OrderType.STOP_LIMIT, D(quantity), D(price), trigger_price=D(110)
                )
                self.world.orders.submit(stop)

    def change(self, order: Order, what: str, *values: Any) -> None:
        orders = self.world.orders
        match what, values:
            case "amend", (quantity, price):
                with suppress(OrderError):
                    orders.amend(order, D(quantity), D(price))
            case "resize", (quantity,):
                orders.resize(order, D(quantity))
            case "release", ():
                orders.release(order, "reached")
            case "cancel", ():
                orders.cancel(order)
            case "restate", (state, quantity, price, reason):
                status = OrderStatus(
                    client_order_id=order.client_order_id, venue_order_id="v9", symbol=order.symbol, side=order.side,
                    order_type=order.order_type, time_in_force=order.time_in_force, quantity=D(quantity),
                    price=D(price), state=state, filled_quantity=order.filled_quantity, ts_event=0,
                )  # fmt: skip
                orders.restate(order, status, reason)
            case "parent is", (state, reason) if order.is_parent:
                orders.update_parent(order, state, reason)
            case "fill", (quantity, price):
                self.trades += 1
                self.world.fill(order, quantity, price, trade_id=str(self.trades))
            case _ if not order.is_sent:
                pass  # no venue speaks of it
            case "accept", (venue_id,):
                self.world.report(order, ExecType.NEW, venue_order_id=venue_id)
            case "replaced", (venue_id, quantity, price):
                numbers = {
                    "order_quantity": None if quantity is None else D(quantity),
                    "order_price": None if price is None else D(price),
                }
                self.world.report(order, ExecType.REPLACED, venue_order_id=venue_id, **numbers)
            case "say", (exec_type, reason):
                self.world.report(order, exec_type, reason=reason)

    def follow(self) -> None:
        """Fold what was published since, and compare."""
        for event in self.world.events[self.read :]:
            if not isinstance(event, OrderEvent):
                continue
            owned = self.world.cache.get(event.client_order_id)
            assert owned is not None
            copy = self.copies.get(event.client_order_id)
            if copy is None:
                copy = self.copies[event.client_order_id] = new_order(
                    OrderRequest(
                        owned.strategy, owned.instrument, owned.side, owned.order_type, owned.quantity, owned.price,
                        trigger_price=owned.trigger_price,
                    ),
                    owned.client_order_id, owned.ts_submitted, {"binance"},
                )  # fmt: skip
            assert follow(copy, event), f"{event} is illegal to {copy}"
        self.read = len(self.world.events)
        for client_order_id, copy in self.copies.items():
            owned = self.world.cache.get(client_order_id)
            assert owned is not None
            assert facts(copy) == facts(owned)
            assert owned.is_parent or copy.is_accepted == owned.is_accepted


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 3), STEPS), min_size=20, max_size=60))
def test_the_copy_is_what_its_owner_made_of_it(steps: list[tuple[int, tuple[Any, ...]]]) -> None:
    scene = Scene()
    for pick, step in steps:
        scene.play(pick, *step)
        scene.follow()
