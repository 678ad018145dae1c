"""How streams are asked for, and which of them have what the topics want."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quantai.core.errors import StartupError, UnknownInstrument
from quantai.exchanges.binance.dialect import BinanceStreamDialect
from quantai.exchanges.binance.product import COINM, SPOT, USDM
from quantai.exchanges.binance.streams import FUTURES_CHANNELS, SPOT_CHANNELS, MarketDataSettings, Wanted, wanted
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.websocket.dialect import Answer
from tests.exchanges.binance.frames import combined, quote, trade

MAPPER = InstrumentMapper("binance", [("BTC/USDT", "BTCUSDT"), ("币安人生/USDT", "币安人生USDT")])


def spot() -> BinanceStreamDialect:
    return BinanceStreamDialect(SPOT, "wss://spot:9443")


def usdm() -> BinanceStreamDialect:
    return BinanceStreamDialect(USDM, "wss://usdm")


def want(*kinds: str, is_futures: bool = False, symbol: str = "BTC/USDT", **settings: Any) -> Wanted:
    topics = [f"market.{kind}.binance.{symbol}" for kind in kinds]
    return wanted("binance", topics, MAPPER, MarketDataSettings(**settings), is_futures=is_futures)


@pytest.mark.parametrize(
    ("stream", "route"),
    [
        ("btcusdt@depth@100ms", "public"),
        ("btcusdt@depth5", "public"),
        ("btcusdt@bookTicker", "public"),
        ("btcusdt@aggTrade", "market"),
        ("btcusdt@kline_1m", "market"),
        ("btcusdt@markPrice@1s", "market"),
        ("btcusdt@forceOrder", "market"),
        ("!contractInfo", "market"),
    ],
)
def test_usdm_has_two_kinds_of_connections_and_spot_one(stream: str, route: str) -> None:
    assert usdm().route(stream) == route
    assert usdm().url(route) == f"wss://usdm/{route}/stream"
    assert spot().route(stream) == ""
    assert spot().url("") == "wss://spot:9443/stream"


def test_coinm_has_one_kind_of_connections() -> None:
    coinm = BinanceStreamDialect(COINM, "wss://coinm")
    assert {coinm.route(stream) for stream in ("btcusd_perp@depth@100ms", "btcusd_perp@aggTrade")} == {""}
    assert coinm.url("") == "wss://coinm/stream"
    assert coinm.limits == usdm().limits


def test_requests_name_the_streams_and_an_id() -> None:
    assert json.loads(spot().subscribe(["币安人生usdt@trade"], 3)) == {
        "method": "SUBSCRIBE",
        "params": ["币安人生usdt@trade"],
        "id": 3,
    }
    assert json.loads(spot().unsubscribe(["a", "b"], 4))["method"] == "UNSUBSCRIBE"


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b'{"result":null,"id":1}', Answer(1)),
        (b'{"id": 1, "result": null}', Answer(1)),
        (b'{"code":2,"msg":"Invalid request","id":7}', Answer(7, False, "2: Invalid request")),
        (b'{"error":{"code":3,"msg":"Invalid JSON"},"id":8}', Answer(8, False, "3: Invalid JSON")),
        (b'{"error":{"code":3,"msg":"Invalid JSON"}}', Answer(-1, False, "3: Invalid JSON")),
        (trade(1), None),
        (b'{"e":"trade","s":"BTCUSDT"}', None),
        (b'{"id":"garbage', None),
        (b"\xff\xfe", None),
    ],
)
def test_answers_are_told_from_data(frame: bytes, answer: Answer | None) -> None:
    assert spot().answer(frame) == answer


def test_the_stream_of_a_frame_is_in_its_first_bytes() -> None:
    assert spot().stream_of(quote(1)) == b"btcusdt@bookTicker"
    assert spot().stream_of(b'{"e":"trade"}') is None


@pytest.mark.parametrize(
    "frame", [b'{"e":"serverShutdown","E":1}', combined("!serverShutdown", {"e": "serverShutdown", "E": 1})]
)
def test_a_server_that_shuts_down_says_so(frame: bytes) -> None:
    assert spot().stream_of(frame) is None
    assert spot().shutdown(frame)
    assert not spot().shutdown(trade(1))


def test_limits_leave_room_for_pongs() -> None:
    assert (spot().limits.messages, usdm().limits.messages) == (4, 9)
    assert spot().limits.streams_per_link == 1024


def test_mark_prices_may_not_be_silent() -> None:
    assert usdm().silence_ns("btcusdt@markPrice@1s") > 0
    assert usdm().silence_ns("btcusdt@depth@100ms") == 0


def test_topics_become_streams() -> None:
    found = want("trade", "tick", "book", "book_delta", "bar", bar_intervals=("1m", "1h"))
    assert set(found.streams) == {
        "btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@kline_1m", "btcusdt@kline_1h",
    }  # fmt: skip
    assert set(found.streams.values()) == found.books == {"BTC/USDT"}


def test_usdm_topics_become_streams_and_questions() -> None:
    found = want("trade", "mark_price", "funding_rate", "liquidation", "status", "open_interest", is_futures=True)
    assert set(found.streams) == {
        "btcusdt@aggTrade", "btcusdt@markPrice@1s", "btcusdt@forceOrder", "!contractInfo",
    }  # fmt: skip
    assert found.open_interest == {"BTC/USDT"}


def test_every_channel_has_something() -> None:
    for kind in FUTURES_CHANNELS:
        found = want(kind, is_futures=True)
        assert found.streams or found.open_interest
    for kind in SPOT_CHANNELS:
        assert want(kind).streams


def test_books_without_updates_can_come_whole() -> None:
    assert set(want("book", partial_depth=20).streams) == {"btcusdt@depth20@100ms"}
    assert set(want("book", "book_delta", partial_depth=20).streams) == {"btcusdt@depth@100ms"}


def test_the_usual_pace_of_books_has_no_name() -> None:
    assert set(want("book", book_speed="1000ms").streams) == {"btcusdt@depth"}
    assert set(want("book", book_speed="250ms", is_futures=True).streams) == {"btcusdt@depth"}
    assert set(want("book", book_speed="500ms", is_futures=True).streams) == {"btcusdt@depth@500ms"}
    with pytest.raises(StartupError, match="book_speed"):
        want("book", book_speed="250ms")


def test_symbols_need_not_be_ascii() -> None:
    assert set(want("trade", symbol="币安人生/USDT").streams) == {"币安人生usdt@trade"}


def test_what_the_venue_does_not_have_is_refused() -> None:
    with pytest.raises(StartupError, match="mark_price"):
        want("mark_price")
    with pytest.raises(StartupError, match="7m"):
        want("bar", bar_intervals=("7m",))
    with pytest.raises(StartupError, match="partial_depth"):
        want("book", partial_depth=7)
    with pytest.raises(UnknownInstrument):
        want("trade", symbol="DOGE/USDT")
