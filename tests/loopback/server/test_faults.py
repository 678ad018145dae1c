"""Faults happen when they are told to, once each, and leave the engine's truth as it is."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.core.errors import ConfigError
from quantai.loopback.server.fault_plan import FaultPlan
from quantai.loopback.server.faults import Fault, FaultBoard, FaultKind
from quantai.loopback.server.venue import LoopbackVenue
from tests.venues.running import Client, running_venue, until

_START_NS = 1_780_000_000_000_000_000
_ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "64000",
}


async def _place(client: Client) -> tuple[int, Any]:
    return await client.ask("POST", "/api/v3/order", signed=True, **_ORDER)


def _open(venue: LoopbackVenue) -> int:
    return len(venue.engine.accounts["main"].open_orders["BTC/USDT"])


@pytest.mark.parametrize(("kind", "orders"), [(FaultKind.ERROR_BEFORE, 0), (FaultKind.ERROR_AFTER, 1)])
async def test_an_error_may_come_before_or_after_the_order_was_taken(kind: FaultKind, orders: int) -> None:
    async with running_venue() as venue, Client(venue) as client:
        venue.faults.inject(Fault(kind, match="POST /api/v3/order", status=504))
        assert (await client.ask("GET", "/api/v3/ping"))[0] == 200
        status, body = await _place(client)
        assert (status, body["code"], _open(venue)) == (504, -1007, orders)
        assert (await _place(client))[0] == 200


@pytest.mark.parametrize(("kind", "orders"), [(FaultKind.HANG_UP_BEFORE, 0), (FaultKind.HANG_UP_AFTER, 1)])
async def test_a_connection_may_be_cut_before_or_after_the_order_was_taken(kind: FaultKind, orders: int) -> None:
    async with running_venue() as venue, Client(venue) as client:
        venue.faults.inject(Fault(kind, match="POST"))
        with pytest.raises(aiohttp.ClientError):
            await _place(client)
        assert _open(venue) == orders


async def test_limits_bans_garbage_and_late_answers() -> None:
    clock = SimulatedClock(_START_NS)
    async with running_venue(clock=clock) as venue, Client(venue) as client:
        venue.faults.inject(Fault(FaultKind.RATE_LIMIT, match="GET", seconds=7))
        assert (await client.ask("GET", "/api/v3/ping"))[0] == 429
        assert client.headers["Retry-After"] == "7"
        venue.faults.inject(Fault(FaultKind.BAN, seconds=90))
        assert (await client.ask("GET", "/api/v3/ping"))[0] == 418
        for kind in (FaultKind.GARBAGE, FaultKind.TRUNCATE):
            venue.faults.inject(Fault(kind, match="/time"))
            with pytest.raises(ValueError, match="Expecting|Unterminated|delimiter"):
                await client.ask("GET", "/api/v3/time")
        venue.faults.inject(Fault(FaultKind.DELAY, match="/time", seconds=5))
        late = asyncio.ensure_future(client.ask("GET", "/api/v3/time"))
        await until(lambda: venue.faults.counts[FaultKind.DELAY] == 1)
        assert not late.done()
        clock.advance_to(_START_NS + 6 * 10**9)
        assert (await late)[0] == 200


async def test_the_venues_clock_may_be_wrong_and_the_venue_closed() -> None:
    async with running_venue() as venue, Client(venue) as client:
        venue.faults.inject(Fault(FaultKind.CLOCK_SKEW, seconds=30))
        assert (await _place(client))[1]["code"] == -1021
        venue.faults.inject(Fault(FaultKind.MAINTENANCE))
        assert (await client.ask("GET", "/api/v3/ping"))[0] == 503
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with client.socket("/ws"):
                pass
        venue.clear_faults()
        venue.faults.inject(Fault(FaultKind.REJECT_ORDERS, count=2))
        assert [(await _place(client))[0] for _ in range(3)] == [400, 400, 200]


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (FaultKind.DROP, [0, 2, 3, 4]),
        (FaultKind.DUPLICATE, [0, 1, 1, 2]),
        (FaultKind.REORDER, [0, 2, 1, 3]),
    ],
)
async def test_frames_are_lost_doubled_and_swapped(kind: FaultKind, numbers: list[int]) -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws") as socket:
        venue.faults.inject(Fault(kind, match="control", after=1))
        for number in range(5):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert [(await socket.receive_json())["id"] for _ in range(4)] == numbers
        assert venue.faults.counts[kind] == 1


async def test_a_frame_that_comes_late_waits_for_the_next_of_its_kind_or_the_end() -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws/btcusdt@trade") as socket:
        market = venue.engine.markets["BTC/USDT"]

        async def answered() -> Any:
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            return await socket.receive_json()

        def trade(price: int) -> None:
            venue.engine.take(market, Side.BUY, Decimal(price), Decimal(1))

        await answered()
        venue.faults.inject(Fault(FaultKind.REORDER, match="@trade"))
        trade(65_001)
        assert (await answered())["id"] == 1  # of another kind
        trade(65_002)
        assert [(await socket.receive_json())["p"] for _ in range(2)] == ["65002.00000000", "65001.00000000"]
        venue.faults.inject(Fault(FaultKind.REORDER, match="@trade"))
        trade(65_003)
        venue.dialect.disconnect_all(0.0)
        late = [json.loads(message.data) async for message in socket]
        assert [frame["p"] for frame in late if "p" in frame] == ["65003.00000000"]


async def test_frames_are_truncated_and_garbage_comes_between() -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws") as socket:
        for kind in (FaultKind.TRUNCATE, FaultKind.GARBAGE):
            venue.faults.inject(Fault(kind))
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            with pytest.raises(msgspec.DecodeError):
                msgspec.json.decode(await socket.receive_str())
        assert (await socket.receive_json())["id"] == 1


async def test_a_stalled_stream_comes_all_at_once() -> None:
    clock = SimulatedClock(_START_NS)
    async with running_venue(clock=clock) as venue, Client(venue) as client, client.socket("/ws") as socket:
        venue.faults.inject(Fault(FaultKind.STALL, seconds=5))
        for number in range(3):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        await client.ask("GET", "/api/v3/ping")
        await until(lambda: venue.faults.counts[FaultKind.STALL] == 1)
        clock.advance_to(_START_NS + 5 * 10**9)
        assert [(await socket.receive_json())["id"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("after", [0, 1])
async def test_connections_are_cut_at_once_or_after_some_frames(after: int) -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws/btcusdt@trade") as socket:
        await until(lambda: venue.counts["connects"] == 1)
        venue.faults.inject(Fault(FaultKind.CUT, match="" if after else "btcusdt", after=after))
        for number in range(after + 1 if after else 0):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        kinds = [(await socket.receive()).type for _ in range(after + 1)]
        assert kinds[:after] == [WSMsgType.TEXT] * after
        assert kinds[-1] in (WSMsgType.CLOSED, WSMsgType.ERROR)


async def test_faults_are_asked_for_over_http() -> None:
    async with running_venue() as venue, Client(venue) as client:
        fault = {"kind": "error_after", "match": "POST", "count": 2}
        assert await client.control("POST", "faults", fault) == (200, {"ok": True})
        assert (await _place(client))[0] == 503
        assert (await client.control("DELETE", "faults"))[0] == 200
        assert (await _place(client))[0] == 200
        for wrong in ({"kind": "earthquake"}, {"kind": "cut", "count": 0}, {"kind": "cut", "more": 1}):
            status, body = await client.control("POST", "faults", wrong)
            assert (status, body["error"][:11]) == (400, "not a fault")
        _, state = await client.control("GET", "state")
        assert state["faults"] == {"error_after": 1}
        _, accounts = await client.control("GET", "accounts")
        assert len(accounts["main"]["open_orders"]) == 2
        assert accounts["main"]["balances"]["USDT"] == {"free": "98720", "locked": "1280"}
        assert (await client.control("POST", "deposit", {"asset": "USDT", "amount": "NaN"}))[0] == 400
        assert (await client.control("POST", "deposit", {"asset": "USDT", "amount": "1", "account": "x"}))[0] == 404


def test_a_plan_draws_the_same_faults_from_the_same_seed() -> None:
    def drawn(seed: int) -> list[Fault]:
        clock, faults = SimulatedClock(), list[Fault]()
        board = FaultBoard(faults.append)
        plan = FaultPlan(board, clock, seed=seed, mean_seconds=10)
        plan.start()
        clock.advance_to(600 * 10**9)
        plan.stop()
        clock.advance_to(1_200 * 10**9)
        return faults + [pending.fault for pending in board.frames + board.replies]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < len(drawn(1)) < 90


@pytest.mark.parametrize("change", [{"count": 0}, {"after": -1}, {"status": 200}, {"seconds": 1e9}])
def test_faults_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Fault(FaultKind.CUT, **change)
