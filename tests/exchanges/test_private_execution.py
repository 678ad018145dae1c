"""A private stream and what stands on it, over a real socket: who waits for the start, what every fall and doubt is
told, no fill twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal

import pytest
from pydantic import SecretStr

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.errors import StartupError, VenueError
from quantai.events import ConnectedEvent, DisconnectedEvent, Event
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import AuthenticationError, NotSent
from quantai.exchanges.execution import CancelOrder, ExecType, ExecutionReport, SubmitOrder
from quantai.exchanges.http_request import Headers, HttpDialect, HttpRequest, Wire
from quantai.exchanges.private_execution import PrivateExecution
from quantai.exchanges.private_stream import ReportStream
from quantai.exchanges.rate_limiter import RateRule
from quantai.exchanges.signing import signer_of
from quantai.exchanges.websocket.opening import Send
from tests.exchanges.websocket.loopback import Venue, eventually, venue

CONNECTS = RateRule("connects", 10, 60 * NS_PER_SECOND)


class Dialect(HttpDialect):
    base_url = "http://127.0.0.1:1"

    def sign(self, request: HttpRequest, now_ms: int) -> Wire:
        return Wire()

    def error(self, status: int, headers: Headers, body: bytes) -> VenueError:
        return VenueError("no")


class Stream(ReportStream):
    """Frames are lists of reports, in few words."""

    url = ""
    refusal: Exception | None = None
    login_refusal: Exception | None = None

    async def _url(self) -> str:
        if self.refusal is not None:
            raise self.refusal
        return self.url

    async def _subscribe(self, send: Send) -> None:
        if self.login_refusal is not None:
            raise self.login_refusal

    def reports(self, frame: bytes) -> Iterable[ExecutionReport]:
        for kind, order_id, trade_id, quantity in json.loads(frame):
            yield ExecutionReport(
                exec_type=ExecType(kind), client_order_id="", ts_event=1, venue_order_id=order_id, symbol="BTC/USDT",
                trade_id=trade_id, quantity=Decimal(quantity), price=Decimal(1),
            )  # fmt: skip


class Execution(PrivateExecution):
    stream: Stream

    def submit(self, command: SubmitOrder) -> None:
        """Not looked at here."""

    def cancel(self, command: CancelOrder) -> None:
        """Not looked at here."""


class World:
    def __init__(self, server: Venue) -> None:
        self.server = server
        self.clock = SimulatedClock(1_790_000_000 * NS_PER_SECOND)
        self.published: list[Event] = []
        self.reports: list[ExecutionReport] = []
        self.states: list[tuple[bool, str]] = []
        self.connections: list[bool] = []
        key = SecretStr("key")
        context = ExchangeContext("venue", api_key=key, clock=self.clock, publish=self.published.append)
        self.core = VenueCore.of(context, Dialect(), [CONNECTS], self._now, signer=signer_of(SecretStr("secret")))
        self.execution = Execution(self.core, ["connects"])
        self.execution.on_report(self.reports.append)
        self.execution.on_connection(self.connections.append)
        self.stream = Stream(self.core, self.execution.outcomes.tell, self._on_state, connect_costs={"connects": 1})
        self.stream.url = server.url
        self.execution.stream = self.stream

    async def _now(self) -> int:
        return self.clock.now_ns()

    def _on_state(self, is_up: bool, reason: str) -> None:
        self.states.append((is_up, reason))
        self.execution.on_state(is_up, reason)

    def pass_ns(self, duration_ns: int) -> None:
        self.clock.advance_to(self.clock.now_ns() + duration_ns)

    async def send(self, *rows: tuple[str, str, str, str]) -> None:
        await self.server.sockets[-1].send(json.dumps(rows))

    def trades(self) -> list[tuple[str, str]]:
        return [(each.venue_order_id, each.trade_id) for each in self.reports if each.exec_type is ExecType.TRADE]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with venue() as server:
        made = World(server)
        yield made
        await made.execution.stop()


async def test_it_stands_before_the_start_returns_and_that_is_told_once(world: World) -> None:
    assert not world.execution.health().is_connected
    await world.execution.start()
    assert world.stream.link.is_up
    health = world.execution.health()
    assert health.is_connected
    assert health.rate_headroom == pytest.approx(0.9)
    assert [type(each) for each in world.published] == [ConnectedEvent]
    assert world.connections == [True]


async def test_a_fall_is_told_and_coming_back_too(world: World) -> None:
    await world.execution.start()
    world.server.sockets[0].transport.abort()
    await eventually(lambda: len(world.states) == 2)
    assert not world.execution.health().is_connected
    async with asyncio.timeout(10):
        while len(world.states) < 3:
            world.pass_ns(NS_PER_SECOND)
            await asyncio.sleep(0.001)
    assert world.connections == [True, False, True]
    assert [type(each) for each in world.published] == [ConnectedEvent, DisconnectedEvent, ConnectedEvent]
    assert {each.component for each in world.published if isinstance(each, ConnectedEvent)} == {"venue orders"}


async def test_a_stream_that_stands_anew_is_compared_though_nothing_fell(world: World) -> None:
    await world.execution.start()
    world.stream._on_change("money moved")
    assert world.states[-1] == (True, "money moved")
    assert world.connections == [True, True]  # so that what was missed is asked for
    assert len(world.published) == 1  # and nobody is told that it connected again


async def test_where_it_does_not_stand_in_time_the_start_says_so(world: World) -> None:
    world.stream.refusal = NotSent("no connection")
    starting = asyncio.create_task(world.execution.start())
    async with asyncio.timeout(10):
        while not starting.done():
            world.pass_ns(NS_PER_SECOND)
            await asyncio.sleep(0)
    with pytest.raises(StartupError, match="the private stream of venue does not stand: not open in"):
        await starting
    assert world.server.attempts == 0


@pytest.mark.parametrize("where", ["refusal", "login_refusal"])
async def test_a_key_that_is_refused_ends_the_start_at_once(world: World, where: str) -> None:
    setattr(world.stream, where, AuthenticationError("wrong key"))
    with pytest.raises(StartupError, match="does not stand: wrong key"):
        await world.execution.start()


async def test_a_stream_that_stood_once_is_tried_again_though_a_key_is_refused(world: World) -> None:
    await world.execution.start()
    world.stream.refusal = AuthenticationError("not now")
    world.server.sockets[0].transport.abort()
    async with asyncio.timeout(10):
        while world.stream.link.counts["failures"] < 3:
            world.pass_ns(NS_PER_SECOND)
            await asyncio.sleep(0.001)
        world.stream.refusal = None
        while not world.stream.link.is_up:
            world.pass_ns(NS_PER_SECOND)
            await asyncio.sleep(0.001)


async def test_each_fill_is_told_once_whatever_comes_again(world: World) -> None:
    await world.execution.start()
    await world.send(("TRADE", "1", "a", "1"), ("TRADE", "1", "a", "1"), ("TRADE", "1", "b", "1"))
    await world.send(("TRADE", "1", "a", "1"), ("TRADE", "2", "a", "1"), ("CANCELED", "1", "", "0"))
    await eventually(lambda: len(world.reports) == 4)
    assert world.trades() == [("1", "a"), ("1", "b"), ("2", "a")]


async def test_the_memory_of_fills_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantai.exchanges.private_stream._MAX_FILLS", 2)
    await world.execution.start()
    await world.send(*[("TRADE", "1", trade, "1") for trade in "abca"])
    await eventually(lambda: len(world.reports) == 4)
    assert len(world.stream._fills) == 2


@pytest.mark.parametrize(
    "frame",
    ["no json", '[["TRADE", "1", "a", "NaN"]]', '[["TRADE", "1", "a", "1e99"]]', '[["TRADE", "1", "", "1"]]', "[1]"],
)
async def test_a_frame_that_cannot_be_read_is_a_loss_and_stops_nothing(world: World, frame: str) -> None:
    await world.execution.start()
    await world.server.sockets[0].send(frame)
    await eventually(lambda: world.states[1:])
    assert world.states[1] == (True, "a frame that cannot be read")  # so the account is compared
    assert world.reports == []
    await world.send(("TRADE", "1", "a", "1"))
    await eventually(lambda: world.reports)
    assert world.stream.link.counts["malformed"] == 1


async def test_half_a_frame_is_never_told(world: World) -> None:
    await world.execution.start()
    await world.send(("TRADE", "1", "a", "1"), ("NONSENSE", "1", "b", "1"))
    await eventually(lambda: world.states[1:])
    assert world.reports == []
    await world.send(("TRADE", "1", "a", "1"))  # it was not taken for known
    await eventually(lambda: world.trades() == [("1", "a")])


async def test_a_fill_that_could_not_be_taken_is_told_when_it_comes_again(world: World) -> None:
    await world.execution.start()
    failing = [RuntimeError("the books are closed")]

    def sink(report: ExecutionReport) -> None:
        if failing:
            raise failing.pop()
        world.reports.append(report)

    world.stream._on_report = sink
    await world.send(("TRADE", "1", "a", "1"), ("TRADE", "1", "b", "1"))
    await eventually(lambda: world.states[1:])
    assert world.states[1] == (True, "a frame that could not be taken")
    await world.send(("TRADE", "1", "a", "1"), ("TRADE", "1", "b", "1"))
    await eventually(lambda: world.trades() == [("1", "a"), ("1", "b")])


async def test_a_venue_that_answers_no_requests_takes_no_orders_though_its_stream_stands(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.execution.start()
    monkeypatch.setattr(type(world.core.http), "is_broken", True)
    assert not world.execution.health().is_connected


async def test_a_stream_that_breaks_is_down(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.execution.start()

    async def broken() -> None:
        raise RuntimeError("odd")

    task = asyncio.create_task(broken())
    await asyncio.wait({task})
    world.stream._on_over(task)
    assert world.states[-1] == (False, "it broke")
    assert "the private stream of venue broke" in caplog.text


def test_without_keys_nobody_trades() -> None:
    async def now() -> int:
        return 0

    core = VenueCore.of(ExchangeContext("venue", clock=SimulatedClock(1)), Dialect(), [CONNECTS], now)
    with pytest.raises(StartupError, match=r"cannot trade without keys: set exchanges\.venue\.api_key"):
        Execution(core)
