"""A venue of answers prepared in advance, on loopback, and what talks to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from quantai.core.clock import NS_PER_SECOND, Clock, WallClock
from quantai.events import Event
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.hosts import Hosts
from quantai.exchanges.binance.product import SPOT, USDM, Product
from quantai.exchanges.binance.rest_dialect import BinanceHttpDialect
from quantai.exchanges.execution import ExecutionReport
from quantai.exchanges.http import HttpClient, HttpSettings
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.signing import signer_of
from quantai.exchanges.venue_clock import VenueClock
from quantai.instruments import Instrument

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
DEADLINE_S = 60
TS_MS = 1_700_000_000_000
TS_NS = TS_MS * 1_000_000

Params = dict[str, str]
Answer = Any
"""JSON with status 200; or (status, JSON) or (status, JSON, headers); or `CUT`, or `STALL`."""
CUT, STALL = object(), object()

SPOT_SYMBOLS = (("BTC/USDT", "BTCUSDT"), ("ETH/USDT", "ETHUSDT"))
USDM_SYMBOLS = (("BTC/USDT:USDT", "BTCUSDT"), ("ETH/USDT:USDT", "ETHUSDT"))


def symbol_of(product: Product) -> str:
    return "BTC/USDT:USDT" if product.is_futures else "BTC/USDT"


@dataclass
class FakeRest:
    """Answers each `METHOD path` with what was prepared for it: the next in line, the last for ever."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, Params]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Requests that `STALL` wait for it."""

    def answer(self, where: str, *answers: Answer) -> None:
        self.answers[where] = list(answers)

    def asked(self, where: str) -> list[Params]:
        return [params for each, params in self.requests if each == where]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        where = f"{request.method} {request.path}"
        text = request.query_string + (await request.text())
        params = dict(parse_qsl(text, keep_blank_values=True))
        self.requests.append((where, params))
        self.keys.append(request.headers.get("X-MBX-APIKEY", ""))
        prepared = self.answers.get(where)
        if not prepared:
            return web.json_response({"code": -1, "msg": f"nothing is prepared for {where}"}, status=400)
        answer = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        if callable(answer):
            answer = answer(params)
        if answer is STALL:
            await self.gate.wait()
            answer = CUT
        if answer is CUT:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, body, headers = answer if isinstance(answer, tuple) and len(answer) == 3 else (
            (*answer, {}) if isinstance(answer, tuple) else (200, answer, {})
        )  # fmt: skip
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, status=status, headers=headers, content_type="application/json")


@dataclass
class World:
    """What a test holds."""

    rest: FakeRest
    core: BinanceCore
    context: ExchangeContext
    published: list[Event]
    reports: list[ExecutionReport] = field(default_factory=list)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what the network brings."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.005)

    async def report(self, count: int = 1) -> ExecutionReport:
        """The newest report, once there are `count`."""
        await self.until(lambda: len(self.reports) >= count)
        return self.reports[count - 1]


def instruments(product: Product) -> list[Instrument]:
    pairs = USDM_SYMBOLS if product.is_futures else SPOT_SYMBOLS
    return [
        Instrument(venue="binance", symbol=symbol, tick_size=Decimal("0.01"), lot_size=Decimal("0.001"))
        for symbol, _ in pairs
    ]


def make_core(
    product: Product,
    rest_url: str = "http://127.0.0.1:1",
    ws_url: str = "ws://127.0.0.1:1",
    *,
    clock: Clock | None = None,
    published: list[Event] | None = None,
    has_key: bool = True,
) -> BinanceCore:
    clock = clock or WallClock()
    key = SecretStr(KEY) if has_key else None
    signer = signer_of(SECRET) if has_key else None
    limiter = RateLimiter(clock, product.rules)

    async def now() -> int:
        return clock.now_ns()

    venue_clock = VenueClock(clock, now)
    dialect = BinanceHttpDialect(product, rest_url, key, signer)
    http = HttpClient(
        dialect, limiter, clock, settings=HttpSettings(delay_ns=1), now_ms=venue_clock.now_ms,
        on_clock_skew=venue_clock.resync,
    )  # fmt: skip
    hosts = Hosts(rest=rest_url, public_ws=ws_url, private_ws=ws_url, ws_api=ws_url)
    pairs = USDM_SYMBOLS if product.is_futures else SPOT_SYMBOLS
    return BinanceCore(
        venue="binance", product=product, hosts=hosts, clock=clock, limiter=limiter, http=http, venue_clock=venue_clock,
        mapper=InstrumentMapper("binance", pairs), publish=(published if published is not None else []).append,
        signer=signer, api_key=key,
    )  # fmt: skip


@asynccontextmanager
async def world(
    product: Product, ws_url: str = "ws://127.0.0.1:1", *, clock: Clock | None = None
) -> AsyncIterator[World]:
    """A fake venue, and a core that talks to it."""
    rest = FakeRest()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", rest.handle)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0)
    published: list[Event] = []
    core = make_core(product, str(server.make_url("")).rstrip("/"), ws_url, clock=clock, published=published)
    await core.http.start()
    context = ExchangeContext("binance", instruments(product), publish=published.append)
    try:
        yield World(rest, core, context, published)
    finally:
        rest.gate.set()
        await core.http.close()
        await server.close()


PRODUCTS: Sequence[Product] = (SPOT, USDM)
SECOND_NS = NS_PER_SECOND
