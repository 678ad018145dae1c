"""Orders that are kept here until something releases them, and parents, which are never sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce, TradingState
from quantai.core.errors import OrderError
from quantai.events import OrderParentEvent, OrderSuspendedEvent, OrderTriggeredEvent
from quantai.exchanges.execution import ExecType, SubmitOrder
from quantai.oms.models import Order, OrderRequest
from quantai.oms.risk import RiskCheck, RiskView, TradingStates
from tests.oms import world as world_module
from tests.oms.world import SPOT, SilentVenue, World, request

D = Decimal

STOP = OrderRequest(
    "alpha", SPOT, Side.SELL, OrderType.STOP, D(1), cause="why@1", trigger_price=D(90), parent_order_id="p"
)


class No(RiskCheck):
    code = "NO"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return f"never, {order.state}"


def test_an_order_with_a_trigger_price_is_kept_here() -> None:
    world = World([No()])
    order = world.orders.submit(STOP)
    assert order.state is OrderState.SUSPENDED
    assert order.working_quantity == 0
    assert world.venues["binance"].submitted == []
    (event,) = world.events
    assert isinstance(event, OrderSuspendedEvent)
    assert (event.side, event.order_type, event.quantity, event.price) == (Side.SELL, OrderType.STOP, D(1), None)
    assert (event.trigger_price, event.reduce_only, event.parent_order_id, event.cause) == (D(90), False, "p", "why@1")
    assert (event.time_in_force, event.client_order_id) == (TimeInForce.GTC, order.client_order_id)


def test_a_released_stop_is_sent_as_a_market_order() -> None:
    world = World()
    world.traded(Side.BUY, "2")
    world.events.clear()
    order = world.orders.submit(replace(STOP, reduce_only=True))
    world.orders.release(order, "the bid fell to 90")
    command = world.venues["binance"].submitted[-1]
    assert (command.client_order_id, command.order_type, command.price) == (order.client_order_id, "market", None)
    assert (command.quantity, command.side, command.reduce_only) == (D(1), Side.SELL, True)
    assert (order.state.value, order.order_type) == ("PENDING_NEW", OrderType.STOP)
    assert world.topics() == ["order.suspended", "order.triggered", "order.submitted"]
    triggered = world.events[1]
    assert isinstance(triggered, OrderTriggeredEvent)
    assert (triggered.quantity, triggered.reason) == (D(1), "the bid fell to 90")


def test_a_released_stop_limit_is_sent_as_a_limit_order() -> None:
    world = World()
    order = world.orders.submit(replace(STOP, order_type=OrderType.STOP_LIMIT, price=D(89)))
    world.orders.release(order, "")
    (command,) = world.venues["binance"].submitted
    assert (command.order_type, command.price) == ("limit", D(89))


def test_risk_is_asked_when_it_is_released_and_the_order_does_not_count_twice() -> None:
    world = World([No()])
    order = world.orders.submit(STOP)
    world.orders.release(order, "now")
    assert order.state is OrderState.DENIED
    assert order.reason == "NO: never, SUSPENDED"
    assert world.topics() == ["order.suspended", "order.triggered", "order.denied"]
    assert world.venues["binance"].submitted == []


def test_what_is_not_kept_here_is_not_released() -> None:
    world = World()
    order = world.submit()
    world.orders.release(order, "")
    assert len(world.venues["binance"].submitted) == 1


def test_a_kept_order_is_cancelled_at_once() -> None:
    world = World()
    order = world.orders.submit(STOP)
    world.orders.cancel(order)
    assert (order.state.value, order.reason) == ("CANCELED", "cancelled before it was released")
    assert world.venues["binance"].cancels == []
    world.orders.release(order, "")
    assert world.venues["binance"].submitted == []


def test_a_kept_order_can_be_resized_and_amended_here() -> None:
    world = World()
    order = world.orders.submit(replace(STOP, order_type=OrderType.STOP_LIMIT, price=D(89)))
    world.orders.resize(order, D(3))
    world.orders.amend(order, price=D(88))
    assert (order.state.value, order.quantity, order.price) == ("SUSPENDED", D(3), D(88))
    assert world.topics()[1:] == ["order.replaced", "order.replaced"]
    world.orders.resize(order, D(3))
    assert len(world.events) == 3
    world.orders.release(order, "")
    world.orders.resize(order, D(4))
    assert order.quantity == 3
    assert world.venues["binance"].submitted[0].quantity == 3


def test_a_limit_order_can_be_kept_too() -> None:
    world = World()
    order = world.orders.suspend(request(), "mine")
    assert (order.state.value, order.client_order_id) == ("SUSPENDED", "mine")
    world.orders.release(order, "")
    assert world.venues["binance"].submitted[0].price == 100


def test_a_batch_keeps_what_has_a_trigger_price() -> None:
    world = World()
    kept, sent = world.orders.submit_all([STOP, request()])
    assert (kept.state.value, sent.state.value) == ("SUSPENDED", "PENDING_NEW")
    assert len(world.venues["binance"].submitted) == 1


def test_a_batch_is_checked_one_after_the_other() -> None:
    class OneOpen(RiskCheck):
        code = "ONE"

        def evaluate(self, order: Order, view: RiskView) -> str | None:
            return "there is one" if list(view.orders.open_orders()) else None

    world = World([OneOpen()])
    first, second = world.orders.submit_all([request(), request()])
    assert (first.state.value, second.state.value) == ("PENDING_NEW", "DENIED")


def test_a_parent_is_never_sent_and_is_what_its_children_are() -> None:
    world = World()
    parent = world.orders.open_parent(request(quantity="3"))
    assert (parent.is_parent, parent.working_quantity, parent.state.value) == (True, D(0), "PENDING_NEW")
    assert world.topics() == ["order.submitted"]
    children = [
        world.orders.submit(replace(request(quantity=quantity), parent_order_id=parent.client_order_id))
        for quantity in ("1", "2")
    ]
    assert world.cache.children(parent.client_order_id) == children
    assert [command.quantity for command in world.venues["binance"].submitted] == [1, 2]
    world.report(children[0], ExecType.NEW)
    world.fill(children[1], "0.5", "99")
    world.events.clear()
    world.orders.update_parent(parent, OrderState.PARTIALLY_FILLED, "a part")
    assert (parent.filled_quantity, parent.filled_value, parent.is_accepted) == (D("0.5"), D("49.5"), True)
    assert (parent.state.value, parent.reason, parent.average_price) == ("PARTIALLY_FILLED", "a part", D(99))
    (event,) = world.events
    assert isinstance(event, OrderParentEvent)
    assert (event.state, event.filled_quantity, event.filled_value) == (parent.state, D("0.5"), D("49.5"))
    world.orders.update_parent(parent, OrderState.PARTIALLY_FILLED)
    assert len(world.events) == 1
    assert world.portfolio.position("binance", "BTC/USDT") == D("0.5")


def test_cancelling_a_parent_cancels_its_children() -> None:
    world = World()
    parent = world.orders.open_parent(request(quantity="3"), "parent")
    children = [
        world.orders.submit(replace(request(quantity=quantity), parent_order_id="parent")) for quantity in ("1", "2")
    ]
    world.orders.cancel(parent, "why@1")
    assert parent.state is OrderState.PENDING_CANCEL
    assert [child.state.value for child in children] == ["PENDING_CANCEL", "PENDING_CANCEL"]
    assert len(world.venues["binance"].cancels) == 2
    assert {event.cause for event in world.events[-3:] if hasattr(event, "cause")} == {"why@1"}
    world.orders.cancel_all()
    assert len(world.venues["binance"].cancels) == 2


def test_orders_of_an_earlier_run_count_as_sent_unless_they_were_kept_here() -> None:
    before = World()
    kept, parent, sent = before.orders.submit(STOP), before.orders.open_parent(request()), before.submit()
    for order in (kept, parent, sent):
        order.is_sent = False
    world = World()
    world.orders.recover([kept, parent, sent])
    assert [order.is_sent for order in (kept, parent, sent)] == [False, False, True]
    assert world.orders.open_orders() == [kept, parent, sent]
    assert world.orders.find(sent.client_order_id) is sent
    world.orders.cancel(sent)
    assert len(world.venues["binance"].cancels) == 1


@pytest.mark.parametrize("checks", [[], [No()]], ids=["approved", "denied"])
def test_an_order_cancelled_by_who_hears_of_its_release_ends_and_is_not_sent(checks: list[RiskCheck]) -> None:
    world = World(checks)
    order = world.orders.submit(STOP)
    world.subscribe("order.triggered.*", lambda event: world.orders.cancel(order))
    world.orders.release(order, "the bid fell to 90")
    assert (order.state.value, order.reason) == ("CANCELED", "cancelled before it was sent")
    assert world.venues["binance"].submitted == []
    assert world.topics()[-3:] == ["order.triggered", "order.pending_cancel", "order.canceled"]


@pytest.mark.parametrize(
    ("state", "held", "changes", "expected"),
    [
        (TradingState.HALTED, "0", {}, "DENIED"),
        (TradingState.HALTED, "0.5", {}, "DENIED"),
        (TradingState.HALTED, "1", {}, "SUSPENDED"),  # it only reduces
        (TradingState.HALTED, "0", {"reduce_only": True}, "SUSPENDED"),
        (TradingState.HALTED, "0", {"parent_order_id": "p"}, "SUSPENDED"),  # a leg ends with its entry
        (TradingState.REDUCING, "0", {}, "SUSPENDED"),  # it may be over by then
    ],
)
def test_what_a_halt_would_never_release_is_denied_at_once(
    state: TradingState, held: str, changes: dict[str, Any], expected: str
) -> None:
    world = World()
    states = TradingStates(
        world.clock, post=world.bus.post, put=lambda key, value, then: None, cancel_all=lambda strategy, cause: None
    )
    world.risk._states = states
    if D(held):
        world.traded(Side.BUY, held)
    states.set(state, None, "enough")
    asked = replace(STOP, **({"parent_order_id": ""} | changes))
    one, [other] = world.orders.submit(asked), world.orders.submit_all([asked])
    assert (one.state.value, other.state.value) == (expected, expected)
    if expected == "DENIED":
        assert one.reason == "TRADING_HALTED: trading is HALTED: enough"


class Choosy(SilentVenue):
    """Takes no option `colour`, and is asked about what is sent later."""

    def __init__(self) -> None:
        super().__init__()
        self.checked: list[SubmitOrder] = []

    def check(self, command: SubmitOrder) -> None:
        self.checked.append(command)
        if command.options:
            raise OrderError("colour must be blue")


@pytest.mark.parametrize("submit", ["submit", "suspend"])
def test_a_stop_that_could_never_be_sent_is_refused_when_it_is_asked_for(
    submit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world_module, "SilentVenue", Choosy)
    world = World()
    order = getattr(world.orders, submit)(STOP)
    (as_sent,) = cast(Choosy, world.venues["binance"]).checked
    assert (as_sent.order_type, as_sent.trigger_price) == (OrderType.MARKET, None)  # as it will be sent
    assert as_sent.client_order_id == order.client_order_id
    world.events.clear()
    with pytest.raises(OrderError, match="colour must be blue"):
        getattr(world.orders, submit)(replace(STOP, options=(("colour", "red"),)))
    assert world.events == []


def test_no_stop_of_a_batch_is_kept_where_one_could_never_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "SilentVenue", Choosy)
    world = World()
    with pytest.raises(OrderError):
        world.orders.submit_all([STOP, replace(STOP, options=(("colour", "red"),)), request()])
    assert world.events == []
    assert world.venues["binance"].submitted == []
