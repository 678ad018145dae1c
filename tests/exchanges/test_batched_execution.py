"""Several commands in one message: each has its own outcome, and none is lost with another."""

from __future__ import annotations

import asyncio

import pytest

from quantai.exchanges.command_queue import CommandQueue
from quantai.exchanges.errors import InvalidOrder, OutcomeUnknown
from quantai.exchanges.rate_limiter import Priority
from tests.exchanges.execution_world import NOT_SENT, World, cancel, submit


async def test_new_orders_go_as_many_at_a_time_as_the_venue_takes() -> None:
    world = World()
    world.http.answer("POST /batch", [{"id": "1"}, {"id": "2"}, {"id": "3"}])
    world.http.answer("POST /orders", {"id": "4"})
    world.http.answer("POST /odd", {"id": "5"})
    world.execution.submit_batch([submit("a1"), submit("a2", 13), submit("a3"), submit("a4"), submit("a5")])
    assert set((await world.settle()).values()) == {"NEW"}
    assert sorted(world.http.asked()) == ["POST /batch a1,a3,a4", "POST /odd a2", "POST /orders a5"]
    batch = world.http.requests[0]
    assert (batch.is_signed, batch.can_repeat, batch.priority) == (True, False, Priority.ORDER)


async def test_each_order_of_a_message_has_its_own_outcome() -> None:
    world = World()
    world.http.answer("POST /batch", [{"id": "1"}, {"id": "", "error": "no funds"}, {"id": ""}])
    world.execution.submit_batch([submit("a1"), submit("a2"), submit("a3")])
    assert await world.settle() == {"a1": "NEW", "a2": "REJECTED", "a3": "UNKNOWN"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([{"id": "1"}], "UNKNOWN"),
        ([], "UNKNOWN"),
        ([{"id": "1"}] * 3, "UNKNOWN"),
        (OutcomeUnknown("cut"), "UNKNOWN"),
        (RuntimeError("a defect"), "UNKNOWN"),
        (InvalidOrder("the message as a whole"), "REJECTED"),
        (NOT_SENT, "REJECTED"),
    ],
)
async def test_a_message_that_is_not_answered_whole_proves_the_same_of_all(answer: object, told: str) -> None:
    world = World()
    world.http.answer("POST /batch", answer)
    world.execution.submit_batch([submit("a1"), submit("a2")])
    assert await world.settle() == {"a1": told, "a2": told}


async def test_what_cannot_be_sent_is_told_and_the_others_go() -> None:
    world = World()
    world.http.answer("POST /batch", [{"id": "1"}, {"id": "2"}])
    world.execution.submit_batch([submit("a1"), submit("a2", 99), submit("a3", 98), submit("a4")])
    assert await world.settle() == {"a1": "NEW", "a2": "REJECTED", "a3": "UNKNOWN", "a4": "NEW"}
    assert world.http.asked() == ["POST /batch a1,a4"]


async def test_where_there_is_no_room_none_is_sent_and_each_is_told() -> None:
    world = World()
    world.execution._queue = CommandQueue(max_commands=0)
    world.execution.submit_batch([submit("a1"), submit("a2"), submit("a3", 13)])
    world.execution.cancel_batch([cancel("b1"), cancel("b2"), cancel("b3", venue_order_id="")])
    told = await world.settle()
    assert told == dict.fromkeys(("a1", "a2", "a3"), "REJECTED") | dict.fromkeys(("b1", "b2", "b3"), "CANCEL_REJECTED")
    assert world.http.requests == []


async def test_cancels_go_together_by_symbol_and_those_without_an_id_alone() -> None:
    world = World()
    world.http.answer("DELETE /batch", [{"id": "1"}, {"id": "2", "error": "gone"}])
    world.http.answer("DELETE /orders", {})
    cancels = [cancel("a1"), cancel("b1", "ETH/USDT"), cancel("a2"), cancel("a3"), cancel("a4", venue_order_id="")]
    world.execution.cancel_batch(cancels)
    assert await world.settle() == {"a2": "CANCEL_REJECTED"}
    assert sorted(world.http.asked()) == [
        "DELETE /batch BTCUSDT,a1,a2", "DELETE /orders a3", "DELETE /orders a4", "DELETE /orders b1",
    ]  # fmt: skip


async def test_an_order_without_an_answer_makes_no_other_wait_to_be_cancelled() -> None:
    world = World()
    world.http.gate = asyncio.Event()
    world.http.answer("POST /orders", {"id": "7"})
    world.http.answer("DELETE /batch", [{"id": "1"}, {"id": "2"}])
    world.http.answer("DELETE /orders", {})
    world.execution.submit(submit("a1"))
    await asyncio.sleep(0)
    world.execution.cancel_batch([cancel("a1"), cancel("a2"), cancel("a3")])
    await world.settle()
    assert world.http.asked() == ["POST /orders a1", "DELETE /batch BTCUSDT,a2,a3"]
    world.http.gate.set()
    assert await world.settle() == {"a1": "NEW"}
    assert world.http.asked()[-1] == "DELETE /orders a1"


async def test_commands_of_an_order_wait_for_the_message_that_places_it() -> None:
    world = World()
    world.http.gate = asyncio.Event()
    world.http.answer("POST /batch", [{"id": "1"}, {"id": "2"}])
    world.http.answer("DELETE /orders", {})
    world.execution.submit_batch([submit("a1"), submit("a2")])
    world.execution.cancel(cancel("a2"))
    await world.settle()
    assert world.http.asked() == ["POST /batch a1,a2"]
    world.http.gate.set()
    await world.settle()
    assert world.http.asked() == ["POST /batch a1,a2", "DELETE /orders a2"]
