"""Every file of Binance among the captures is read, and nothing in it is dropped; long streams are in `test_captures`.

A file that nobody takes apart, a request that is neither asked nor known as one that never is, and an answer of which a
row is lost: each fails here.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

import quantai.exchanges.binance
from quantai.core.clock import SimulatedClock
from quantai.core.errors import VenueError
from quantai.events import OrderBookSnapshotEvent
from quantai.exchanges.binance.decoder import SNAPSHOT, rest_frame
from quantai.exchanges.binance.dialect import BinanceStreamDialect
from quantai.exchanges.binance.error_codes import error_of_reply
from quantai.exchanges.binance.exchange import _ServerTime
from quantai.exchanges.binance.history import AggTrade, _Kline
from quantai.exchanges.binance.listing import ExchangeInfo, read_listings
from quantai.exchanges.binance.messages import OpenInterest, PastTrade
from quantai.exchanges.binance.private_events import PrivateEvents
from quantai.exchanges.binance.private_messages import NO_EVENT, SpotFrame
from quantai.exchanges.binance.product import COINM, SPOT, USDM
from quantai.exchanges.binance.rest_messages import (
    ListenKey,
    OrderAck,
    RestAlgo,
    RestOrder,
    SpotAccount,
    SpotFill,
    UsdmBalance,
    UsdmFill,
    UsdmPosition,
)
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.websocket.dialect import Answer
from tests.exchanges.binance import captured
from tests.exchanges.binance.captured import CAPTURES, FRAME, PRIVATE, SOCKET, Message, messages, name_of
from tests.exchanges.binance.frames import World

ASKED: dict[str, Any] = {
    "GET aggTrades": list[AggTrade], "GET historicalTrades": list[PastTrade], "GET klines": list[_Kline],
    "GET openInterest": OpenInterest, "GET time": _ServerTime,
    "GET account": SpotAccount, "GET balance": list[UsdmBalance], "GET positionRisk": list[UsdmPosition],
    "GET algoOrder": RestAlgo, "GET openOrders": list[RestOrder], "GET order": RestOrder,
    "GET myTrades": list[SpotFill], "GET userTrades": list[UsdmFill],
    "POST algoOrder": OrderAck, "POST order": OrderAck, "PUT order": OrderAck,
    "PUT batchOrders": list[OrderAck], "DELETE batchOrders": list[OrderAck], "DELETE order": OrderAck,
    "PUT order/amend/keepPriority": OrderAck, "POST listenKey": ListenKey,
    "DELETE algoOpenOrders": Any, "DELETE openOrders": Any, "POST countdownCancelAll": Any,
    "DELETE listenKey": Any, "PUT listenKey": Any,
}  # fmt: skip
"""What is asked for, and what the answer is read as; of the last ones only whether it is an error."""
AS_FRAMES = {"GET historicalTrades", "GET openInterest"}
"""Answers that go the way of the streams, whose numbers are read from texts."""

NEVER = {
    "/fapi/v2/account", "/fapi/v3/account", "/futures/data/", "/sapi/", "/wapi/", "accountConfig", "adlQuantile",
    "allOrderList", "allOrders", "avgPrice", "commissionRate", "constituents", "continuousKlines", "forceOrders",
    "fundingInfo", "fundingRate", "indexInfo", "indexPriceKlines", "insuranceBalance", "leverage", "marginType",
    "markPriceKlines", "multiAssetsMargin", "openOrder", "order/asyn", "order/test", "orderAmendment", "orderList",
    "orderList/oco", "orderList/otoco", "ping", "positionMargin/history", "premiumIndex", "referencePrice",
    "referencePrice/calculation", "ticker", "ticker/24hr", "ticker/bookTicker", "ticker/price", "ticker/tradingDay",
    "trade/asyn", "trade/asyn/id", "trades", "userDataStream",
}  # fmt: skip
"""What nobody asks for: names below a product, whole paths, and how such begin."""

STATISTICS = {"24hrTicker", "24hrMiniTicker", "1hTicker", "continuous_kline"}
"""Streams that are no event of ours: nobody asks for them."""
DAMAGED_AT_THE_SOURCE = {
    "binance/rest/gct_http_mock.json.gz": ('"": false', 4),  # aggregate trades whose `m` lost its name: which side?
    "binance/ws_public_docs/jkorf/Spot_ExchangeData_Concurrent.json": ('"k": { "t": 123400000 }', 2),  # bars, begun
    "binance_usdm/ws_public_docs/jkorf/UsdFutures_Concurrent.json": ('"k": { "t": 123400000 }', 2),
}
"""What tells such messages, and how many there are: each must be refused."""

FILES = [path for path in sorted(CAPTURES.glob("binance*/**/*")) if path.is_file() and path.parent.name != "ws_public"]


@cache
def source() -> str:
    """Of the connector."""
    folder = Path(quantai.exchanges.binance.__file__).parent
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.py")))


def read(message: Message) -> None:
    """As the connector reads it. Raises for what it does not understand, and where a row is lost."""
    if message.what == FRAME:
        read_frame(message)
    elif message.what == PRIVATE:
        read_private(message)
    elif message.what == SOCKET:
        read_socket(message)
    else:
        read_answer(message)


def read_frame(message: Message) -> None:
    world = World(is_futures=message.product.is_futures, section=message.product.section, unified=str)
    frame = json.loads(message.text)
    data = frame.get("data", frame)
    kind = data.get("e", "bookTicker")
    events = world.feed(message.text.encode())
    made = {"markPriceUpdate": 2, "depthUpdate": 0}.get(kind, 1)  # a change of a book that waits for its snapshot
    if kind in STATISTICS or (kind == "kline" and not data["k"]["x"]):
        made = 0
    assert len(events) == made
    assert world.counts.unknown == (kind in STATISTICS)
    if kind == "depthUpdate":
        assert len(list(world.books)) == 1


def read_private(message: Message) -> None:
    told: list[object] = []
    events = PrivateEvents(InstrumentMapper("v", []), SimulatedClock(0), told.append, told.append, told.append)
    events.take(message.text.encode())
    assert events.counts["lost"] == 0
    kind = json.loads(message.text)["e"]
    assert events.counts["passed_over"] == (kind == "outboundAccountPosition")  # balances follow from the fills
    assert told or kind in ("outboundAccountPosition", "ACCOUNT_UPDATE", "listStatus")


def read_socket(message: Message) -> None:
    """Streams answer without a status, the API for requests with one."""
    raw = json.loads(message.text)
    if "status" not in raw:
        assert BinanceStreamDialect(message.product, "wss://v").answer(message.text.encode()) == Answer(1)
        return
    frame = msgspec.json.decode(message.text, type=SpotFrame)
    assert (frame.status, str(frame.id), frame.error, frame.event) == (200, str(raw["id"]), None, NO_EVENT)


def read_answer(message: Message) -> None:
    product, raw = message.product, json.loads(message.text)
    if isinstance(raw, dict) and isinstance(raw.get("code"), int) and raw["code"] != 200:
        error = error_of_reply(400, {}, message.text.encode(), is_futures=product.is_futures)
        assert isinstance(error, VenueError)
        assert raw["msg"].rstrip(".") in str(error)
    elif message.what == "GET depth":
        read_depth(message)
    elif message.what == "GET exchangeInfo":
        read_exchange_info(message)
    elif message.what in ASKED:
        rows = msgspec.json.decode(message.text, type=ASKED[message.what], strict=message.what not in AS_FRAMES)
        assert not isinstance(raw, list) or len(rows) == len(raw)
    else:
        name = message.what.partition(" ")[2]
        assert any(name == never or (never.endswith("/") and name.startswith(never)) for never in NEVER), message.what


def read_depth(message: Message) -> None:
    raw = json.loads(message.text)
    world = World(is_futures=message.product.is_futures, unified=str, book_depth=5_000)
    [book] = world.feed(rest_frame("SYMBOL", SNAPSHOT, message.text.encode()))
    assert isinstance(book, OrderBookSnapshotEvent)
    assert book.sequence == raw["lastUpdateId"]
    assert [[float(number) for number in level[:2]] for level in raw["bids"]] == [list(level) for level in book.bids]
    assert [[float(number) for number in level[:2]] for level in raw["asks"]] == [list(level) for level in book.asks]


def read_exchange_info(message: Message) -> None:
    info = msgspec.json.decode(message.text, type=ExchangeInfo)
    listings, bad = read_listings(info, "v", message.product)
    raw = json.loads(message.text)["symbols"]
    unusable = [row["symbol"] for row in raw if not row.get("contractType", "PERPETUAL") or len(row["filters"]) < 2]
    assert len(listings) == len(raw) - len(unusable)
    assert [line.partition(" ")[0] for line in bad] == unusable  # not yet a contract, or an example without its filters


def test_every_message_of_every_file_is_read() -> None:
    for path in FILES:
        name = name_of(path)
        mark, count = DAMAGED_AT_THE_SOURCE.get(name, ("", 0))
        damaged = [message for message in messages(path) if mark and mark in message.text]
        assert len(damaged) == count
        for message in damaged:
            with pytest.raises(msgspec.ValidationError, match="missing required field"):
                read(message)
        good = [message for message in messages(path) if message not in damaged]
        assert good, f"{name} is empty"
        for message in good:
            try:
                read(message)
            except Exception as error:
                error.add_note(f"{name}: {message.what}: {message.text[:200]}")
                raise


def test_the_files_have_something_of_every_kind() -> None:
    """So that nothing above passes because nothing was found."""
    if not FILES:
        return
    kinds = Counter(message.what for path in FILES for message in messages(path))
    there = {"GET depth", "GET exchangeInfo", "GET klines", "GET aggTrades", "GET myTrades", "POST order"}
    assert there | {FRAME, PRIVATE, SOCKET} <= set(kinds)
    assert {message.product.name for path in FILES for message in messages(path)} == {"spot", "usdm", "coinm"}


def test_what_is_never_asked_for_is_not_in_the_connector() -> None:
    assert [name for name in sorted(NEVER) if f'"{name}"' in source()] == []
    assert '"klines"' in source()


def test_what_is_expected_of_long_streams_is_expected_of_those_that_are_there() -> None:
    streams = {name_of(path) for path in CAPTURES.glob("binance*/ws_public/*")}
    if streams:
        expected = json.loads((CAPTURES / "expected.json").read_text())
        assert {name for name in expected if name.startswith("binance")} == streams


BARS = '[[0,"1","2","0.5","1","700",59999,"7.5",3,"1","1","0"]]'
DEPTH = '{"lastUpdateId":5,"bids":[["99","1"]],"asks":[["101","2"]]}'


@pytest.mark.parametrize(
    "message",
    [
        Message(COINM, "GET klines", BARS), Message(COINM, "GET depth", DEPTH), Message(SPOT, "GET depth", DEPTH),
        Message(USDM, "GET klines", '{"code":-4088,"msg":"Maximum time interval is 200 days."}'),
        Message(SPOT, "GET /sapi/v1/account/status", "{}"), Message(SPOT, SOCKET, '{"result":null,"id":1}'),
        Message(SPOT, SOCKET, '{"id":"1","status":200,"result":{}}'),
        Message(SPOT, PRIVATE, '{"e":"balanceUpdate","a":"BTC","d":"1","T":1}'),
        Message(COINM, FRAME, '{"e":"trade","s":"BTCUSD_PERP","t":1,"p":"9","q":"4","T":1,"m":true}'),
    ],
)  # fmt: skip
def test_good_messages_are_read(message: Message) -> None:
    read(message)


@pytest.mark.parametrize(
    "message",
    [
        Message(COINM, "GET klines", BARS.replace('"700"', "700")), Message(COINM, "GET openOrderz", "[]"),
        Message(SPOT, "GET depth", DEPTH.replace('"2"', '"NaN"')), Message(SPOT, SOCKET, '{"result":null,"id":2}'),
        Message(SPOT, SOCKET, '{"id":"1","status":400,"error":{"code":-1,"msg":""}}'),
        Message(SPOT, PRIVATE, '{"e":"somethingNew"}'), Message(SPOT, PRIVATE, '{"e":"executionReport","s":"A"}'),
        Message(SPOT, FRAME, '{"e":"somethingNew","s":"BTCUSDT"}'),
    ],
)  # fmt: skip
def test_a_message_of_which_something_is_lost_is_told(message: Message) -> None:
    with pytest.raises((AssertionError, msgspec.DecodeError)):
        read(message)


def test_a_file_that_nobody_takes_apart_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "CAPTURES", tmp_path)
    path = tmp_path / "binance_coinm" / "strange.json"
    path.parent.mkdir()
    path.write_text("{}")
    with pytest.raises(LookupError, match="taken apart by nothing"):
        messages(path)
