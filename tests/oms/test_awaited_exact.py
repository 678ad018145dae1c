"""Which answers are waited for: each event in each state, each side of the deadline."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.events import (
    Event,
    OrderAcceptedEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderSubmittedEvent,
)
from quantai.oms.awaited import AwaitedAnswers
from quantai.oms.models import Order
from quantai.oms.orders import new_order
from quantai.oms.snapshot import order_state
from tests.oms.world import D, request

HEAD = ("a1", "alpha", "binance", "BTC/USDT", 1, 1, "")
TIMEOUT_NS = 10


def an_order(state: OrderState) -> Order:
    order = new_order(request(), "a1", 1, {"binance"})
    order.state = state
    return order


def state_event(state: OrderState) -> Event:
    return order_state(an_order(state), "s1", 1)


SUBMITTED = OrderSubmittedEvent(*HEAD, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, D(1), D(100))
ACCEPTED = OrderAcceptedEvent(*HEAD, "v1")
CHANGING = OrderPendingReplaceEvent(*HEAD, D(1), D(1))
CANCELING = OrderPendingCancelEvent(*HEAD)


class Waiting:
    """Waits for one answer, asked for at 100."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(100)
        self.answers = AwaitedAnswers(self.clock, TIMEOUT_NS)
        self.answers.expect("a1")

    def due(self, now_ns: int) -> list[str]:
        self.clock.set_time(now_ns)
        return self.answers.due()


def test_an_answer_is_due_after_the_timeout_and_then_anew() -> None:
    waiting = Waiting()
    assert [waiting.due(now_ns) for now_ns in (109, 110, 119, 120)] == [[], ["a1"], [], ["a1"]]


def test_what_is_to_be_asked_for_soon_is_due_now_unless_it_is_under_way() -> None:
    waiting = Waiting()
    waiting.answers.ask_soon("a1")
    waiting.answers.ask_soon("a2")
    assert waiting.due(109) == ["a2"]
    waiting.answers.drop("a1")
    waiting.answers.drop("a1")
    assert waiting.due(118) == []
    assert waiting.due(119) == ["a2"]


@pytest.mark.parametrize(
    ("state", "event", "is_answer"),
    [
        (OrderState.PENDING_NEW, SUBMITTED, True),
        (OrderState.PENDING_NEW, state_event(OrderState.PENDING_NEW), True),
        (OrderState.PENDING_NEW, CANCELING, False),
        (OrderState.PENDING_REPLACE, CHANGING, True),
        (OrderState.PENDING_REPLACE, state_event(OrderState.NEW), True),
        (OrderState.PENDING_REPLACE, ACCEPTED, False),
        (OrderState.PENDING_CANCEL, CANCELING, True),
        (OrderState.PENDING_CANCEL, state_event(OrderState.PENDING_CANCEL), True),
        (OrderState.PENDING_CANCEL, state_event(OrderState.NEW), False),
        (OrderState.PENDING_CANCEL, SUBMITTED, False),
        (OrderState.NEW, ACCEPTED, True),
        (OrderState.CANCELED, SUBMITTED, True),
    ],
)
def test_an_answer_ends_the_wait(state: OrderState, event: Any, is_answer: bool) -> None:
    waiting = Waiting()
    waiting.answers.settle(an_order(state), event)
    assert waiting.due(200) == ([] if is_answer else ["a1"])


def test_an_unknown_order_is_waited_for_from_when_it_became_so() -> None:
    waiting = Waiting()
    waiting.answers.drop("a1")
    waiting.clock.set_time(105)
    waiting.answers.settle(an_order(OrderState.UNKNOWN), ACCEPTED)
    waiting.clock.set_time(108)
    waiting.answers.settle(an_order(OrderState.UNKNOWN), ACCEPTED)
    assert [waiting.due(now_ns) for now_ns in (114, 115)] == [[], ["a1"]]
