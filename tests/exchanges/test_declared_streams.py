"""Streams by a table: bound by their names, trades that did not come fetched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.errors import StartupError, UnknownInstrument, VenueError
from quantai.events import Event, GapEvent, MarketEvent
from quantai.exchanges.core import VenueCore
from quantai.exchanges.declared_streams import DeclaredDecoder, DeclaredMarketData
from quantai.exchanges.errors import MalformedReply, OutcomeUnknown
from quantai.exchanges.http import HttpClient
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.stream_handlers import Handler, Output, TradeHandler
from quantai.exchanges.venue_clock import VenueClock
from quantai.exchanges.websocket.dialect import Answer, StreamDialect, StreamLimits

PAIRS = [("BTC/USDT", "BTCUSDT"), ("ETH/USDT", "ETHUSDT")]


class Trade(msgspec.Struct):
    id: int


class Trades(TradeHandler):
    stream, message, past = "{}@trades", Trade, list[Trade]

    def emit(self, trade: Trade, ts_ns: int) -> None:
        if trade.id == 13:
            raise ZeroDivisionError
        self._sink(cast(MarketEvent, (self._symbol, trade.id)))


class Quotes(Handler):
    stream, message = "best:{}", int

    def handle(self, frame: bytes, ts_ns: int) -> None:
        self._sink(cast(MarketEvent, (self._symbol, self._decode(frame).data)))


class Dialect(StreamDialect):
    limits = StreamLimits(streams_per_link=10)

    def url(self, route: str) -> str:
        return "ws://127.0.0.1:1"

    def subscribe(self, streams: Sequence[str], id: int) -> str:
        return ""

    unsubscribe = subscribe

    def answer(self, frame: bytes) -> Answer | None:
        return None


class ToyMarketData(DeclaredMarketData):
    handlers = {"trade": Trades, "tick": Quotes}
    max_missed_trades = 5

    def past_trades(self, venue_symbol: str, from_id: int) -> HttpRequest:
        return HttpRequest(method="GET", path=f"/{venue_symbol}/{from_id}")


class World:
    def __init__(self, kind: type[DeclaredMarketData] = ToyMarketData) -> None:
        self.clock = SimulatedClock(100)
        self.given: list[Any] = []
        self.told: list[Event] = []
        self.answers: dict[str, Any] = {}

        async def now() -> int:
            return self.clock.now_ns()

        core = VenueCore(
            venue="toy", clock=self.clock, limiter=RateLimiter(self.clock, []), http=cast(HttpClient, self),
            venue_clock=VenueClock(self.clock, now), mapper=InstrumentMapper("toy", PAIRS), publish=self.told.append,
        )  # fmt: skip
        self.market = kind(core, Dialect())
        self.decoder = self.market._decoder = self.market.make_decoder(frozenset(), self.given.append)

    async def call(self, request: HttpRequest, type_: Any) -> Any:
        answer = self.answers.get(request.path, OutcomeUnknown("cut"))
        if isinstance(answer, Exception):
            raise answer
        return msgspec.json.decode(json.dumps(answer).encode(), type=type_)

    def take(self, stream: str, data: Any) -> None:
        self.decoder.decode(json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode(), 0)

    async def fill(self) -> None:
        """Every hole that is waiting."""
        while self.market.missed._waiting:
            await self.market.missed._fill(self.market.missed._waiting.popleft())

    def gaps(self) -> list[tuple[str, int]]:
        return [(each.symbol, each.lost) for each in self.told if isinstance(each, GapEvent)]


def test_topics_are_streams_by_the_table() -> None:
    topics = frozenset({"market.trade.toy.BTC/USDT", "market.tick.toy.ETH/USDT"})
    assert World().market.streams_of(topics) == {"BTCUSDT@trades": "BTC/USDT", "best:ETHUSDT": "ETH/USDT"}


def test_a_topic_or_a_symbol_that_the_venue_does_not_have_is_refused() -> None:
    market = World().market
    with pytest.raises(StartupError, match="has no market.book"):
        market.streams_of(frozenset({"market.book.toy.BTC/USDT"}))
    with pytest.raises(UnknownInstrument, match="BTC/USDT"):
        market.streams_of(frozenset({"market.trade.toy.BTC/USD"}))


def test_each_stream_has_its_own_handler_and_frames_in_another_form_are_read_too() -> None:
    world = World()
    world.take("BTCUSDT@trades", {"id": 5})
    world.take("ETHUSDT@trades", {"id": 5})
    world.take("best:BTCUSDT", 7)
    world.take("BTCUSDT@trades", {"id": 5})
    world.decoder.decode(b'{"data": {"id": 6}, "stream": "BTCUSDT@trades"}', 0)
    assert world.given == [("BTC/USDT", 5), ("ETH/USDT", 5), ("BTC/USDT", 7), ("BTC/USDT", 6)]
    assert world.decoder.unknown == 0


def test_a_name_that_two_kinds_could_have_is_that_of_the_one_that_knows_its_symbol() -> None:
    class Deep(Quotes):
        stream = "best:{}:deep"

    given: list[Any] = []
    decoder = DeclaredDecoder(Output("toy", given.append), {"BTCUSDT": "BTC/USDT"}.get, [Quotes, Deep])
    decoder.decode(b'{"stream":"best:BTCUSDT:deep","data":5}', 0)
    assert given == [("BTC/USDT", 5)]


def test_streams_that_nobody_asked_for_are_counted() -> None:
    world = World()
    for stream in ("DOGEUSDT@trades", "depth:BTCUSDT", "", "past best:BTCUSDT", "past depth:BTCUSDT"):
        world.take(stream, 1)
    assert world.decoder.unknown == 5
    assert world.given == []


@pytest.mark.parametrize("frame", [b"", b"[]", b'{"stream":7}', b'{"data":1}', b"\xff"])
def test_what_is_no_frame_of_a_stream_is_raised(frame: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        World().decoder.decode(frame, 0)


async def test_trades_that_did_not_come_are_fetched_page_by_page() -> None:
    world = World()
    world.take("BTCUSDT@trades", {"id": 5})
    world.take("BTCUSDT@trades", {"id": 10})
    world.answers = {"/BTCUSDT/6": [{"id": 6}, {"id": 7}], "/BTCUSDT/8": [{"id": 8}, {"id": 9}, {"id": 10}]}
    await world.fill()
    assert [id_ for _, id_ in world.given] == [5, 10, 6, 7, 8, 9]
    assert (world.market.missed.filled, world.gaps()) == (1, [])


@pytest.mark.parametrize("answer", [OutcomeUnknown("cut"), [], {"no": "list"}, [{"id": "x"}], [{"id": 13}]])
async def test_what_cannot_be_fetched_is_a_gap(answer: Any) -> None:
    world = World()
    world.take("BTCUSDT@trades", {"id": 11})
    world.take("BTCUSDT@trades", {"id": 15})
    world.answers = {"/BTCUSDT/12": answer}
    await world.fill()
    assert world.market.missed.filled == 0
    assert len(world.gaps()) == 1


async def test_more_than_may_be_fetched_is_a_gap_and_so_is_all_where_nothing_can_be() -> None:
    world = World()
    world.take("BTCUSDT@trades", {"id": 1})
    world.take("BTCUSDT@trades", {"id": 8})
    assert world.gaps() == [("BTC/USDT", 6)]

    class WithoutPast(ToyMarketData):
        max_missed_trades = 0

    world = World(WithoutPast)
    world.take("BTCUSDT@trades", {"id": 1})
    world.take("BTCUSDT@trades", {"id": 3})
    assert world.gaps() == [("BTC/USDT", 1)]


async def test_a_venue_that_says_not_how_to_ask_for_old_trades_has_gaps() -> None:
    class Forgetful(ToyMarketData):
        past_trades = DeclaredMarketData.past_trades

    world = World(Forgetful)
    world.take("BTCUSDT@trades", {"id": 1})
    world.take("BTCUSDT@trades", {"id": 3})
    await world.fill()
    assert world.gaps() == [("BTC/USDT", 1)]


async def test_what_is_waiting_at_the_end_is_a_gap() -> None:
    world = World()
    world.take("BTCUSDT@trades", {"id": 1})
    world.take("BTCUSDT@trades", {"id": 3})
    await world.market.stop()
    assert world.gaps() == [("BTC/USDT", 1)]


async def test_an_instrument_that_is_no_longer_listed_is_asked_for_in_vain() -> None:
    with pytest.raises(VenueError, match="lists no"):
        await World().market._fetch_trades("DOGE/USDT", 1)


async def test_an_answer_that_breaks_the_handler_is_malformed() -> None:
    world = World()
    world.take("BTCUSDT@trades", {"id": 11})
    world.take("BTCUSDT@trades", {"id": 15})
    world.answers = {"/BTCUSDT/12": [{"id": 13}]}
    with pytest.raises(MalformedReply):
        await world.market._fetch_trades("BTC/USDT", 12)


def test_only_numbered_streams_tell_what_was_missed_and_only_after_the_first_trade() -> None:
    world = World()
    assert not world.market.tells_missing("BTCUSDT@trades", "BTC/USDT")
    world.take("BTCUSDT@trades", {"id": 5})
    world.take("best:BTCUSDT", 5)
    assert world.market.tells_missing("BTCUSDT@trades", "BTC/USDT")
    assert not world.market.tells_missing("best:BTCUSDT", "BTC/USDT")


def test_recorded_frames_are_read_without_a_venue() -> None:
    given: list[Any] = []
    decoder = ToyMarketData.decoder(Output("toy", given.append), {theirs: ours for ours, theirs in PAIRS}.get)
    decoder.decode(b'{"stream":"BTCUSDT@trades","data":{"id":5}}', 0)
    decoder.decode(b'{"stream":"BTCUSDT@trades","data":{"id":7}}', 0)
    decoder.decode(b'{"stream":"past BTCUSDT@trades","data":[{"id":6}]}', 0)
    assert [id_ for _, id_ in given] == [5, 7, 6]
