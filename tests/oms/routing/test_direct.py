"""Orders whose venue a rule chooses."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.oms.journal import MemoryJournal, Note, NoteKind
from quantai.oms.routing import DirectOrders, Leg, Route, RouteNote, SimpleRouter
from quantai.oms.routing.direct import limit_at, order_request
from tests.oms.routing.scene import D, ask, listed
from tests.oms.world import BTC, SPOT, World

COARSE = listed("a", tick="0.1")


class Notes(MemoryJournal):
    """Keeps the notes."""

    is_durable = True

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, note: Note) -> None:
        if note.kind is NoteKind.ROUTE:
            self.notes.append(note)


def test_a_request_is_one_order_where_the_rule_says() -> None:
    world, journal = World(), Notes()
    direct = DirectOrders(SimpleRouter([Route("okx")]), world.orders, journal, world.clock)
    request = ask(Side.SELL, "1.23456", "100.06", time_in_force=TimeInForce.IOC)
    order = direct.submit(request, (SPOT, BTC), "why")
    assert (order.venue, order.quantity, order.price) == ("okx", D("1.2345"), D("100.1"))
    assert (order.strategy, order.side, order.time_in_force) == ("alpha", Side.SELL, TimeInForce.IOC)
    assert (order.cause, order.parent_order_id, order.is_parent) == ("why", "", False)
    [note] = journal.notes
    assert (note.client_order_id, note.ts_ns) == (order.client_order_id, world.clock.now_ns())
    assert isinstance(note.body, RouteNote)
    assert (note.body.router, note.body.request) == ("SimpleRouter", request)
    assert note.body.decision.reason == "the rule every order → okx"


def test_the_nearest_tick_is_the_limit() -> None:
    world = World()
    direct = DirectOrders(SimpleRouter([Route("okx")]), world.orders, MemoryJournal(), world.clock)
    assert direct.submit(ask(price="100.06"), (SPOT, BTC)).price == D("100.1")
    assert direct.submit(ask(), (SPOT, BTC)).order_type is OrderType.MARKET


def test_a_fixed_instrument_is_the_routers() -> None:
    world = World()
    direct = DirectOrders(SimpleRouter([Route("okx")]), world.orders, MemoryJournal(), world.clock)
    assert direct.instrument("alpha", "BTC/USDT", (SPOT, BTC)) is BTC
    with pytest.raises(OrderError, match="may not trade"):
        direct.instrument("alpha", "BTC/USDT", ())


def test_a_limit_on_a_coarser_grid_is_not_worse() -> None:
    assert limit_at(ask(price="100.06"), COARSE) == D("100.0")
    assert limit_at(ask(Side.SELL, price="100.06"), COARSE) == D("100.1")
    assert limit_at(ask(price="100.1"), COARSE) == D("100.1")
    assert limit_at(ask(), COARSE) is None


def test_a_leg_is_what_was_asked_for_in_its_size() -> None:
    request = ask(Side.SELL, "5", "7", reduce_only=True, time_in_force=TimeInForce.POST_ONLY)
    made = order_request(request, Leg(COARSE, D(2)), D("7.1"), "why", "parent")
    assert (made.instrument, made.quantity, made.price) == (COARSE, D(2), D("7.1"))
    assert (made.strategy, made.side, made.order_type) == ("alpha", Side.SELL, OrderType.LIMIT)
    assert (made.time_in_force, made.reduce_only) == (TimeInForce.POST_ONLY, True)
    assert (made.cause, made.parent_order_id, made.trigger_price) == ("why", "parent", None)
