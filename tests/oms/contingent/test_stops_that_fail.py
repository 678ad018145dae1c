"""Stops that are not carried out, and stops after a restart."""

from __future__ import annotations

import logging

import pytest

from quantai.core.enums import OrderState, TradingState
from quantai.events import ErrorEvent, TradingStateEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from quantai.oms.risk import RiskCheck, RiskView
from tests.oms.contingent.world import Bench, filled, states


class Never(RiskCheck):
    """Lets nothing pass."""

    code = "NEVER"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return "no"


def alarms(world: Bench) -> list[str]:
    """What was said of failures."""
    return [event.message for event in world.events if isinstance(event, ErrorEvent)]


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
    (ExecType.REJECTED, True), (ExecType.EXPIRED, True), (ExecType.CANCELED, True), (ExecType.NEW, False),
])  # fmt: skip
async def test_a_stop_that_the_venue_does_not_carry_out_raises_the_alarm(
    exec_type: ExecType, is_alarmed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world = await Bench().start()
    stop = await world.stop()
    await world.quote_at(80)
    await world.say(stop, exec_type, reason="so")
    errors = [event.message for event in world.events if isinstance(event, ErrorEvent)]
    assert len(errors) == is_alarmed
    told = [record.levelno for record in caplog.records if "is not protected" in record.message]
    assert told == [logging.ERROR] * is_alarmed


async def test_a_stop_that_somebody_here_cancelled_raises_no_alarm() -> None:
    world = await Bench().start()
    stop, kept = await world.stop(), await world.stop(trigger="50")
    await world.quote_at(80)
    world.orders.cancel(stop)
    world.orders.cancel(kept)
    await world.say(stop, ExecType.CANCELED)
    assert states(stop, kept) == ["CANCELED", "CANCELED"]
    assert not alarms(world)


async def test_a_cancel_that_was_refused_does_not_excuse_a_later_end() -> None:
    world = await Bench().start()
    stop = await world.stop()
    await world.quote_at(80)
    await world.accept(stop)
    world.orders.cancel(stop)
    await world.say(stop, ExecType.CANCEL_REJECTED)
    await world.say(stop, ExecType.CANCELED, reason="the venue's own")
    assert len(alarms(world)) == 1


@pytest.mark.parametrize("whose", ["alpha", "all"])
async def test_a_halt_that_takes_the_protection_away_raises_the_alarm(
    whose: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = await Bench().start()
    alone, unfilled = await world.stop(), await world.bracket()
    _, _, needed = await filled(world)
    await world.publish(TradingStateEvent(whose, 1, 1, TradingState.HALTED, ""))
    world.orders.cancel_all("alpha")
    await world.bus.join()
    assert states(alone, unfilled.stop_loss, needed) == ["CANCELED"] * 3
    assert [message.split()[1] for message in alarms(world)] == [alone.client_order_id, needed.client_order_id]
    told = [record.levelno for record in caplog.records if "is not protected" in record.message]
    assert told == [logging.WARNING] * 2  # somebody wanted the halt


async def test_what_is_cancelled_while_others_are_halted_or_after_a_resume_raises_no_alarm() -> None:
    world = await Bench().start()
    stop = await world.stop()
    for whose, state in (
        ("beta", TradingState.HALTED), ("all", TradingState.HALTED), ("all", TradingState.ACTIVE),
        ("alpha", TradingState.REDUCING),
    ):  # fmt: skip
        await world.publish(TradingStateEvent(whose, 1, 1, state, ""))
    world.orders.cancel(stop)
    await world.bus.join()
    assert not alarms(world)


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
