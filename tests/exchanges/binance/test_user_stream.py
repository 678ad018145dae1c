"""Private streams against a real WebSocket server: opened, renewed, ended by the venue, and opened anew."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.errors import StartupError
from quantai.events import ConnectedEvent, DisconnectedEvent
from quantai.exchanges import private_stream
from quantai.exchanges.binance import user_stream
from quantai.exchanges.binance.execution import BinanceExecution
from quantai.exchanges.binance.product import SPOT, USDM, Product
from quantai.exchanges.execution import ExecType
from quantai.exchanges.websocket.settings import LinkSettings
from tests.exchanges.binance.private_world import KEY, Answer, World, world
from tests.exchanges.binance.test_reports import FILL
from tests.exchanges.binance.test_reports import SPOT as SPOT_ORDER
from tests.exchanges.binance.test_reports import USDM as USDM_ORDER

FAST = LinkSettings(
    first_delay_ns=10 * NS_PER_MS,
    max_delay_ns=20 * NS_PER_MS,
    overlap_ns=20 * NS_PER_MS,
    close_timeout_ns=NS_PER_SECOND,
)
POST = "POST /fapi/v1/listenKey"
PUT = "PUT /fapi/v1/listenKey"
BALANCE = "GET /fapi/v3/balance"
SUBSCRIBED = {"status": 200, "result": {"subscriptionId": 0}}


@dataclass
class FakeStreams:
    """Accepts connections; answers requests with what is prepared."""

    answer: dict[str, Any] = field(default_factory=lambda: dict(SUBSCRIBED))
    connections: list[ServerConnection] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        self.connections.append(connection)
        try:
            async for text in connection:
                request = json.loads(text)
                self.asked.append(request)
                await connection.send(json.dumps({"id": request["id"], **self.answer}))
        except ConnectionClosed:
            pass

    async def send(self, event: Any, index: int = -1) -> None:
        await self.connections[index].send(event if isinstance(event, str) else json.dumps(event))


@dataclass
class Live:
    """A connector whose private stream stands."""

    there: World
    streams: FakeStreams
    execution: BinanceExecution
    states: list[bool]

    async def until(self, condition: Callable[[], object]) -> None:
        await self.there.until(condition)


@asynccontextmanager
async def streams() -> AsyncIterator[FakeStreams]:
    fake = FakeStreams()
    async with serve(fake.handle, "127.0.0.1", 0) as server:
        fake.port = next(iter(server.sockets)).getsockname()[1]
        yield fake


@asynccontextmanager
async def live(product: Product, balance: Answer = (200, [])) -> AsyncIterator[Live]:
    async with streams() as fake, world(product, f"ws://127.0.0.1:{fake.port}") as there:
        there.rest.answer(POST, {"listenKey": "k1"}, {"listenKey": "k2"})
        there.rest.answer(PUT, {})
        there.rest.answer(BALANCE, balance)
        execution = BinanceExecution(there.core, there.context, link_settings=FAST)
        states: list[bool] = []
        execution.on_report(there.reports.append)
        execution.on_connection(states.append)
        await execution.start()
        try:
            yield Live(there, fake, execution, states)
        finally:
            await execution.stop()


def spot_event(**fields: Any) -> dict[str, Any]:
    return {"subscriptionId": 0, "event": SPOT_ORDER | fields}


def usdm_event(**fields: Any) -> dict[str, Any]:
    return {"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": USDM_ORDER | fields}


async def test_the_spot_stream_is_subscribed_with_a_signature() -> None:
    async with live(SPOT) as run:
        [request] = run.streams.asked
        assert request["method"] == "userDataStream.subscribe.signature"
        assert set(request["params"]) == {"apiKey", "timestamp", "signature"}
        assert request["params"]["apiKey"] == KEY
        assert run.states == [True]
        assert run.execution.health().is_connected
        await run.streams.send(spot_event())
        await run.streams.send(spot_event(I=6, **FILL))
        await run.until(lambda: len(run.there.reports) == 2)
        assert [each.exec_type for each in run.there.reports] == [ExecType.NEW, ExecType.TRADE]
    assert run.states == [True, False]


async def test_after_a_cut_it_is_subscribed_again_and_the_oms_told() -> None:
    async with live(SPOT) as run:
        run.streams.connections[0].transport.abort()
        await run.until(lambda: run.states == [True, False, True])
        assert len(run.streams.asked) == 2
        assert [type(each) for each in run.there.published] == [ConnectedEvent, DisconnectedEvent, ConnectedEvent]
        await run.streams.send(spot_event())
        await run.until(lambda: run.there.reports)


async def test_a_subscription_that_the_venue_ends_is_made_anew() -> None:
    async with live(SPOT) as run:
        await run.streams.send({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}})
        await run.until(lambda: run.states == [True, False, True])
        assert len(run.streams.asked) == 2


async def test_a_shutdown_that_is_told_before_is_no_outage() -> None:
    async with live(SPOT) as run:
        await run.streams.send({"event": {"e": "serverShutdown", "E": 1}})
        await run.until(lambda: len(run.states) == 2)
        assert run.states == [True, True]  # replaced: what may have been missed is asked for
        assert len(run.streams.connections) == 2


async def test_garbage_makes_the_account_be_compared_and_stops_nothing() -> None:
    async with live(SPOT) as run:
        await run.streams.send("garbage")
        await run.streams.send(spot_event(S="HOLD"))
        await run.streams.send(spot_event())
        await run.until(lambda: run.there.reports)
        assert run.states == [True, True]
        assert run.execution.stream.link.counts["malformed"] == 2


async def test_a_key_that_is_refused_ends_the_start_at_once() -> None:
    async with streams() as fake, world(SPOT, f"ws://127.0.0.1:{fake.port}") as there:
        fake.answer = {"status": 400, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions."}}
        execution = BinanceExecution(there.core, there.context, link_settings=FAST)
        with pytest.raises(StartupError, match="-2015") as caught:
            await execution.start()
        assert KEY not in str(caught.value)


async def test_a_wrong_secret_ends_the_start_before_a_listen_key_is_asked_for() -> None:
    async with streams() as fake, world(USDM, f"ws://127.0.0.1:{fake.port}") as there:
        there.rest.answer(BALANCE, (400, {"code": -1022, "msg": "Signature for this request is not valid."}))
        execution = BinanceExecution(there.core, there.context, link_settings=FAST)
        with pytest.raises(StartupError, match="-1022"):
            await execution.start()
        assert there.rest.asked(POST) == []


async def test_a_secret_that_cannot_be_tried_is_told_and_the_stream_opened(caplog: pytest.LogCaptureFixture) -> None:
    async with live(USDM, balance=(500, "")):
        assert "the keys of binance could not be tried" in caplog.text


async def test_a_stream_that_does_not_open_in_time_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_stream, "_START_NS", 100 * NS_PER_MS)
    async with world(SPOT) as there:
        with pytest.raises(StartupError, match="not open"):
            await BinanceExecution(there.core, there.context, link_settings=FAST).start()


async def test_the_usdm_stream_is_behind_a_listen_key() -> None:
    async with live(USDM) as run:
        assert run.streams.paths == ["/private/ws?listenKey=k1"]
        assert run.there.rest.asked(POST) == [{}]
        assert run.there.rest.keys[1:] == [KEY]  # by the key alone, without a signature
        await run.streams.send(usdm_event())
        await run.streams.send(usdm_event(**FILL))
        await run.until(lambda: len(run.there.reports) == 2)
        assert [each.exec_type for each in run.there.reports] == [ExecType.NEW, ExecType.TRADE]


async def test_an_expired_listen_key_is_replaced_by_a_new_one() -> None:
    async with live(USDM) as run:
        await run.streams.send({"e": "listenKeyExpired", "E": 1, "listenKey": "k1"})
        await run.until(lambda: run.states == [True, False, True])
        assert run.streams.paths[1] == "/private/ws?listenKey=k2"
        await run.streams.send(usdm_event())
        await run.until(lambda: run.there.reports)


async def test_a_listen_key_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_stream, "RENEW_NS", 20 * NS_PER_MS)
    async with live(USDM) as run:
        await run.until(lambda: len(run.there.rest.asked(PUT)) >= 2)
        assert len(run.streams.connections) == 1
        assert run.states == [True]


async def test_a_listen_key_that_is_gone_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_stream, "RENEW_NS", 20 * NS_PER_MS)
    async with live(USDM) as run:
        run.there.rest.answer(PUT, (400, {"code": -1125, "msg": "This listenKey does not exist."}), {})
        await run.until(lambda: run.states == [True, False, True])
        assert len(run.there.rest.asked(POST)) == 2


async def test_a_renewal_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_stream, "RENEW_NS", 20 * NS_PER_MS)
    monkeypatch.setattr(user_stream, "_RETRY_NS", 5 * NS_PER_MS)
    async with live(USDM) as run:
        run.there.rest.answer(PUT, (400, {"code": -1121, "msg": "odd"}), {})
        await run.until(lambda: len(run.there.rest.asked(PUT)) >= 2)
        assert run.states == [True]


async def test_listen_keys_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="quantai")
    async with live(USDM) as run:
        run.streams.connections[0].transport.abort()
        await run.until(lambda: run.states == [True, False, True])
    assert "k1" not in caplog.text
    assert "listenKey=" not in caplog.text
