"""The connector: what it asks for, what it tells when connections fall, what it makes good. No network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from typing import Any, cast

import msgspec
import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.errors import StartupError
from quantai.events import (
    BarEvent,
    DisconnectedEvent,
    Event,
    GapEvent,
    MarketEvent,
    OpenInterestEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    RawFrameEvent,
    StaleEvent,
    TradeEvent,
)
from quantai.exchanges import streaming
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.history import BinanceHistory
from quantai.exchanges.binance.market_data import BinanceMarketData, recorded_decoder
from quantai.exchanges.binance.product import SPOT, USDM
from quantai.exchanges.binance.streams import MarketDataSettings
from quantai.exchanges.errors import OutcomeUnknown
from quantai.exchanges.history import BarPage
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.websocket.raw import RawTap
from tests.exchanges.binance.frames import NOW_NS, depth, trade

PAIRS = [("BTC/USDT", "BTCUSDT"), ("ETH/USDT", "ETHUSDT")]
BOOK = {"lastUpdateId": 10, "bids": [["99", "1"]], "asks": [["101", "1"]]}


class FakePool:
    """Stands for all connections; a test says what they do."""

    made: FakePool

    def __init__(self, dialect: object, **wiring: Any) -> None:
        self.on_frame: Callable[[bytes, int], None] = wiring["on_frame"]
        self.on_streams: Callable[[Collection[str], bool, str, int], None] = wiring["on_streams"]
        self.on_connection: Callable[[str, bool, str], None] = wiring["on_connection"]
        self.desired: frozenset[str] = frozenset()
        self.stopped = asyncio.Event()
        self.connects = True
        FakePool.made = self

    def set_desired(self, streams: Iterable[str]) -> None:
        self.desired = frozenset(streams)

    async def run(self) -> None:
        if self.connects:
            self.on_connection("streams-1", True, "connected")
            self.on_streams(sorted(self.desired), True, "subscribed", 0)
        await self.stopped.wait()

    async def stop(self) -> None:
        self.stopped.set()

    def fall(self, since_ns: int, streams: Collection[str] | None = None) -> None:
        if streams is None:
            self.on_connection("streams-1", False, "cut")
        self.on_streams(sorted(streams or self.desired), False, "cut", since_ns)

    def rise(self, since_ns: int) -> None:
        self.on_connection("streams-1", True, "connected")
        self.on_streams(sorted(self.desired), True, "subscribed", since_ns)


class FakeHttp:
    """Answers as a test says, by the end of the path."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"depth": BOOK}
        self.requests: list[HttpRequest] = []

    async def call(self, request: HttpRequest, type_: Any) -> Any:
        self.requests.append(request)
        answer = self.answers.get(request.path.rpartition("/")[2])
        if answer is None:
            raise OutcomeUnknown("no answer")
        return msgspec.json.decode(json.dumps(answer).encode(), type=type_)


class World:
    """A connector, its venue, and what came of it."""

    def __init__(self, *, is_futures: bool = False, **settings: Any) -> None:
        self.clock = SimulatedClock(NOW_NS)
        self.http = FakeHttp()
        self.events: list[MarketEvent] = []
        self.told: list[Event] = []
        self.mapper = InstrumentMapper("binance", PAIRS)
        product = USDM if is_futures else SPOT
        core = BinanceCore(
            venue="binance",
            product=product,
            hosts=next(iter(product.hosts.values())),
            clock=self.clock,
            limiter=RateLimiter(self.clock, product.rules),
            http=cast(Any, self.http),
            venue_clock=cast(Any, None),
            mapper=self.mapper,
            publish=self.told.append,
        )
        context = ExchangeContext("binance", clock=self.clock, publish=self.told.append)
        raw = RawTap("binance", self.told.append, lambda topic: topic.startswith("raw.frame"))
        self.connector = BinanceMarketData(core, context, MarketDataSettings(**settings), raw=raw)

    @property
    def pool(self) -> FakePool:
        return FakePool.made

    async def start(self, *kinds: str, symbols: Iterable[str] = ("BTC/USDT",)) -> None:
        topics = [f"market.{kind}.binance.{symbol}" for kind in kinds for symbol in symbols]
        await self.connector.start(topics, self.events.append)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: int) -> None:
        end_ns = self.clock.now_ns() + seconds * NS_PER_SECOND
        while self.clock.next_due_ns <= end_ns:
            self.clock.fire_next()
            await self.settle()
        self.clock.set_time(end_ns)

    def frames(self, *frames: bytes) -> None:
        for frame in frames:
            self.clock.set_time(self.clock.now_ns() + 1)
            self.pool.on_frame(frame, self.clock.now_ns())

    def rows(self) -> list[GapEvent]:
        return [event for event in self.told if isinstance(event, GapEvent)]

    def asked(self) -> list[str]:
        return [request.path.rpartition("/")[2] for request in self.http.requests]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "StreamPool", FakePool)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.connector.stop()


