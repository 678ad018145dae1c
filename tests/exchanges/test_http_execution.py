"""Commands as requests: what each answer proves, and what is never sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderType, TimeInForce
from quantai.core.errors import OrderError, VenueError
from quantai.exchanges.base import Capabilities
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import DuplicateOrderId, InvalidOrder, NotSent, OrderNotFound, OutcomeUnknown
from quantai.exchanges.execution import SubmitOrder
from quantai.exchanges.http_execution import CANCEL_WAIT_NS, WAIT_NS, HttpExecution
from quantai.exchanges.rate_limiter import Priority
from tests.exchanges.execution_world import NOT_SENT, ToyExecution, World, amend, cancel, submit

UNKNOWN_ORDER = OrderNotFound("no such order")


class Declared(ToyExecution):
    """It takes limit orders, and nothing else."""

    def __init__(self, core: VenueCore) -> None:
        limits = Capabilities(order_types=frozenset({OrderType.LIMIT}), time_in_force=frozenset({TimeInForce.GTC}))
        super().__init__(core, limits)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"id": "7"}, "NEW"),
        ({"id": ""}, "UNKNOWN"),
        (InvalidOrder("no"), "REJECTED"),
        (NOT_SENT, "REJECTED"),
        (OutcomeUnknown("cut"), "UNKNOWN"),
        (DuplicateOrderId("it is there"), "UNKNOWN"),
        (RuntimeError("a defect"), "UNKNOWN"),
    ],
)
async def test_what_an_answer_proves_of_a_new_order(answer: object, told: str) -> None:
    world = World()
    world.http.answer("POST /orders", answer)
    world.execution.submit(submit("a1"))
    assert await world.settle() == {"a1": told}
    [request] = world.http.requests
    assert request.is_signed
    assert not request.can_repeat
    assert (request.priority, request.budget_ns) == (Priority.ORDER, WAIT_NS)


async def test_an_answer_that_cannot_be_understood_leaves_the_order_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.execution, "accepted", lambda ack: 1 / 0)
    world.http.answer("POST /orders", {"id": "7"})
    world.execution.submit(submit("a1"))
    assert await world.settle() == {"a1": "UNKNOWN"}


async def test_an_order_that_waited_too_long_is_not_sent() -> None:
    world = World()
    world.execution.submit(submit("a1"))
    world.clock.advance_to(world.clock.now_ns() + WAIT_NS)
    assert await world.settle() == {"a1": "REJECTED"}
    assert world.http.requests == []


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (submit("A-1"), "client order id"),
        (submit("a1", price=None), "makes no sense"),
        (submit("a1", 99), "99 cannot be had"),
        (submit("a1", symbol="DOGE/USDT"), "lists no"),
        (submit("a1", Decimal("NaN")), "NaN"),
        (submit("a1", order_type=OrderType.MARKET, price=None), "takes no market"),
        (submit("a1", options=(("colour", "red"),)), "no order option colour"),
    ],
)
async def test_what_would_not_be_sent_is_refused_when_it_is_asked_for_and_when_it_is_checked(
    command: SubmitOrder, why: str
) -> None:
    world = World(Declared)
    for do in (world.execution.check, world.execution.submit):
        with pytest.raises(OrderError, match=why):
            do(command)
    assert await world.settle() == {}


async def test_a_check_sends_nothing_and_may_be_repeated() -> None:
    world = World()
    world.http.answer("POST /orders", {"id": "7"})
    for _ in range(2):
        world.execution.check(submit("a1"))
    assert await world.settle() == {}
    world.execution.submit(submit("a1"))
    assert await world.settle() == {"a1": "NEW"}
    world.execution.check(submit("a1"))
    with pytest.raises(DuplicateOrderId):
        world.execution.submit(submit("a1"))


@pytest.mark.parametrize(
    ("first", "second", "told", "asked"),
    [
        ({}, {}, {}, 1),
        (UNKNOWN_ORDER, {}, {}, 2),
        (UNKNOWN_ORDER, UNKNOWN_ORDER, {"a1": "CANCEL_REJECTED"}, 2),
        (UNKNOWN_ORDER, OutcomeUnknown("cut"), {"a1": "UNKNOWN"}, 2),
        (OutcomeUnknown("cut"), {}, {"a1": "UNKNOWN"}, 1),
        (InvalidOrder("no"), {}, {"a1": "CANCEL_REJECTED"}, 1),
        (RuntimeError("a defect"), {}, {"a1": "UNKNOWN"}, 1),
    ],
)
async def test_a_cancel_asks_on_only_where_the_venue_knows_no_such_order(
    first: object, second: object, told: dict[str, str], asked: int
) -> None:
    world = World()
    world.http.answer("DELETE /orders", first)
    world.http.answer("DELETE /odd", second)
    world.execution.cancel(cancel("a1"))
    assert await world.settle() == told
    assert len(world.http.requests) == asked
    assert {(each.priority, each.can_repeat) for each in world.http.requests} == {(Priority.CANCEL, False)}
    assert world.http.requests[0].budget_ns == CANCEL_WAIT_NS


@pytest.mark.parametrize(
    ("refusal", "answer", "told", "asked"),
    [
        (None, {}, {}, 1),
        (None, UNKNOWN_ORDER, {"a1": "REPLACE_REJECTED"}, 1),
        (None, OutcomeUnknown("cut"), {"a1": "UNKNOWN"}, 1),
        (InvalidOrder("it would be another change"), {}, {"a1": "REPLACE_REJECTED"}, 0),
        (NotSent("the order could not be looked at"), {}, {"a1": "REPLACE_REJECTED"}, 0),
    ],
)
async def test_what_an_answer_proves_of_an_amendment(
    refusal: VenueError | None, answer: object, told: dict[str, str], asked: int
) -> None:
    world = World()
    world.execution.amend_refusal = refusal
    world.http.answer("PUT /orders", answer)
    world.execution.amend(amend("a1"))
    assert await world.settle() == told
    assert len(world.http.requests) == asked


async def test_a_question_that_is_not_answered_keeps_no_cancel_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(command: object) -> None:
        await asyncio.Event().wait()

    world = World()
    monkeypatch.setattr(world.execution, "may_amend", never)
    world.http.answer("DELETE /orders", {})
    world.execution.amend(amend("a1"))
    world.execution.cancel(cancel("a1"))
    assert await world.settle() == {}
    world.clock.advance_to(world.clock.now_ns() + NS_PER_SECOND)
    assert await world.settle() == {"a1": "REPLACE_REJECTED"}
    assert world.http.asked() == ["DELETE /orders a1"]


async def test_a_venue_that_amends_nothing_says_so() -> None:
    world = World()
    with pytest.raises(OrderError, match="cancel a1 and place anew"):
        HttpExecution.amendment(world.execution, amend("a1"), "BTCUSDT")


async def test_an_amendment_to_what_is_no_number_is_not_sent() -> None:
    world = World()
    with pytest.raises(OrderError, match="Infinity"):
        world.execution.amend(replace(amend("a1"), quantity=Decimal("Infinity")))


async def test_one_of_several_that_cannot_be_sent_keeps_no_other_from_it() -> None:
    world = World()
    world.execution.placed_together = world.execution.cancelled_together = 1
    world.http.answer("POST /orders", {"id": "7"}, {"id": "8"})
    world.http.answer("DELETE /orders", {})
    world.execution.submit_batch([submit("a1"), submit("a2", 99), submit("a3", 98), submit("a4")])
    HttpExecution.cancel_batch(world.execution, [cancel("b1", "DOGE/USDT"), cancel("b2")])
    assert await world.settle() == {
        "a1": "NEW", "a2": "REJECTED", "a3": "UNKNOWN", "a4": "NEW", "b1": "CANCEL_REJECTED",
    }  # fmt: skip
    assert world.http.asked() == ["POST /orders a1", "POST /orders a4", "DELETE /orders b2"]
    assert world.http.requests[0].timeout_ns == 5 * NS_PER_SECOND
