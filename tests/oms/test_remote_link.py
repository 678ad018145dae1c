"""Whatever the wire between two daemons loses, repeats or delays, they agree in the end, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import OrderState, OrderType, Side
from quantai.core.errors import OrderError
from quantai.exchanges.execution import ExecType
from quantai.oms.models import OrderRequest
from tests.oms.remote_world import Here, There
from tests.oms.world import SPOT, D

few = st.integers(1, 4)
STEPS = st.one_of(
    st.tuples(
        st.sampled_from(["submit", "stop", "amend", "cancel", "cancel all", "lose requests", "lose answers"]), few
    ),
    st.tuples(st.sampled_from(["requests arrive", "answers arrive", "requests arrive twice"]), few),
    st.tuples(
        st.sampled_from(
            [
                "accept",
                "fill",
                "reject",
                "confirm cancel",
                "refuse cancel",
                "release",
                "confirm change",
                "refuse change",
            ]
        ),
        few,
    ),
    st.tuples(st.sampled_from(["seconds"]), st.integers(1, 12)),
)


class Scene:
    """Does what it is told on both sides."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self.there = here.there
        self.fills = 0

    def play(self, what: str, count: int) -> None:
        match what:
            case "submit":
                self.here.submit(quantity=str(count))
            case "stop":
                stop = OrderRequest("alpha", SPOT, Side.BUY, OrderType.STOP, D(count), trigger_price=D(110))
                self.here.orders.submit(stop)
            case "amend":
                for order in self.here.orders.open_orders()[:count]:
                    with suppress(OrderError):  # it cannot be changed now
                        self.here.orders.amend(order, order.quantity + count)
            case "cancel":
                for order in self.here.orders.open_orders()[:count]:
                    self.here.orders.cancel(order)
            case "cancel all":
                self.here.orders.cancel_all("alpha")
            case "requests arrive":
                self.here.out.deliver(count)
            case "requests arrive twice":
                self.here.out.deliver(count, times=2)
            case "answers arrive":
                self.here.back.deliver(count)
            case "lose requests":
                self.here.out.drop(count)
            case "lose answers":
                self.here.lose_answers(count)
            case "seconds":
                self.here.pass_time(count, connected=False)
            case _:
                self.venue(what, count)

    def venue(self, what: str, count: int) -> None:
        world = self.there.world
        for order in world.orders.open_orders()[:count]:
            is_pending = order.state is OrderState.PENDING_CANCEL
            is_changing = order.state is OrderState.PENDING_REPLACE
            match what:
                case "release":
                    world.orders.release(order, "reached")
                case "confirm change" if is_changing:
                    world.report(order, ExecType.REPLACED)
                case "refuse change" if is_changing:
                    world.report(order, ExecType.REPLACE_REJECTED, reason="no")
                case _ if not order.is_sent:
                    pass  # no venue speaks of it
                case "accept":
                    world.report(order, ExecType.NEW, venue_order_id=f"v{order.client_order_id}")
                case "fill":
                    self.fills += 1
                    world.fill(order, "0.5", trade_id=str(self.fills))
                case "reject" if order.state is OrderState.PENDING_NEW:
                    world.report(order, ExecType.REJECTED, reason="no")
                case "confirm cancel" if is_pending:
                    world.report(order, ExecType.CANCELED)
                case "refuse cancel" if is_pending:
                    world.report(order, ExecType.CANCEL_REJECTED, reason="no")


def agree(here: Here) -> None:
    """Both sides say the same of every order, position and balance."""
    world = here.there.world
    mine = {order.client_order_id: order for order in here.orders.open_orders()}
    theirs = {order.client_order_id: order for order in world.orders.open_orders()}
    assert mine.keys() == theirs.keys()
    for client_order_id, order in mine.items():
        owned = theirs[client_order_id]
        assert (order.state, order.filled_quantity) == (owned.state, owned.filled_quantity)
        assert (order.quantity, order.price) == (owned.quantity, owned.price)
        assert order.average_price == owned.average_price
    assert here.portfolio.balances() == world.portfolio.balances()
    held = {key: (p.quantity, p.cost, p.realized_pnl) for key, p in here.portfolio.positions()}
    assert held == {key: (p.quantity, p.cost, p.realized_pnl) for key, p in world.portfolio.positions()}


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(STEPS, min_size=10, max_size=40))
def test_both_sides_agree_once_the_wire_holds(steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        here = await Here(There()).start()
        scene = Scene(here)
        for what, count in steps:
            scene.play(what, count)
        here.exchange()
        here.pass_time(25)
        agree(here)
        assert max(Counter(here.there.venue_ids).values(), default=0) <= 1
        assert here.bus.errors == here.there.world.bus.errors == 0

    asyncio.run(play())
