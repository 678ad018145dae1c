"""A halt holds, whatever becomes of its cancels."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState, Side, TradingState
from quantai.exchanges.execution import ExecType
from quantai.oms.risk import TradingStates
from quantai.oms.risk.halting import INTERVAL_NS, HaltKeeper
from tests.oms.settings import Settings
from tests.oms.world import START_NS, World


class Halted(World):
    """A world in which trading can be halted."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = Settings()
        self.states = TradingStates(
            self.clock, post=self.bus.post, put=self.settings.put,
            cancel_all=lambda strategy, cause: self.orders.cancel_all(strategy, cause=cause),
        )  # fmt: skip
        self.keeper = HaltKeeper(self.states, self.orders, self.clock)
        self.keeper.start()

    def wait(self, ns: int) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.now_ns() + ns)

    @property
    def cancels(self) -> list[str]:
        """What the venue was asked to cancel."""
        return [command.client_order_id for command in self.venues["binance"].cancels]


@pytest.mark.parametrize("strategy", [None, "alpha"])
def test_a_cancel_that_overtook_its_order_is_sent_again_when_the_order_rests(strategy: str | None) -> None:
    world = Halted()
    order = world.submit()
    world.states.set(TradingState.HALTED, strategy, "enough")
    world.report(order, ExecType.CANCEL_REJECTED, reason="no such order")
    assert order.state is OrderState.UNKNOWN
    world.wait(2 * INTERVAL_NS)
    assert len(world.cancels) == 1  # what is not known is asked for, by others
    world.report(order, ExecType.NEW)
    world.wait(INTERVAL_NS - 1)
    assert len(world.cancels) == 1
    world.wait(1)
    assert (len(world.cancels), world.keeper.cancelled) == (2, 1)
    event = world.events[-1]
    assert event.reference.startswith("order.pending_cancel")
    assert getattr(event, "cause", "") == f"system.trading_state.{strategy or 'all'}@{START_NS}"
    world.wait(5 * INTERVAL_NS)
    assert len(world.cancels) == 2  # it is on its way
    world.report(order, ExecType.CANCEL_REJECTED, reason="busy")
    world.wait(INTERVAL_NS)
    assert len(world.cancels) == 3
    world.report(order, ExecType.CANCELED)
    world.wait(5 * INTERVAL_NS)
    assert len(world.cancels) == 3


def test_what_was_placed_after_the_halt_is_left_alone() -> None:
    world = Halted()
    world.states.set(TradingState.HALTED, reason="enough")
    world.wait(1)
    order = world.submit(Side.SELL)
    world.report(order, ExecType.NEW)
    world.wait(3 * INTERVAL_NS)
    assert world.cancels == []


@pytest.mark.parametrize(("state", "whose"), [(TradingState.REDUCING, None), (TradingState.HALTED, "beta")])
def test_only_what_is_halted_is_cancelled(state: TradingState, whose: str | None) -> None:
    world = Halted()
    order = world.submit()
    world.report(order, ExecType.NEW)
    world.states.set(state, whose)
    world.wait(3 * INTERVAL_NS)
    assert (world.cancels, world.keeper.cancelled) == ([], 0)


def test_a_partial_fill_that_rests_is_cancelled_too_and_nothing_after_the_end() -> None:
    world = Halted()
    order = world.submit()
    world.states.set(TradingState.HALTED)
    world.fill(order, "0.5")
    world.report(order, ExecType.CANCEL_REJECTED)
    assert order.state is OrderState.PARTIALLY_FILLED
    world.wait(INTERVAL_NS)
    assert len(world.cancels) == 2
    world.report(order, ExecType.CANCEL_REJECTED)
    world.keeper.stop()
    world.keeper.stop()
    world.wait(5 * INTERVAL_NS)
    assert len(world.cancels) == 2
