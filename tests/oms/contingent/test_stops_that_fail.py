"""Stops that are not carried out, and stops after a restart."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState
from quantai.events import ErrorEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from quantai.oms.risk import RiskCheck, RiskView
from tests.oms.contingent.world import Bench, states


class Never(RiskCheck):
    """Lets nothing pass."""

    code = "NEVER"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return "no"


async def test_a_stop_that_risk_denies_raises_the_alarm() -> None:
    world = await Bench([Never()]).start()
    stop = await world.stop()
    await world.quote_at(80)
    assert stop.state is OrderState.DENIED
    [error] = [event for event in world.events if isinstance(event, ErrorEvent)]
    assert (error.component, error.error) == ("contingent orders", "StopFailed")
    assert error.message == (
        f"stop {stop.client_order_id} of alpha is DENIED (NEVER: no): 1 of binance:BTC/USDT is not protected"
    )


@pytest.mark.parametrize(("exec_type", "is_alarmed"), [
    (ExecType.REJECTED, True), (ExecType.EXPIRED, True), (ExecType.CANCELED, False), (ExecType.NEW, False),
])  # fmt: skip
async def test_a_stop_that_the_venue_does_not_carry_out_raises_the_alarm(exec_type: ExecType, is_alarmed: bool) -> None:
    world = await Bench().start()
    stop = await world.stop()
    await world.quote_at(80)
    await world.say(stop, exec_type, reason="so")
    errors = [event.message for event in world.events if isinstance(event, ErrorEvent)]
    assert len(errors) == is_alarmed


async def test_an_ordinary_order_that_is_rejected_raises_no_alarm() -> None:
    world = await Bench().start()
    order = world.submit()
    await world.say(order, ExecType.REJECTED, reason="so")
    assert not [event for event in world.events if isinstance(event, ErrorEvent)]


async def test_after_a_restart_the_first_quote_beyond_the_trigger_releases_the_stop() -> None:
    world = await Bench().start()
    stop = await world.stop()
    await world.quote_at(100)
    again = await world.restarted()
    [order] = again.cache.open_orders()
    assert order.client_order_id == stop.client_order_id
    assert order.state is OrderState.SUSPENDED
    await again.quote_at(70)
    assert states(order) == ["PENDING_NEW"]
    assert [command.client_order_id for command in again.sent()] == [stop.client_order_id]
