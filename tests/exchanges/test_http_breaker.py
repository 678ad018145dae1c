"""A venue that answers nothing: no new orders, patient questions, cancels as ever, and back at the first answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from aiohttp import web

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.errors import VenueError
from quantai.exchanges.errors import MalformedReply, NotSent, OutcomeUnknown
from quantai.exchanges.http_settings import RequestsSection
from quantai.exchanges.rate_limiter import Priority
from tests.exchanges.http_world import Handler, World, cuts, says, stays_silent

LIMIT = 3
down = says("", 503)


class Outage(World):
    """A venue that may go down. `asks_time`: what is called when nobody else tries asks the venue, as daemons do."""

    asks_time = False

    async def start(self, base_url: str = "", **settings: Any) -> None:
        await super().start(base_url, breaker_failures=LIMIT, repeats=0, **settings)

    async def _resync(self) -> None:
        await super()._resync()
        if self.asks_time:
            await self.get(is_safe=False)

    async def order(self, **more: Any) -> int:
        return await self.send("POST", priority=Priority.ORDER, **more)

    async def cancel(self) -> int:
        return await self.send("DELETE", priority=Priority.CANCEL)

    async def fail(self, *failures: Handler) -> None:
        for failure in failures or [down] * LIMIT:
            self.will(failure)
            with pytest.raises(OutcomeUnknown):
                await self.order()

    async def not_sent(self, asking: Awaitable[int]) -> None:
        before = len(self.asked)
        with pytest.raises(NotSent, match=r"not sent: http://127.0.0.1:\d+ does not answer"):
            await asking
        assert len(self.asked) == before

    def pass_ns(self, duration_ns: int) -> None:
        self.clock.advance_to(self.clock.now_ns() + duration_ns)


@pytest.fixture
async def world() -> AsyncIterator[Outage]:
    made = Outage()
    await made.start()
    yield made
    await made.close()


async def settled() -> None:
    """Let tasks run as far as they can without an answer from a socket."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("failure", [down, cuts, says("", 500)])
