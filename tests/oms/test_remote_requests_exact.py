"""To the letter: what a daemon of strategies asks for, of whom, and what it counts."""

from __future__ import annotations

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.events import (
    CancelAllOrdersCommand,
    CancelOrderCommand,
    CommandEvent,
    HeartbeatCommand,
    OrderUnknownEvent,
    StateRequestCommand,
    SubmitOrderCommand,
)
from tests.oms.remote_world import ANSWER_TIMEOUT_NS, Here, There
from tests.oms.world import SPOT, START_NS, D, request


async def started(*strategies: str) -> Here:
    here = await Here(There(), strategies).start()
    here.events.clear()
    return here


def commands(here: Here) -> list[CommandEvent]:
    """What was asked for since the last look."""
    said = [event for event in here.events if isinstance(event, CommandEvent)]
    here.events.clear()
    return said


async def test_an_order_is_asked_for_with_all_that_it_is() -> None:
    here = await started("alpha")
    order = here.submit(Side.SELL, "2", "101", time_in_force=TimeInForce.POST_ONLY)
    assert commands(here) == [
        SubmitOrderCommand(
            "s1", START_NS, START_NS, "alpha", order.client_order_id, "binance", "BTC/USDT", Side.SELL,
            OrderType.LIMIT, TimeInForce.POST_ONLY, D(2), D(101), "",
        )
    ]  # fmt: skip
    assert (order.state, order.ts_submitted) == (OrderState.PENDING_NEW, START_NS)


async def test_a_cancel_names_the_order_and_why() -> None:
    here = await started("alpha")
    order = here.submit()
    here.exchange()
    commands(here)
    here.orders.cancel(order, "because")
    assert commands(here) == [
        CancelOrderCommand("s1", START_NS, START_NS, "alpha", order.client_order_id, "binance", "BTC/USDT", "because")
    ]
    here.orders.cancel(order, "because")
    assert commands(here) == []


async def test_all_orders_are_cancelled_of_whom_and_what_was_named() -> None:
    here = await started("beta", "alpha")
    mine, other = here.submit(), here.submit(strategy="beta")
    here.exchange()
    commands(here)
    assert here.orders.cancel_all("alpha", "ETH/USDT", "because") == []
    assert commands(here) == [CancelAllOrdersCommand("s1", START_NS, START_NS, "alpha", "ETH/USDT", "because")]
    assert here.orders.cancel_all("alpha", cause="because") == [mine]
    assert commands(here) == [CancelAllOrdersCommand("s1", START_NS, START_NS, "alpha", "", "because")]
    assert (mine.state, other.state) == (OrderState.PENDING_CANCEL, OrderState.PENDING_NEW)
    assert here.orders.cancel_all() == [mine, other]
    assert commands(here) == [
        CancelAllOrdersCommand("s1", START_NS, START_NS, name, "", "") for name in ("alpha", "beta")
    ]


async def test_every_strategy_gives_signs_of_life() -> None:
    here = await started("beta", "alpha")
    here.pass_time(1)
    now_ns = START_NS + NS_PER_SECOND
    assert commands(here) == [HeartbeatCommand("s1", now_ns, now_ns, name) for name in ("alpha", "beta")]


async def test_until_the_state_is_known_it_is_asked_for() -> None:
    here = Here(There())
    here.orders._beat(0)
    said = list(here.out.waiting)
    assert any(isinstance(each, StateRequestCommand) for each in said)
    assert here.orders.execution == ""


async def test_what_is_not_answered_is_unknown_and_asked_for_again() -> None:
    here = await started("alpha")
    orders = [here.submit() for _ in range(2)]
    here.out.drop()
    here.pass_time(ANSWER_TIMEOUT_NS / NS_PER_SECOND)
    now_ns = START_NS + ANSWER_TIMEOUT_NS
    unknown = [event for event in here.events if isinstance(event, OrderUnknownEvent)]
    reason = "no answer from the execution daemon yet"
    assert unknown == [
        OrderUnknownEvent(order.client_order_id, "alpha", "binance", "BTC/USDT", now_ns, now_ns, "", reason)
        for order in orders
    ]
    assert here.orders.counts["unknown"] == here.orders.counts["repeated"] == 2


async def test_an_order_asked_for_without_an_id_gets_one() -> None:
    here = await started("alpha")
    names = {here.orders.submit(request(instrument=SPOT)).client_order_id for _ in range(2)}
    assert len(names) == 2
    assert "" not in names


@pytest.mark.parametrize("cause", ["", "because"])
async def test_a_cancel_that_is_not_answered_is_sent_again(cause: str) -> None:
    here = await started("alpha")
    order = here.submit()
    here.exchange()
    here.orders.cancel(order, cause)
    here.out.drop()
    here.pass_time(ANSWER_TIMEOUT_NS / NS_PER_SECOND + 1)
    assert here.orders.counts["repeated"] == 1
    assert [each.client_order_id for each in here.there.world.venues["binance"].cancels] == [order.client_order_id]
