"""A small venue over real sockets on loopback, whose replies a test lists, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.errors import VenueError
from quantai.exchanges.errors import ClockSkew, InsufficientFunds, OutcomeUnknown, RateLimitExceeded
from quantai.exchanges.http import Headers, HttpClient, HttpDialect, HttpRequest, HttpSettings, Wire
from quantai.exchanges.rate_limiter import RateLimiter, RateRule

SECRET = "s3cr3t-signature"
SETTINGS = HttpSettings(delay_ns=0, repeats=2, max_body_bytes=100_000)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Time(msgspec.Struct, rename="camel"):
    server_time: int


class Dialect(HttpDialect):
    """A small venue: statuses and codes as Binance has them."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def sign(self, request: HttpRequest, now_ms: int) -> Wire:
        query = "&".join(f"{name}={value}" for name, value in request.params.items())
        if request.is_signed:
            query += f"&timestamp={now_ms}&signature={SECRET}"
        return Wire(query, headers={"X-KEY": SECRET})

    def error(self, status: int, headers: Headers, body: bytes) -> VenueError:
        if status in (418, 429):
            silence_ns = int(headers.get("retry-after", "0")) * NS_PER_SECOND
            return RateLimitExceeded("too much", retry_after_ns=silence_ns, is_ban=status == 418)
        if status >= 500:
            return OutcomeUnknown(f"status {status}")
        if body == b"skew":
            return ClockSkew("skew", "-1021")
        if body == b"orders":
            return RateLimitExceeded("too many orders", "-1015", limits=("orders",))
        return InsufficientFunds("no money", "-2010")

    def learn(self, headers: Headers, limiter: RateLimiter, sent_ns: int) -> None:
        if used := headers.get("X-Used"):
            limiter.learn("weight", int(used), sent_ns)


class World:
    """A server whose replies are a list, and a client of it."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(90 * NS_PER_SECOND)
        rules = [RateRule("weight", 100, 60 * NS_PER_SECOND), RateRule("orders", 10, 60 * NS_PER_SECOND)]
        self.limiter = RateLimiter(self.clock, rules, reserve=0)
        self.asked: list[web.Request] = []
        self.replies: list[Handler] = []
        self.skews = 0
        self.is_over = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self.server = TestServer(app)

    async def start(self, base_url: str = "", **settings: Any) -> None:
        if not base_url:
            await self.server.start_server(shutdown_timeout=0.1)
        self.client = HttpClient(
            Dialect(base_url or str(self.server.make_url("")).rstrip("/")),
            self.limiter,
            self.clock,
            settings=replace(SETTINGS, **settings),
            now_ms=lambda: 1_700_000_000_000,
            on_clock_skew=self._resync,
        )
        await self.client.start()

    async def close(self) -> None:
        self.is_over.set()
        await self.client.close()
        await self.server.close()

    async def _resync(self) -> None:
        self.skews += 1

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.replies.pop(0)(request)

    def will(self, *replies: Handler) -> None:
        self.replies += replies

    async def get(self, **more: Any) -> int:
        request = HttpRequest(method="GET", path="/time", costs={"weight": 1}, **more)
        return (await self.client.call(request, Time)).server_time

    async def send(self, method: str = "POST", **more: Any) -> int:
        request = HttpRequest(method=method, path="/order", costs={"weight": 1}, is_signed=True, **more)
        return (await self.client.call(request, Time)).server_time


def says(text: str = '{"serverTime": 7}', status: int = 200, **headers: str) -> Handler:
    async def reply(request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return reply


async def cuts(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cuts_in_the_body(request: web.Request) -> web.StreamResponse:
    reply = web.StreamResponse(headers={"Content-Length": "100"})
    await reply.prepare(request)
    await reply.write(b'{"serverTime"')
    return await cuts(request)


def stays_silent(world: World) -> Handler:
    async def reply(request: web.Request) -> web.Response:
        await world.is_over.wait()
        return web.Response()

    return reply
