"""Orders of strategies that are executed in another daemon, over a wire that loses, repeats and delays."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, Side
from quantai.core.errors import BusOverflow, OrderError
from quantai.events import (
    FillEvent,
    OrderFilledEvent,
    OrderUnknownEvent,
    PositionEvent,
    SubmitOrderCommand,
)
from quantai.exchanges.execution import ExecType
from tests.oms.remote_world import ANSWER_TIMEOUT_NS, Here, There
from tests.oms.world import SPOT, D, finish, request


@pytest.fixture
def there() -> There:
    return There()


@pytest.fixture
async def here(there: There) -> Here:
    return await Here(there).start()


def test_a_request_is_an_event_and_waits_for_nothing(there: There) -> None:
    here = Here(there)
    order = here.submit()
    assert order.state == "PENDING_NEW"
    [command] = here.out.waiting
    assert isinstance(command, SubmitOrderCommand)
    assert command.topic == "command.submit.alpha"
    assert command.client_order_id == order.client_order_id
    assert there.venue_ids == []


async def test_an_order_follows_its_events(here: Here, there: There) -> None:
    order = here.submit(quantity="3")
    here.exchange()
    assert there.venue_ids == [order.client_order_id]
    owned = there.order(order)
    there.world.report(owned, ExecType.NEW, venue_order_id="v1")
    here.exchange()
    assert (order.state, order.venue_order_id, order.is_accepted) == (OrderState.NEW, "v1", True)
    there.world.fill(owned, "1", "90", trade_id="1")
    here.exchange()
    assert (order.state, order.leaves_quantity) == (OrderState.PARTIALLY_FILLED, D(2))
    there.world.fill(owned, "2", "96", trade_id="2")
    here.exchange()
    assert (order.state, order.average_price) == (OrderState.FILLED, D(94))
    assert here.orders.open_orders() == []


async def test_a_fill_is_booked_before_a_strategy_sees_it(here: Here, there: There) -> None:
    seen: list[tuple[type[FillEvent], Decimal, Decimal]] = []

    def on_fill(event: object) -> None:
        if isinstance(event, FillEvent):
            position = here.portfolio.position(SPOT.venue, SPOT.symbol, "alpha")
            seen.append((type(event), position, here.portfolio.balance("binance", "USDT")))

    finish(here.bus.subscribe("order.*.alpha", on_fill))
    order = here.submit(quantity="2")
    here.exchange()
    there.world.fill(there.order(order), "2", "100")
    here.exchange()
    assert seen == [(OrderFilledEvent, D(2), D(800))]


async def test_position_events_are_those_of_the_other_side_and_no_more(here: Here, there: There) -> None:
    order = here.submit()
    here.exchange()
    there.world.fill(there.order(order), "1")
    here.exchange()
    assert [event.topic for event in here.events if isinstance(event, PositionEvent)] == ["position.opened.alpha"]


async def test_a_fill_that_comes_again_is_not_booked_again(here: Here, there: There) -> None:
    order = here.submit(quantity="2")
    here.exchange()
    there.world.fill(there.order(order), "1")
    here.back.deliver(times=2)
    assert here.orders.counts["duplicates"] == 1
    assert order.filled_quantity == 1
    assert here.portfolio.position(SPOT.venue, SPOT.symbol, "alpha") == 1


async def test_what_is_not_answered_in_time_is_unknown_never_rejected(here: Here) -> None:
    order = here.submit()
    here.pass_time(ANSWER_TIMEOUT_NS / NS_PER_SECOND + 1, connected=False)
    assert order.state == "UNKNOWN"
    assert order.is_open
    told = [event for event in here.events if isinstance(event, OrderUnknownEvent)]
    assert [event.client_order_id for event in told] == [order.client_order_id]
    assert [order] == here.orders.open_orders("alpha")


async def test_an_unknown_order_is_resolved_by_the_event_that_comes_late(here: Here, there: There) -> None:
    order = here.submit()
    here.out.deliver()
    there.world.report(there.order(order), ExecType.NEW)
    here.pass_time(7, connected=False)
    assert order.state == "UNKNOWN"
    here.back.deliver()
    assert order.state == "NEW"


async def test_a_request_that_was_lost_is_asked_again_and_denied_as_too_old(here: Here, there: There) -> None:
    order = here.submit()
    here.out.drop()
    here.pass_time(12)
    assert order.state == "DENIED"
    assert order.reason.startswith("STALE_COMMAND")
    assert there.venue_ids == []
    assert here.orders.counts["unknown"] == 1


async def test_a_request_whose_answer_was_lost_is_asked_again_and_sent_once(here: Here, there: There) -> None:
    order = here.submit()
    here.out.deliver()
    there.world.report(there.order(order), ExecType.NEW, venue_order_id="v1")
    here.back.drop()
    here.pass_time(7)
    assert (order.state, order.venue_order_id) == (OrderState.NEW, "v1")
    assert there.venue_ids == [order.client_order_id]


async def test_a_cancel_that_was_lost_is_asked_again(here: Here, there: There) -> None:
    order = here.submit()
    here.exchange()
    here.orders.cancel(order)
    here.out.drop()
    assert order.state == "PENDING_CANCEL"
    here.pass_time(7)
    assert there.order(order).state == "PENDING_CANCEL"
    there.world.report(there.order(order), ExecType.CANCELED)
    here.exchange()
    assert order.state == "CANCELED"


async def test_order_and_cancel_that_were_both_lost_end_denied(here: Here, there: There) -> None:
    order = here.submit()
    here.orders.cancel(order)
    here.out.drop()
    here.pass_time(20)
    assert order.state == "DENIED"
    assert there.venue_ids == []


async def test_a_refused_cancel_leaves_the_order_what_it_was(here: Here, there: There) -> None:
    order = here.submit()
    here.exchange()
    there.world.report(there.order(order), ExecType.NEW)
    here.exchange()
    here.orders.cancel(order)
    here.exchange()
    there.world.report(there.order(order), ExecType.CANCEL_REJECTED, reason="no")
    here.exchange()
    assert order.state == "NEW"


async def test_cancel_all_cancels_what_only_the_other_side_knows_of(here: Here, there: There) -> None:
    order = here.submit()
    forgotten = there.world.submit(strategy="alpha")
    others = there.world.submit(strategy="beta")
    here.exchange()
    assert here.orders.cancel_all("alpha") == [order]
    here.exchange()
    assert forgotten.state == "PENDING_CANCEL"
    assert there.order(order).state == "PENDING_CANCEL"
    assert others.state == "PENDING_NEW"


async def test_cancel_all_of_a_symbol_leaves_the_others(here: Here, there: There) -> None:
    order = here.submit()
    assert here.orders.cancel_all("alpha", "ETH/USDT") == []
    here.exchange()
    assert there.order(order).state == "PENDING_NEW"


async def test_a_rejection_closes_the_order_with_its_reason(here: Here, there: There) -> None:
    order = here.submit()
    here.out.deliver()
    owned = there.order(order)
    there.world.report(owned, ExecType.REJECTED, reason="closed")
    here.exchange()
    assert (order.state, order.reason) == (OrderState.REJECTED, "closed")


async def test_a_bus_that_takes_nothing_denies_at_once(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(event: object) -> None:
        raise BusOverflow("full")

    monkeypatch.setattr(type(here.bus), "post", lambda self, event: full(event))
    order = here.submit()
    assert (order.state, order.reason) == (OrderState.DENIED, "NOT_SENT: the bus did not take the request")
    assert here.orders.open_orders() == []


async def test_what_is_no_order_is_refused_before_it_is_asked(here: Here) -> None:
    with pytest.raises(OrderError, match="its side cannot be unknown"):
        here.orders.submit(request(Side.UNKNOWN))
    assert not here.out.waiting


async def test_closing_gives_no_more_signs_of_life(here: Here, there: There) -> None:
    order = here.submit()
    here.exchange()
    await here.orders.close()
    here.pass_time(12)
    assert there.order(order).state == "PENDING_CANCEL"