async def test_a_book_is_published_when_its_snapshot_came(world: World) -> None:
    await world.start("book", "book_delta")
    world.frames(depth(11, 12, [["99.5", "1"]]))
    assert [type(event) for event in world.events] == [OrderBookSnapshotEvent, OrderBookDeltaEvent]
    (request,) = world.http.requests
    assert request.params == {"symbol": "BTCUSDT", "limit": "500"}
    assert request.costs["REQUEST_WEIGHT_1M"] == 25


async def test_a_gap_in_a_book_asks_for_that_snapshot_again(world: World) -> None:
    await world.start("book", "book_delta", symbols=("BTC/USDT", "ETH/USDT"))
    world.http.answers["depth"] = {**BOOK, "lastUpdateId": 30}
    world.frames(depth(11, 12), depth(20, 25))
    await world.settle()
    assert [request.params["symbol"] for request in world.http.requests] == ["BTCUSDT", "ETHUSDT", "BTCUSDT"]
    assert {row.symbol for row in world.rows()} == {"BTC/USDT"}
    world.frames(depth(31, 31))
    assert isinstance(world.events[-1], OrderBookDeltaEvent)


async def test_a_cut_is_told_and_books_begin_anew(world: World) -> None:
    await world.start("book", "book_delta")
    world.frames(depth(11, 12))
    last_ns = world.clock.now_ns()
    await world.pass_time(5)
    world.pool.fall(last_ns)
    assert isinstance(world.told[-1], DisconnectedEvent)
    world.frames(depth(13, 14))
    events = len(world.events)
    await world.pass_time(5)
    world.http.answers["depth"] = {**BOOK, "lastUpdateId": 50}
    world.pool.rise(last_ns)
    await world.settle()
    first, *_ = world.rows()
    assert (first.start_ns, first.end_ns, first.symbol) == (last_ns, world.clock.now_ns(), "BTC/USDT")
    assert [event.sequence for event in world.events[events:] if isinstance(event, OrderBookSnapshotEvent)] == [50]


async def test_where_one_of_several_connections_falls_its_instruments_are_stale(world: World) -> None:
    await world.start("tick", symbols=("BTC/USDT", "ETH/USDT"))
    world.pool.fall(world.clock.now_ns(), ["ethusdt@bookTicker"])
    assert [event.symbol for event in world.told if isinstance(event, StaleEvent)] == ["ETH/USDT"]
    assert not any(isinstance(event, DisconnectedEvent) for event in world.told)


async def test_missed_trades_are_fetched_where_their_ids_tell_which(world: World) -> None:
    await world.start("trade")
    world.frames(trade(1))
    world.pool.fall(world.clock.now_ns())
    world.http.answers["historicalTrades"] = [
        {"id": n, "price": "9", "qty": "1", "time": 5, "isBuyerMaker": True} for n in range(2, 8)
    ]
    world.pool.rise(world.clock.now_ns())
    world.frames(trade(5))
    await world.settle()
    assert [event.trade_id for event in world.events if isinstance(event, TradeEvent)] == ["1", "5", "2", "3", "4"]
    assert world.rows() == []
    assert world.http.requests[0].params["fromId"] == "2"


async def test_trades_that_cannot_be_fetched_are_a_gap_row_that_says_how_many(world: World) -> None:
    await world.start("trade")
    world.frames(trade(1))
    since_ns = world.clock.now_ns()
    world.frames(trade(5))
    await world.settle()
    (row,) = world.rows()
    assert (row.lost, row.start_ns, row.end_ns) == (3, since_ns, since_ns + 1)


async def test_a_venue_that_has_not_the_missed_trades_is_asked_once(world: World) -> None:
    world.http.answers["historicalTrades"] = []
    await world.start("trade")
    world.frames(trade(1), trade(5))
    await world.settle()
    assert (world.asked(), [row.lost for row in world.rows()]) == (["historicalTrades"], [3])


async def test_more_trades_than_are_worth_it_are_not_fetched() -> None:
    world = World(max_missed_trades=10)
    await world.start("trade")
    world.frames(trade(1), trade(13))
    await world.settle()
    assert (world.asked(), [row.lost for row in world.rows()]) == ([], [11])
    await world.connector.stop()


async def test_trade_ids_that_begin_anew_are_a_gap_row(world: World) -> None:
    await world.start("trade")
    world.frames(trade(1_000))
    await world.pass_time(11)
    world.frames(trade(1))
    assert [(row.lost, row.reason) for row in world.rows()] == [(0, "the venue's trade ids began anew")]


async def test_usdm_fetches_aggregate_trades_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(is_futures=True)
    await world.start("trade")
    pages = [[_agg(n) for n in (2, 3)], [_agg(n) for n in (4, 9)]]

    async def call(request: HttpRequest, type_: Any) -> Any:
        world.http.requests.append(request)
        return msgspec.Raw(json.dumps(pages.pop(0)).encode())

    monkeypatch.setattr(world.http, "call", call)
    frame = json.dumps({"stream": "btcusdt@aggTrade", "data": _agg(1)}).encode()
    world.frames(frame, frame.replace(b'"a": 1,', b'"a": 8,'))
    await world.settle()
    assert [request.params["fromId"] for request in world.http.requests] == ["2", "4"]
    assert [event.trade_id for event in world.events if isinstance(event, TradeEvent)] == ["1", "8", "2", "3", "4"]
    assert world.rows() == []  # 5 to 7 are nobody's: the venue went from 4 to 9
    await world.connector.stop()


