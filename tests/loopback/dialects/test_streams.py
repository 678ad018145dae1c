"""WebSocket streams: books that can be followed, routes, subscriptions, limits, ends."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from quantai.core.enums import Side
from quantai.loopback.clock import ScaledClock
from quantai.loopback.dialects import BinanceSpotDialect
from quantai.loopback.server.venue import LoopbackVenue
from tests.venues.running import Client, running_venue, until


def _lively(**more: Any) -> dict[str, Any]:
    """A market that moves, ten times as fast as the wall."""
    return {"source_of": None, "clock": ScaledClock(10)} | more


def _apply(side: dict[Decimal, Decimal], levels: list[list[str]]) -> None:
    for price, quantity in levels:
        side[Decimal(price)] = Decimal(quantity)
        if not side[Decimal(price)]:
            del side[Decimal(price)]


@pytest.mark.parametrize("dialect", ["binance", "binance_usdm"])
async def test_differences_follow_a_snapshot_to_the_venues_own_book(dialect: str) -> None:
    is_futures = dialect == "binance_usdm"
    path, api = ("/public/ws/btcusdt@depth@100ms", "/fapi/v1") if is_futures else ("/ws/btcusdt@depth@100ms", "/api/v3")
    async with running_venue(dialect, **_lively()) as venue, Client(venue) as client, client.socket(path) as socket:
        frames = [await socket.receive_json()]
        _, book = await client.ask("GET", f"{api}/depth", symbol="BTCUSDT", limit=1000)
        last_id = book["lastUpdateId"]
        sides = {name: {Decimal(p): Decimal(q) for p, q in book[f"{name}s"]} for name in ("bid", "ask")}
        frames += [await socket.receive_json() for _ in range(6)]
        for before, frame in pairwise(frames):
            assert frame["pu"] == before["u"] if is_futures else frame["U"] == before["u"] + 1
        fresh = [frame for frame in frames if frame["u"] >= last_id + (not is_futures)]
        assert fresh[0]["U"] <= last_id + (not is_futures) <= fresh[0]["u"]
        venue.feed.is_paused = True
        market = next(iter(venue.engine.markets.values()))
        while frames[-1]["u"] < market.book.update_id:
            frames.append(await socket.receive_json())
            fresh.append(frames[-1])
        for frame in fresh:
            _apply(sides["bid"], frame["b"])
            _apply(sides["ask"], frame["a"])
        assert sides["bid"] == dict(market.book.quotes(Side.BUY))
        assert sides["ask"] == dict(market.book.quotes(Side.SELL))


async def test_streams_of_another_class_are_acknowledged_and_silent() -> None:
    async with running_venue("binance_usdm", **_lively()) as venue, Client(venue) as client:
        for path in ("/public/ws", "/ws"):
            async with client.socket(path) as socket:
                await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 1})
                assert await socket.receive_json() == {"result": None, "id": 1}
                await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 2})
                frames = [await socket.receive_json() for _ in range(8)]
                assert {frame.get("e") for frame in frames if "id" not in frame} == {"bookTicker"}
                await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
                listed = await client.until(socket, lambda frame: frame.get("id") == 3)
                assert listed["result"] == ["btcusdt@aggTrade", "btcusdt@bookTicker"]
        async with client.socket("/market/stream?streams=btcusdt@aggTrade/btcusdt@markPrice@1s") as socket:
            kinds: set[str] = set()
            while kinds != {"aggTrade", "markPriceUpdate"}:
                kinds.add((await socket.receive_json())["data"]["e"])


async def test_subscriptions_change_and_nonsense_is_answered() -> None:
    async with running_venue(**_lively()) as venue, Client(venue) as client, client.socket("/stream") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@bookTicker"], "id": 1})
        assert (await socket.receive_json())["id"] == 1
        frame = await client.until(socket, lambda frame: frame.get("stream") == "ethusdt@bookTicker")
        assert "e" not in frame["data"]
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["ethusdt@bookTicker"], "id": 2})
        await client.until(socket, lambda frame: frame.get("id") == 2)
        await socket.send_json({"method": "SUBSCRIBE", "params": [7], "id": 3})
        assert (await client.until(socket, lambda frame: frame.get("id") == 3))["code"] == 2
        await socket.send_str("{")
        assert (await client.until(socket, lambda frame: "code" in frame))["code"] == 3


async def test_every_kind_of_market_stream_comes() -> None:
    kinds = ("trade", "aggTrade", "kline_1s", "miniTicker", "ticker", "bookTicker", "depth@100ms", "depth5@100ms")
    streams = [f"btcusdt@{kind}" for kind in kinds]
    async with running_venue(**_lively(history_ns=60 * 10**9)) as venue, Client(venue) as client:
        async with client.socket(f"/stream?streams={'/'.join(streams)}&timeUnit=MICROSECOND") as socket:
            seen: dict[str, Any] = {}
            while len(seen) < len(streams):
                frame = await socket.receive_json()
                seen[frame["stream"]] = frame["data"]
        assert len(seen["btcusdt@depth5@100ms"]["bids"]) == 5
        assert seen["btcusdt@kline_1s"]["k"]["i"] == "1s"
        assert seen["btcusdt@trade"]["E"] > 10**15


async def test_too_many_messages_end_the_connection() -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws") as socket:
        for number in range(6):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
        assert venue.counts["message_floods"] == 1


async def test_a_client_that_does_not_read_is_cut() -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws/btcusdt@trade") as socket:
        dialect = venue.dialect
        assert isinstance(dialect, BinanceSpotDialect)
        await until(lambda: dialect.streams.hub.is_wanted("btcusdt@trade"))
        while not venue.counts["slow_clients"]:
            dialect.streams.hub.publish("btcusdt@trade", lambda time: {})
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass


async def test_connections_end_when_they_are_old_or_there_are_too_many() -> None:
    async with running_venue(max_age_ns=50_000_000) as venue, Client(venue) as client:
        async with client.socket("/ws") as socket:
            assert (await socket.receive_json())["e"] == "serverShutdown"
            assert (await socket.receive()).type is WSMsgType.CLOSE
        venue.usage.add("CONNECTS", "127.0.0.1", 300)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with client.socket("/ws"):
                pass
        assert refused.value.status == 429


async def test_spot_tells_before_the_daily_disconnect() -> None:
    async with (
        running_venue() as venue,
        Client(venue) as client,
        client.socket("/stream") as combined,
        client.socket("/ws") as raw,
        client.socket("/ws-api/v3") as api,
    ):
        await until(lambda: venue.counts["connects"] == 3)
        venue.dialect.disconnect_all(0.0)
        assert (await combined.receive_json())["stream"] == "!serverShutdown"
        assert (await raw.receive_json())["e"] == "serverShutdown"
        assert (await api.receive_json())["event"]["e"] == "serverShutdown"
        for socket in (combined, raw, api):
            assert (await socket.receive()).type is WSMsgType.CLOSE


async def _order(venue: LoopbackVenue, client: Client, **changes: str) -> Any:
    api = "/fapi/v1" if venue.dialect.name == "binance_usdm" else "/api/v3"
    facts = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "64000",
    }
    return (await client.ask("POST", f"{api}/order", signed=True, **(facts | changes)))[1]


async def test_a_listen_key_gets_the_private_events_until_it_expires() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        _, made = await client.ask("POST", "/fapi/v1/listenKey")
        key = made["listenKey"]
        assert (await client.ask("POST", "/fapi/v1/listenKey"))[1]["listenKey"] == key
        async with client.socket(f"/private/ws?listenKey={key}") as socket:
            await until(lambda: venue.counts["private_streams"] == 1)
            placed = await _order(venue, client)
            event = await socket.receive_json()
            assert (event["e"], event["o"]["x"], event["o"]["i"]) == ("ORDER_TRADE_UPDATE", "NEW", placed["orderId"])
            await _order(venue, client, price="65001.0", timeInForce="IOC")
            kinds = [(await socket.receive_json())["e"] for _ in range(4)]
            assert kinds == ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
            venue.dialect.expire_keys()
            assert (await socket.receive_json())["e"] == "listenKeyExpired"
        assert (await client.ask("PUT", "/fapi/v1/listenKey"))[1]["code"] == -1125
        assert (await client.ask("POST", "/fapi/v1/listenKey"))[1]["listenKey"] != key


async def test_a_private_stream_may_ask_for_some_events() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        _, made = await client.ask("POST", "/fapi/v1/listenKey")
        path = f"/private/stream?listenKey={made['listenKey']}&events=ACCOUNT_UPDATE"
        async with client.socket(path) as socket:
            await until(lambda: venue.counts["private_streams"] == 1)
            await _order(venue, client, price="65001.0")
            frame = await socket.receive_json()
            assert (frame["stream"], frame["data"]["e"]) == (made["listenKey"], "ACCOUNT_UPDATE")
            assert frame["data"]["a"]["P"][0]["pa"] == "0.01"
