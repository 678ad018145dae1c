"""Requests over real sockets on loopback: what each failure proves, what is repeated, and what is never shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.errors import VenueError
from quantai.exchanges.errors import (
    ClockSkew,
    InsufficientFunds,
    MalformedReply,
    NotSent,
    OutcomeUnknown,
    RateLimitExceeded,
    RequestRefused,
)
from quantai.exchanges.http import HttpRequest, Wire
from quantai.exchanges.rate_limiter import Priority
from tests.exchanges.http_world import SECRET, Handler, Time, World, cuts, cuts_in_the_body, says, stays_silent


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.start()
    yield made
    await made.close()


async def test_an_answer_is_typed_signed_and_paid_for(world: World) -> None:
    world.will(says())
    assert await world.send(params={"symbol": "BTCUSDT", "price": "1%2B1"}) == 7
    query = f"symbol=BTCUSDT&price=1%2B1&timestamp=1700000000000&signature={SECRET}"
    assert world.asked[0].rel_url.raw_query_string == query  # exactly as it was signed
    assert world.asked[0].headers["X-KEY"] == SECRET
    assert world.limiter.headroom("weight") == pytest.approx(0.99)
    assert (world.client.counts.answered, world.limiter.counts.refunded) == (1, 0)


async def test_the_limiter_hears_what_the_venue_counted(world: World) -> None:
    world.will(says(X_Used="60"))
    await world.get()
    assert world.limiter.headroom("weight") == pytest.approx(0.4)


async def test_a_refusal_is_certain_and_not_repeated(world: World) -> None:
    world.will(says("", 400))
    with pytest.raises(InsufficientFunds) as caught:
        await world.get()
    assert (caught.value.code, len(world.asked), world.client.counts.refused) == ("-2010", 1, 1)


@pytest.mark.parametrize("failure", [cuts, cuts_in_the_body, says("", 503), says("", 502), says("<html>")])
async def test_a_safe_request_is_repeated(world: World, failure: Handler) -> None:
    world.will(failure, failure, says())
    assert await world.get() == 7
    assert (len(world.asked), world.client.counts.repeated) == (3, 2)


@pytest.mark.parametrize("failure", [cuts, cuts_in_the_body, says("", 503), says("<html>")])
async def test_repeating_has_an_end(world: World, failure: Handler) -> None:
    world.will(*[failure] * 3)
    with pytest.raises(OutcomeUnknown):
        await world.get()
    assert len(world.asked) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("failure", [cuts, cuts_in_the_body, says("", 503), says("<html>")])
async def test_what_may_have_been_done_is_unknown_and_sent_once(world: World, method: str, failure: Handler) -> None:
    world.will(says(), failure, says())
    await world.get()  # so that the connection is one that was kept
    with pytest.raises(OutcomeUnknown):
        await world.send(method)
    assert len(world.asked) == 2
    assert world.limiter.counts.refunded == 0


async def test_no_answer_in_time_is_unknown(world: World) -> None:
    world.will(says(), stays_silent(world))
    await world.get()
    with pytest.raises(OutcomeUnknown, match=r"POST /order: sent, and nobody knows .* \(no answer in 0.3 s\)"):
        await world.send(timeout_ns=300 * NS_PER_MS)
    assert world.client.counts.unknown == 1


async def test_who_refuses_connections_was_sent_nothing() -> None:
    world = World()
    await world.start("http://127.0.0.1:1")
    with pytest.raises(NotSent, match="POST /order: not sent, no connection"):
        await world.send()
    with pytest.raises(NotSent):
        await world.get()
    assert world.client.counts.not_sent == 4  # the safe one was tried three times
    assert world.limiter.headroom() == 1
    await world.close()


async def test_a_connection_that_is_not_up_in_time_was_sent_nothing() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        let_go.set()

    let_go = asyncio.Event()
    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    world = World()
    await world.start(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")  # never answers the handshake
    with pytest.raises(NotSent, match="no answer in 0.2 s"):
        await world.send(timeout_ns=200 * NS_PER_MS)
    await world.close()
    await let_go.wait()
    server.close()
    await server.wait_closed()


async def test_a_client_that_was_closed_sends_nothing(world: World) -> None:
    await world.client.close()
    with pytest.raises(NotSent, match="not started or was closed"):
        await world.get()


async def test_what_comes_while_the_client_closes_is_not_sent(world: World) -> None:
    world.will(says())
    await world.get()
    closing = asyncio.create_task(world.client.close())
    await asyncio.sleep(0)
    with pytest.raises(NotSent, match="not started or was closed"):
        await world.send()
    await closing


async def test_a_cancel_does_not_wait_for_a_connection_behind_requests_that_are_not_answered(world: World) -> None:
    world.will(*[stays_silent(world)] * 40, says())
    asking = [asyncio.create_task(world.get()) for _ in range(40)]
    while len(world.asked) < 40:
        await asyncio.sleep(0.001)
    assert await world.send("DELETE", priority=Priority.CANCEL, timeout_ns=3 * NS_PER_SECOND) == 7
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_a_dialect_that_breaks_on_an_answer_proves_nothing(world: World) -> None:
    world.will(says(X_Used="many"), says(X_Used="many"))
    with pytest.raises(MalformedReply, match=r"POST /order: the answer cannot be read \(ValueError\)"):
        await world.send()
    assert (len(world.asked), world.client.counts.malformed) == (1, 1)


async def test_without_budget_nothing_is_sent(world: World) -> None:
    world.limiter.try_acquire({"weight": 100}, Priority.CANCEL)
    with pytest.raises(NotSent, match="POST /order: not sent: the rate budget"):
        await world.send(budget_ns=0)
    assert world.asked == []


async def test_too_much_silences_everybody_for_as_long_as_the_venue_says(world: World) -> None:
    world.will(says("", 429, Retry_After="17"))
    with pytest.raises(RateLimitExceeded):
        await world.send()
    assert world.limiter.paused_until_ns == world.clock.now_ns() + 17 * NS_PER_SECOND
    with pytest.raises(NotSent):
        await world.send(budget_ns=0, priority=Priority.CANCEL)


async def test_too_much_without_a_time_silences_for_a_minute(world: World) -> None:
    world.will(says("", 429))
    with pytest.raises(RateLimitExceeded):
        await world.send()
    assert world.limiter.paused_until_ns == world.clock.now_ns() + 60 * NS_PER_SECOND


async def test_a_ban_without_a_time_silences_for_two(world: World) -> None:
    world.will(says("", 418))
    with pytest.raises(RateLimitExceeded):
        await world.send()
    assert world.limiter.paused_until_ns == world.clock.now_ns() + 120 * NS_PER_SECOND


async def test_a_safe_request_waits_for_the_silence_to_end(world: World) -> None:
    world.will(says("", 429, Retry_After="17"), says())
    asking = asyncio.create_task(world.get())
    while not world.limiter.waiting:
        await asyncio.sleep(0)
    world.clock.advance_to(world.limiter.paused_until_ns)
    assert await asking == 7


async def test_a_ban_ends_everything_at_once(world: World) -> None:
    world.will(says("", 418, Retry_After="120"))
    with pytest.raises(RateLimitExceeded) as caught:
        await world.get()
    assert caught.value.is_ban
    with pytest.raises(NotSent, match="banned for another 120 s"):
        await world.get()
    assert len(world.asked) == 1


async def test_too_many_orders_keep_nobody_from_cancelling(world: World) -> None:
    world.will(says("orders", 400), says())
    with pytest.raises(RateLimitExceeded):
        await world.send()
    assert world.limiter.headroom("orders") == 0
    assert await world.send("DELETE", priority=Priority.CANCEL) == 7


async def test_a_skewed_clock_is_put_right_and_the_request_sent_once_more(world: World) -> None:
    world.will(says("skew", 400), says())
    assert await world.send() == 7
    assert world.skews == 1


async def test_where_the_time_cannot_be_measured_the_request_is_still_one_that_was_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise OutcomeUnknown("GET /time: sent, and nobody knows what became of it")

    monkeypatch.setattr(world.client, "_on_clock_skew", fail)
    world.will(says("skew", 400))
    with pytest.raises(ClockSkew):
        await world.send()
    assert len(world.asked) == 1


async def test_a_clock_that_stays_skewed_is_an_error(world: World) -> None:
    world.will(says("skew", 400), says("skew", 400))
    with pytest.raises(ClockSkew):
        await world.send()
    assert (world.skews, len(world.asked)) == (1, 2)


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "null", "[]", "{}", '{"serverTime": "7"}', '{"serverTime": 1.5}', '{"serverTime": NaN}', '{"se',
     '{"serverTime": true}', "[" * 50_000],
)  # fmt: skip
async def test_an_answer_that_cannot_be_read_is_malformed(world: World, body: str) -> None:
    world.will(says(body))
    with pytest.raises(MalformedReply, match="POST /order: the answer cannot be read"):
        await world.send()
    assert world.client.counts.malformed == 1


async def test_bytes_that_are_no_text_are_malformed(world: World) -> None:
    async def reply(request: web.Request) -> web.Response:
        return web.Response(body=b'{"serverTime": "\xff\xfe"}')

    world.will(reply)
    with pytest.raises(MalformedReply):
        await world.send()


async def test_an_answer_without_end_is_cut_off(world: World) -> None:
    world.will(says("[" + "0," * 100_000))
    with pytest.raises(MalformedReply, match="longer than 100,000 bytes"):
        await world.send()


async def test_a_redirect_is_not_followed(world: World) -> None:
    world.will(says("", 302, Location="/elsewhere"))
    with pytest.raises(RequestRefused):
        await world.send()
    assert len(world.asked) == 1


async def test_latency_is_measured(world: World) -> None:
    async def slow(request: web.Request) -> web.Response:
        world.clock.set_time(world.clock.now_ns() + 3 * NS_PER_MS)
        return web.Response(text='{"serverTime": 7}')

    world.will(slow)
    await world.get()
    assert world.client.latency_ns == 3 * NS_PER_MS


@pytest.mark.parametrize(
    "failure", [cuts, says("", 400), says("", 503), says("", 429), says("", 418), says("<html>"), says("skew", 400)]
)
async def test_nothing_secret_is_in_an_error_or_a_log(
    world: World, failure: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.will(failure, failure)
    request = HttpRequest(method="POST", path="/order", params={"listenKey": SECRET}, is_signed=True)
    with pytest.raises(VenueError) as caught:
        await world.client.call(request, Time)
    error: BaseException | None = caught.value
    shown = [caplog.text.replace(str(world.asked[0].rel_url), ""), repr(request), repr(Wire("q", b"", {"k": SECRET}))]
    while error is not None:
        shown += [str(error), repr(error), repr(vars(error))]
        error = None if error.__suppress_context__ else error.__cause__ or error.__context__
    assert not [text for text in shown if SECRET in text]