def _agg(number: int) -> dict[str, Any]:
    return {"a": number, "p": "9", "q": "1", "T": 5, "m": True}


async def test_open_interest_is_asked_for_at_its_pace() -> None:
    world = World(is_futures=True, open_interest_interval_ns=60 * NS_PER_SECOND)
    world.http.answers["openInterest"] = {"symbol": "BTCUSDT", "openInterest": "5", "time": 7}
    await world.start("open_interest", symbols=("BTC/USDT", "ETH/USDT"))
    await world.pass_time(121)
    assert world.asked() == ["openInterest"] * 5
    assert sum(isinstance(event, OpenInterestEvent) for event in world.events) == 5
    del world.http.answers["openInterest"]
    await world.pass_time(61)
    assert len(world.asked()) == 7
    await world.connector.stop()


async def test_an_answer_that_makes_no_sense_is_asked_for_again(world: World) -> None:
    world.http.answers["depth"] = {"lastUpdateId": 10, "bids": [["nan", "1"]], "asks": []}
    await world.start("book")
    assert world.connector.book_counts.failed_requests == 1
    world.http.answers["depth"] = BOOK
    await world.pass_time(2)
    assert len(world.events) == 1


@pytest.mark.parametrize(("wanted", "limit"), [(5, "50"), (200, "500"), (5_000, "1000")])
async def test_usdm_is_asked_for_numbers_of_levels_that_it_takes(wanted: int, limit: str) -> None:
    world = World(is_futures=True, book_depth=wanted, book_speed="250ms")
    await world.start("book")
    assert [request.params["limit"] for request in world.http.requests] == [limit]
    assert len(world.events) == 1
    await world.connector.stop()


async def test_an_instrument_that_is_no_longer_listed_stops_nothing(world: World) -> None:
    await world.start("trade", "book")
    world.frames(depth(11, 12), trade(1))
    world.mapper.replace([])
    world.frames(depth(14, 15), trade(5))
    await world.settle()
    running = asyncio.create_task(world.connector.run())
    await world.settle()
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    assert {row.reason for row in world.rows()} == {"an order book update is missing", "trades are missing"}


async def test_recorded_frames_give_the_same_events_again(world: World) -> None:
    await world.start("book", "book_delta", "trade")
    world.frames(depth(11, 12, [["99.5", "2"]]), trade(1))
    recorded = [event for event in world.told if isinstance(event, RawFrameEvent)]
    again: list[MarketEvent] = []
    unified = InstrumentMapper("binance", PAIRS).to_unified
    decoder = recorded_decoder("binance", again.append, unified, SPOT)
    for event in recorded:
        decoder.decode(event.frame.encode(), event.ts_init)
    assert again == world.events[:1]
    decoder.decode(depth(11, 12, [["99.5", "2"]]), world.events[1].ts_init)
    assert again == world.events[:2]


async def test_what_was_down_at_the_end_is_told() -> None:
    world = World()
    await world.start("tick", "trade")
    world.pool.fall(NOW_NS)
    await world.connector.stop()
    assert [(row.symbol, row.reason) for row in world.rows()] == [("BTC/USDT", "stopped while nothing came")]


async def test_a_venue_that_does_not_answer_is_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_START_TIMEOUT_S", 0)
    monkeypatch.setattr(FakePool, "run", lambda self: self.stopped.wait())
    with pytest.raises(StartupError, match="no stream came"):
        await World().start("tick")


async def test_it_streams_until_it_is_cancelled(world: World) -> None:
    await world.start("tick")
    running = asyncio.create_task(world.connector.run())
    await world.settle()
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})


async def test_what_ends_the_connections_ends_the_stream(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(self: FakePool) -> None:
        self.on_streams(sorted(self.desired), True, "subscribed", 0)
        raise RuntimeError("broken")

    monkeypatch.setattr(FakePool, "run", run)
    await world.start("tick")
    with pytest.raises(RuntimeError, match="broken"):
        await world.connector.run()


async def test_bars_of_the_past_are_those_of_the_history(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = BarEvent("binance", "BTC/USDT", 2, 2, 1, 1.0, 1.0, 1.0, 1.0, 1.0)

    async def pages(*asked: object) -> AsyncIterator[BarPage]:
        assert asked[1:] == ("BTC/USDT", 1, 0, 3)
        yield BarPage([bar], 2)
        yield BarPage([bar], 3)

    monkeypatch.setattr(BinanceHistory, "download_bars", pages)
    assert await world.connector.get_historical("BTC/USDT", 1, 0, 3) == [bar, bar]
