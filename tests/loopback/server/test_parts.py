"""Clock, keys, usage, sockets and the feed of loopback venues."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest
from aiohttp import WSMsgType
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from quantai.core.clock import SimulatedClock
from quantai.core.errors import ConfigError, StartupError
from quantai.loopback.clock import ScaledClock
from quantai.loopback.dialects import BinanceSpotDialect, BinanceUsdmDialect
from quantai.loopback.feed import ScriptedSource
from quantai.loopback.server.keys import ApiKey
from quantai.loopback.server.usage import MessageMeter, Usage, UsageRule
from quantai.loopback.server.venue import LoopbackVenue
from tests.venues.running import Client, running_venue, until, venue_in_thread, venue_settings

_START_NS = 1_780_000_000_000_000_000


async def test_a_scaled_clock_runs_faster_and_fires_its_timers() -> None:
    wall = SimulatedClock(1_000)
    clock = ScaledClock(60, wall=wall)
    wall.advance_to(2_000)
    assert clock.now_ns() == 1_000 + 60_000
    fired: list[int] = []
    real = ScaledClock(1_000)
    real.call_later(10 * 10**9, fired.append)
    await until(lambda: bool(fired))
    assert real.now_ns() >= fired[0]
    with pytest.raises(ConfigError):
        ScaledClock(0)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_signatures_of_each_kind_of_key_are_checked() -> None:
    payload = (
        b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
        b"&recvWindow=5000&timestamp=1499827319559"
    )
    shared = ApiKey("k", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")
    assert shared.verify(payload, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71")
    private = rsa.generate_private_key(65_537, 1_024)
    key = ApiKey("k", _pem(private))
    signature = base64.b64encode(private.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode()
    assert key.verify(payload, signature)
    assert not key.verify(payload + b"0", signature)
    assert not key.verify(payload, "no base64")
    assert "PRIVATE" not in repr(key)
    for wrong in (_pem(ec.generate_private_key(ec.SECP256R1())), "-----BEGIN PRIVATE KEY-----\nx\n"):
        with pytest.raises(ConfigError):
            ApiKey("k", wrong)


def test_usage_windows_begin_on_the_clocks_boundary() -> None:
    clock = SimulatedClock(59 * 10**9)
    usage = Usage(clock, (UsageRule("W", 10, 60 * 10**9),))
    usage.add("W", "a", 10)
    over = usage.check("W", "a", 1)
    assert over is not None
    assert (over.retry_after_ns, over.is_ban) == (10**9, False)
    assert usage.check("W", "b", 10) is None
    clock.advance_to(60 * 10**9)
    assert usage.check("W", "a", 10) is None


def test_a_message_meter_counts_any_second() -> None:
    clock = SimulatedClock(0)
    meter = MessageMeter(clock, 5, 10**9)
    assert not any(meter.is_over() for _ in range(5))
    clock.advance_to(10**9)
    assert not meter.is_over()
    assert [meter.is_over() for _ in range(6)][-1]


async def test_a_client_that_does_not_answer_pings_is_cut() -> None:
    clock = SimulatedClock(_START_NS)
    async with running_venue(clock=clock) as venue, Client(venue) as client:
        socket = await client.socket("/ws")
        await until(lambda: venue.counts["connects"] == 1)
        for minute in range(1, 4):
            clock.advance_to(_START_NS + minute * 40 * 10**9)
        assert (await socket.receive()).type in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE)
        await socket.close()


async def test_a_client_that_answers_pings_stays() -> None:
    clock = SimulatedClock(_START_NS)
    async with running_venue(clock=clock) as venue, Client(venue) as client, client.socket("/ws") as socket:
        await until(lambda: venue.counts["connects"] == 1)
        for step in range(1, 8):
            clock.advance_to(_START_NS + step * 20 * 10**9)
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": step})
            assert (await socket.receive_json())["id"] == step
        assert clock.now_ns() - _START_NS > 60 * 10**9


async def test_a_port_that_is_taken_and_markets_that_are_not_there_are_refused() -> None:
    async with running_venue() as venue:
        other = LoopbackVenue(BinanceSpotDialect(), venue_settings())
        with pytest.raises(StartupError, match=str(venue.port)):
            await other.start(venue.port)
    for dialect, symbol in (
        (BinanceSpotDialect, "BTC/USDT:USDT"),
        (BinanceUsdmDialect, "BTC/USDT:BTC"),
        (BinanceSpotDialect, "B"),
    ):
        with pytest.raises(ConfigError):
            LoopbackVenue(dialect(), venue_settings(prices={symbol: Decimal(1)}))
    with pytest.raises(ConfigError):
        LoopbackVenue(BinanceSpotDialect(), venue_settings(prices={}))
    with pytest.raises(ConfigError):
        ScriptedSource([]).range_ns()


async def test_a_venue_in_a_thread_can_be_asked() -> None:
    with venue_in_thread() as venue:
        async with Client(venue) as client:
            assert await client.ask("GET", "/api/v3/ping") == (200, {})
