"""Amendments, stops and batches of strategies whose orders are executed in another daemon."""

from __future__ import annotations

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, OrderType, Side
from quantai.core.errors import BusOverflow, OrderError
from quantai.events import AmendOrderCommand, BalanceStateEvent, OrderReplaceRejectedEvent, OrderStateEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Change, Order, OrderRequest
from tests.oms.remote_world import MAX_COMMAND_AGE_NS, Here, There, facts
from tests.oms.world import PERP, SPOT, D, request


@pytest.fixture
def there() -> There:
    return There()


@pytest.fixture
async def here(there: There) -> Here:
    return await Here(there).start()


def resting(here: Here, quantity: str = "4") -> Order:
    """An order that the venue has, known on both sides."""
    order = here.submit(quantity=quantity)
    here.exchange()
    here.there.world.report(here.there.order(order), ExecType.NEW, venue_order_id="v1")
    here.exchange()
    here.events.clear()
    return order


def stop(quantity: str = "2") -> OrderRequest:
    return OrderRequest("alpha", SPOT, Side.SELL, OrderType.STOP, D(quantity), trigger_price=D(90))


def refusals(here: Here) -> list[str]:
    """What the strategy heard of changes that were refused."""
    return [event.reason for event in here.events if isinstance(event, OrderReplaceRejectedEvent)]


async def test_a_change_is_pending_until_the_venue_confirms_it(here: Here, there: There) -> None:
    order = resting(here)
    here.orders.amend(order, D(5), D(101), cause="tick@1")
    assert (order.state.value, order.change, order.quantity) == ("PENDING_REPLACE", Change(D(5), D(101)), D(4))
    [command] = here.out.waiting
    assert isinstance(command, AmendOrderCommand)
    assert (command.topic, command.client_order_id) == ("command.amend.alpha", order.client_order_id)
    assert (command.venue, command.symbol) == (SPOT.venue, SPOT.symbol)
    assert (command.quantity, command.price, command.cause) == (D(5), D(101), "tick@1")
    assert command.ts_event == command.ts_init == here.clock.now_ns()
    here.orders.amend(order, D(4), D(100))  # what it still is
    assert len(here.out.waiting) == 1


async def test_a_confirmed_change_is_seen_on_both_sides(here: Here, there: There) -> None:
    order = resting(here)
    here.orders.amend(order, price=D(101))
    here.exchange()
    [asked] = there.world.venues["binance"].amends
    assert (asked.client_order_id, asked.quantity, asked.price) == (order.client_order_id, D(4), D(101))
    there.world.report(there.order(order), ExecType.REPLACED, venue_order_id="v2", order_price=D("100.5"))
    here.exchange()
    assert (order.state.value, order.price, order.venue_order_id) == ("NEW", D("100.5"), "v2")
    assert facts(order) == facts(there.order(order))
    assert refusals(here) == []


async def test_a_cancel_overtakes_a_change_and_nothing_is_illegal(here: Here, there: There) -> None:
    order = resting(here)
    here.orders.amend(order, D(5))
    here.orders.cancel(order)
    here.exchange()
    assert order.state == there.order(order).state == "PENDING_CANCEL"
    there.world.report(there.order(order), ExecType.REPLACED)
    there.world.report(there.order(order), ExecType.CANCELED)
    here.exchange()
    assert facts(order) == facts(there.order(order))
    assert here.orders.counts["illegal"] == 0


async def test_a_change_that_was_lost_is_asked_for_and_the_order_is_what_it_was(here: Here, there: There) -> None:
    order = resting(here)
    here.orders.amend(order, D(5))
    here.out.drop()
    here.pass_time(5)
    assert order.state == "PENDING_REPLACE"
    assert here.orders.counts["repeated"] == 0
    here.pass_time(2)
    assert (order.state.value, order.change, order.quantity) == ("NEW", None, D(4))
    assert here.orders.counts["repeated"] == 1
    assert there.world.venues["binance"].amends == []
    assert there.venue_ids == [order.client_order_id]