async def test_failures_in_a_row_keep_orders_here(
    world: Outage, failure: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    await world.fail(*[failure] * (LIMIT - 1))
    assert not world.client.is_broken
    await world.fail(failure)
    assert world.client.is_broken
    for _ in range(3):
        await world.not_sent(world.order())
    assert (world.client.counts.breaker_opened, world.client.counts.not_sent) == (1, 3)
    assert caplog.text.count("no new orders until it answers") == 1
    assert world.limiter.headroom("weight") == pytest.approx(1 - LIMIT / 100)  # what is not sent costs nothing


async def test_timeouts_count(world: Outage) -> None:
    world.will(*[stays_silent(world)] * LIMIT)
    for _ in range(LIMIT):
        with pytest.raises(VenueError, match="no answer in"):
            await world.order(timeout_ns=50 * NS_PER_MS)
    assert world.client.is_broken


async def test_connections_that_cannot_be_made_count() -> None:
    world = Outage()
    await world.start("http://127.0.0.1:1")
    for _ in range(LIMIT):
        with pytest.raises(NotSent, match="no connection"):
            await world.order()
    await world.not_sent(world.order())
    await world.close()


@pytest.mark.parametrize("answer", [says(), says("", 400), says("orders", 400)])
async def test_any_answer_begins_the_count_anew(world: Outage, answer: Handler) -> None:
    await world.fail(*[down] * (LIMIT - 1))
    world.will(answer)
    await asyncio.gather(world.order(), return_exceptions=True)
    await world.fail(*[down] * (LIMIT - 1))
    assert not world.client.is_broken


async def test_failures_long_ago_do_not_count(world: Outage) -> None:
    await world.fail(*[down] * (LIMIT - 1))
    world.pass_ns(61 * NS_PER_SECOND)
    await world.fail(down)
    assert not world.client.is_broken


async def test_garbage_says_nothing_of_the_health_of_a_venue(world: Outage) -> None:
    for _ in range(LIMIT):
        world.will(says("<html>"))
        with pytest.raises(MalformedReply):
            await world.order()
    assert not world.client.is_broken


async def test_cancels_always_go_out_and_their_answer_brings_orders_back(
    world: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    await world.fail()
    world.will(down, says(), says())
    with pytest.raises(OutcomeUnknown):  # sent, as without a breaker
        await world.cancel()
    await world.not_sent(world.order())
    world.pass_ns(NS_PER_SECOND // 2)
    assert await world.cancel() == 7
    assert not world.client.is_broken
    assert await world.order() == 7
    assert caplog.text.count("answers again, after 0.5 s: new orders are sent") == 1


async def test_questions_wait_and_the_first_tries(world: Outage) -> None:
    await world.fail()
    asked = len(world.asked)
    questions = [asyncio.create_task(world.get()) for _ in range(3)]
    await settled()
    assert len(world.asked) == asked
    world.will(down)
    world.pass_ns(2 * NS_PER_SECOND)
    done, _ = await asyncio.wait(questions, return_when=asyncio.FIRST_COMPLETED)
    assert len(world.asked) == asked + 1  # one tried, and failed; the others wait on
    assert [type(each.exception()) for each in done] == [OutcomeUnknown]
    world.will(says(), says())
    world.pass_ns(10 * NS_PER_SECOND)
    assert await asyncio.gather(*[each for each in questions if each not in done]) == [7, 7]
    assert not world.client.is_broken


async def test_a_question_waits_no_longer_than_it_may(world: Outage) -> None:
    await world.fail()
    await world.not_sent(world.get(budget_ns=0))
    late = asyncio.create_task(world.get(budget_ns=NS_PER_SECOND // 2))
    await settled()
    world.pass_ns(NS_PER_SECOND // 2)
    await world.not_sent(late)


async def test_a_question_that_is_given_up_leaves_nothing_behind(world: Outage) -> None:
    await world.fail()
    question = asyncio.create_task(world.get())
    await settled()
    question.cancel()
    await asyncio.gather(question, return_exceptions=True)
    world.will(says())
    world.pass_ns(2 * NS_PER_SECOND)
    assert await world.order() == 7  # nobody else tries


async def test_the_pause_grows_to_its_limit_while_nothing_comes(world: Outage) -> None:
    await world.fail()
    asked = len(world.asked)
    world.asks_time = True
    world.will(*[down] * 50)
    for _ in range(100):
        world.pass_ns(NS_PER_SECOND)
        tries = len(world.asked) - asked
        async with asyncio.timeout(5):
            while world.client.counts.unknown < LIMIT + tries:
                await asyncio.sleep(0.001)
        await settled()
    assert 5 <= len(world.asked) - asked <= 60
    assert world.client.counts.breaker_opened == 1


async def test_where_nobody_asks_the_time_is_asked(world: Outage) -> None:
    await world.fail()
    world.asks_time = True
    world.will(says())
    world.pass_ns(2 * NS_PER_SECOND)
    async with asyncio.timeout(5):
        while world.client.is_broken:
            await asyncio.sleep(0.001)
    world.will(says())
    assert await world.order() == 7
    assert [request.path for request in world.asked[-2:]] == ["/time", "/order"]


async def test_what_was_under_way_when_it_opened_does_not_make_the_pause_longer(world: Outage) -> None:
    gate = asyncio.Event()

    async def late(request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.Response(status=503)

    world.will(*[late] * 20)
    orders = [asyncio.create_task(world.order()) for _ in range(20)]
    async with asyncio.timeout(5):
        while len(world.asked) < 20:
            await asyncio.sleep(0.001)
    gate.set()
    await asyncio.gather(*orders, return_exceptions=True)
    assert world.client.is_broken
    world.will(says())
    world.pass_ns(2 * NS_PER_SECOND)
    assert await world.order() == 7


async def test_a_try_that_never_left_is_followed_by_another(world: Outage) -> None:
    await world.fail()
    world.pass_ns(2 * NS_PER_SECOND)
    world.will(stays_silent(world))
    trying = asyncio.create_task(world.get())
    while len(world.asked) == LIMIT:
        await asyncio.sleep(0.001)
    await world.not_sent(world.order())  # one at a time
    trying.cancel()
    await asyncio.gather(trying, return_exceptions=True)
    await world.not_sent(world.order())
    world.will(says())
    world.pass_ns(10 * NS_PER_SECOND)
    assert await world.order() == 7


async def test_a_closed_client_tries_no_more_and_begins_anew(world: Outage) -> None:
    await world.fail()
    waiting = asyncio.create_task(world.get())
    await settled()
    world.asks_time = True
    await world.client.close()
    with pytest.raises(NotSent, match="not started or was closed"):
        await waiting
    asked = len(world.asked)
    world.pass_ns(100 * NS_PER_SECOND)
    await settled()
    assert len(world.asked) == asked
    await world.client.start()
    assert not world.client.is_broken
    world.will(says())
    assert await world.order() == 7


async def test_closing_ends_a_try(world: Outage) -> None:
    await world.fail()
    world.asks_time = True
    world.will(stays_silent(world))
    world.pass_ns(2 * NS_PER_SECOND)
    while len(world.asked) == LIMIT:
        await asyncio.sleep(0.001)
    await world.client.close()
    assert world.clock.next_due_ns > world.clock.now_ns() + 100 * NS_PER_SECOND  # nothing is left to be done


def test_the_section_of_the_configuration() -> None:
    settings = RequestsSection.model_validate(
        {"breaker_failures": 8, "breaker_pause": "20s", "breaker_longest": "10s"}
    ).settings()
    assert settings.breaker_failures == 8
    assert settings.breaker_pause_ns == settings.breaker_longest_ns == 20 * NS_PER_SECOND


@pytest.mark.parametrize("wrong", [{"breaker_failures": 0}, {"breaker_pause": "0s"}, {"breaker": 3}])
def test_a_breaker_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="breaker"):
        RequestsSection.model_validate(wrong)