async def test_a_change_whose_answer_was_lost_goes_out_once(here: Here, there: There) -> None:
    order = resting(here)
    here.orders.amend(order, D(5))
    here.out.deliver(times=2)
    here.back.drop()
    here.pass_time(7)
    assert (order.state.value, order.change) == ("PENDING_REPLACE", Change(D(5), D(100)))
    assert len(there.world.venues["binance"].amends) == 1
    assert there.gateway.counts["repeated"] == 2  # the change that came twice, and the order that was asked for
    assert refusals(here) == []


async def test_a_bus_that_takes_no_change_leaves_it_to_be_asked_for(
    here: Here, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = resting(here)
    with monkeypatch.context() as patch:

        def full(bus: object, event: object) -> None:
            raise BusOverflow("full")

        patch.setattr(type(here.bus), "post", full)
        here.orders.amend(order, D(5))
    assert order.state == "PENDING_REPLACE"
    here.pass_time(7)
    assert order.state == "NEW"


@pytest.mark.parametrize("state", ["PENDING_NEW", "PENDING_CANCEL", "FILLED", "UNKNOWN"])
async def test_what_does_not_rest_cannot_be_changed(here: Here, state: str) -> None:
    order = here.submit()
    here.out.drop()
    order.state = OrderState(state)
    with pytest.raises(OrderError, match=f"order {order.client_order_id} cannot be amended while it is {state}"):
        here.orders.amend(order, D(5))
    assert (order.state, order.change) == (state, None)
    assert not here.out.waiting


@pytest.mark.parametrize(
    ("seconds", "reason"), [(5, None), (6, "it, or its cause, is of 6.000 s ago; the limit is 5 s")]
)
async def test_a_change_that_comes_too_late_is_refused_and_told(
    here: Here, there: There, seconds: int, reason: str | None
) -> None:
    order = resting(here)
    here.orders.amend(order, D(5))
    there.world.clock.set_time(here.clock.now_ns() + seconds * NS_PER_SECOND)
    here.exchange()
    assert seconds * NS_PER_SECOND <= MAX_COMMAND_AGE_NS or reason
    assert order.state == ("NEW" if reason else "PENDING_REPLACE")
    assert [text.startswith(reason or "") for text in refusals(here)] == ([True] if reason else [])
    assert len(there.world.venues["binance"].amends) == (0 if reason else 1)
    assert here.orders.counts["illegal"] == 0


async def test_a_change_of_an_order_that_nobody_there_has_is_refused(here: Here, there: There) -> None:
    order = resting(here)
    there.world.cache._open.clear()
    here.orders.amend(order, D(5))
    here.exchange()
    assert refusals(here) == ["alpha has no such order here"]
    assert (order.state.value, order.change) == ("NEW", None)


async def test_a_change_of_an_order_that_closed_meanwhile_shows_what_it_is(here: Here, there: There) -> None:
    order = resting(here)
    there.world.fill(there.order(order), "4")
    here.orders.amend(order, D(5))
    here.exchange()
    assert order.state == "FILLED"
    assert "cannot be amended while it is FILLED" in refusals(here)[0]
    assert here.orders.open_orders() == []


async def test_what_the_venue_refuses_leaves_the_order_what_it_was(here: Here, there: There) -> None:
    order = resting(here)
    here.orders.amend(order, D(5))
    here.exchange()
    there.world.report(there.order(order), ExecType.REPLACE_REJECTED, reason="busy")
    here.exchange()
    assert facts(order) == facts(there.order(order))
    assert refusals(here) == ["busy"]


# Stops


async def test_a_stop_is_kept_there_and_known_here(here: Here, there: There) -> None:
    order = here.orders.submit(stop())
    here.exchange()
    assert order.state == there.order(order).state == "SUSPENDED"
    assert there.order(order).trigger_price == D(90)
    assert there.venue_ids == []
    here.pass_time(20)
    assert order.state == "SUSPENDED"


async def test_a_stop_follows_its_release(here: Here, there: There) -> None:
    order = here.orders.submit(stop())
    here.exchange()
    there.world.orders.release(there.order(order), "reached")
    here.exchange()
    assert facts(order) == facts(there.order(order))
    assert order.state == "PENDING_NEW"


async def test_a_stop_that_is_cancelled_here_while_it_is_released_there(here: Here, there: There) -> None:
    order = here.orders.submit(stop())
    here.exchange()
    here.orders.cancel(order)
    there.world.orders.release(there.order(order), "reached")
    here.exchange()
    assert order.state == there.order(order).state == "PENDING_CANCEL"
    assert here.orders.counts["illegal"] == 0
    there.world.report(there.order(order), ExecType.CANCELED)
    here.exchange()
    assert order.state == "CANCELED"


async def test_a_stop_is_changed_at_once(here: Here, there: There) -> None:
    order = here.orders.submit(stop())
    here.exchange()
    here.orders.amend(order, D(3))
    assert (order.state.value, order.quantity, order.change) == ("SUSPENDED", D(2), None)
    here.exchange()
    assert (order.state.value, order.quantity, order.is_accepted) == ("SUSPENDED", D(3), False)
    there.world.orders.release(there.order(order), "reached")
    there.world.report(there.order(order), ExecType.REJECTED, reason="no")
    here.exchange()
    assert (order.state.value, order.reason) == ("REJECTED", "no")


async def test_a_change_of_a_stop_that_is_refused_is_told_and_legal(here: Here, there: There) -> None:
    order = here.orders.submit(stop())
    here.exchange()
    here.orders.amend(order, D("2.0001"))
    here.exchange()
    assert refusals(here) == ["quantity 2.0001 is not a multiple of the lot 0.001"]
    assert (order.state.value, order.quantity) == ("SUSPENDED", D(2))
    assert here.orders.counts["illegal"] == 0


# Batches


async def test_a_batch_is_asked_for_order_by_order(here: Here, there: There) -> None:
    orders = here.orders.submit_all([request(quantity="1"), request(quantity="2")])
    here.exchange()
    assert [order.quantity for order in orders] == [D(1), D(2)]
    assert there.venue_ids == [order.client_order_id for order in orders]
    assert here.orders.open_orders() == orders


async def test_a_batch_with_what_is_no_order_asks_for_nothing(here: Here) -> None:
    with pytest.raises(OrderError, match="its side cannot be unknown"):
        here.orders.submit_all([request(), request(Side.UNKNOWN)])
    assert not here.out.waiting
    assert (here.orders.open_orders(), here.orders.counts["submitted"]) == ([], 0)


# What else must not be forgotten


async def test_what_is_being_cancelled_or_closed_is_not_cancelled_again(here: Here) -> None:
    pending, closed = resting(here), resting(here)
    here.orders.cancel(pending, "tick@1")
    [command] = here.out.waiting
    assert (command.client_order_id, command.cause) == (pending.client_order_id, "tick@1")  # type: ignore[attr-defined]
    here.out.drop()
    here.there.world.report(here.there.order(closed), ExecType.CANCELED)
    here.exchange()
    here.orders.cancel(pending)
    here.orders.cancel(closed)
    assert not here.out.waiting
    here.pass_time(5)
    assert here.orders.cancel_all() == [pending]
    assert (pending.state.value, closed.state.value) == ("PENDING_CANCEL", "CANCELED")
    here.out.drop()
    here.pass_time(1)  # the first cancel is due, whatever came after it
    assert here.orders.counts["repeated"] == 1


async def test_an_order_is_found_by_its_id(here: Here) -> None:
    order = here.submit()
    assert here.orders.find(order.client_order_id) is order
    assert here.orders.find("a0") is None


async def test_closing_what_was_never_started_is_nothing(there: There, caplog: pytest.LogCaptureFixture) -> None:
    await Here(there).orders.close()
    assert not caplog.records


async def test_closing_says_what_is_left_open(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    here.submit()
    await here.orders.close()
    assert "1 orders may still be open; the execution daemon will cancel them" in caplog.text


async def test_the_state_of_an_order_that_is_not_here_is_passed_over(here: Here, there: There) -> None:
    theirs = there.world.submit(strategy="beta")
    answer = OrderStateEvent(
        here.orders._session, 0, 1, 1, theirs.client_order_id, "beta", "binance", "BTC/USDT", theirs.side,
        theirs.order_type, theirs.time_in_force, D(1), D(100), OrderState.NEW, D(0), D(0), "", "", "", 1,
    )  # fmt: skip
    here.bus.post(answer)
    assert here.orders.find(theirs.client_order_id) is None
    assert here.bus.errors == 0


async def test_a_part_of_an_answer_is_none(here: Here) -> None:
    resyncs = here.orders.counts["resyncs"]
    answer = OrderStateEvent(
        here.orders._session, 5, 1, 1, "x1", "alpha", "binance", "BTC/USDT", Side.BUY,
        OrderType.LIMIT, request().time_in_force, D(1), D(100), OrderState.NEW, D(0), D(0), "", "", "", 1,
    )  # fmt: skip
    here.bus.post(answer)
    assert here.orders.find("x1") is None
    assert here.orders.counts["resyncs"] == resyncs


async def test_an_illegal_event_is_counted_and_changes_nothing(
    here: Here, there: There, caplog: pytest.LogCaptureFixture
) -> None:
    order = resting(here)
    now_ns = here.clock.now_ns()
    head = (order.client_order_id, "alpha", "binance", "BTC/USDT", now_ns, now_ns, "")
    here.bus.post(OrderReplaceRejectedEvent(*head, "of what?"))
    assert (order.state.value, here.orders.counts["illegal"]) == ("NEW", 1)
    assert f"on order {order.client_order_id} in state NEW: nothing changed" in caplog.text


async def test_a_second_denial_is_counted_and_breaks_nothing(here: Here, there: There) -> None:
    order = here.submit()
    here.out.drop()
    here.pass_time(7, connected=False)
    here.out.deliver(times=2)
    here.exchange()
    assert order.state == "DENIED"
    assert (here.bus.errors, here.orders.counts["denied"]) == (0, 1)


async def test_a_state_that_shows_missed_fills_asks_for_everything(here: Here, there: There) -> None:
    order = resting(here)
    there.world.fill(there.order(order), "1")
    here.back.drop()
    here.orders.amend(order, D("3.9999"))  # refused, and answered with the state
    resyncs = here.orders.counts["resyncs"]
    here.exchange()
    assert (order.state.value, order.filled_quantity) == ("PARTIALLY_FILLED", D(0))
    here.pass_time(2)
    assert (order.filled_quantity, here.orders.counts["resyncs"]) == (D(1), resyncs + 1)
    assert here.portfolio.position(SPOT.venue, SPOT.symbol, "alpha") == 1


async def test_orders_of_other_daemons_are_no_orders_here(there: There) -> None:
    theirs = there.world.submit(strategy="beta")
    here = await Here(there).start()
    assert (here.orders.open_orders(), here.orders.find(theirs.client_order_id)) == ([], None)
    there.world.fill(theirs, "1")
    resyncs = here.orders.counts["resyncs"]
    here.exchange()
    here.pass_time(2)
    assert here.portfolio.balances() == there.world.portfolio.balances()
    assert here.orders.counts["resyncs"] == resyncs  # what came before was known from the answer


async def test_an_order_that_closed_meanwhile_is_not_asked_for(here: Here) -> None:
    order = here.submit()
    here.out.drop()
    order.state = OrderState.CANCELED
    here.pass_time(13)
    assert (order.state.value, here.orders.counts["repeated"]) == ("CANCELED", 0)


async def test_a_state_that_answers_nothing_and_is_of_no_order_is_passed_over(here: Here) -> None:
    balances = here.portfolio.balances()
    here.bus.post(BalanceStateEvent(here.orders._session, 0, 1, 1, "binance", "USDT", D(1)))
    assert (here.portfolio.balances(), here.bus.errors) == (balances, 0)


async def test_an_order_of_an_instrument_that_is_not_here_is_left_alone(
    there: There, caplog: pytest.LogCaptureFixture
) -> None:
    order = there.world.submit()
    here = Here(there)
    here.orders._catalogue = type(here.orders._catalogue)([PERP])
    await here.start()
    assert here.orders.open_orders() == []
    assert f"order {order.client_order_id} is open and not managed here" in caplog.text
