from __future__ import annotations

import math
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import Liquidity, Side
from quantai.events import Event, OrderBookDeltaEvent, OrderFilledEvent, PositionOpenedEvent, StoppedEvent, TradeEvent
from quantai.events.codec import VERSION, CodecError, decode, decode_each, decode_json, encode, encode_json
from tests.generators import events

OWN = [cls for cls in Event.concrete() if cls.__module__.startswith("quantai.")]
TRADE = TradeEvent("binance", "BTC/USDT", 1, 2, -37.63, 0.25, Side.BUY, "é→7")
FILL = OrderFilledEvent(
    "c1", "ema", "binance", "BTC/USDT", 1, 2, "", "t1", Side.BUY, Decimal("100.10"), Decimal("0.3"), Decimal("0.3"),
    Decimal(0), Decimal("-0.01"), "USDT", Liquidity.MAKER,
)  # fmt: skip
BOOK = OrderBookDeltaEvent("v", "A/B", 1, 1, ((9.0, 1.0),), ((10.5, 0.0), (11.0, 2.0)))

FORMATS = {"msgpack": (encode, decode), "JSON": (encode_json, decode_json)}
either = pytest.mark.parametrize(("write", "read"), FORMATS.values(), ids=FORMATS)


def packed(*found: Event, version: int = VERSION, **changes: Any) -> bytes:
    """What `encode` writes, with fields changed in every event."""
    return msgspec.msgpack.encode([version, [{**msgspec.to_builtins(event), **changes} for event in found]])


@pytest.mark.parametrize("cls", OWN, ids=lambda cls: cls.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_events_come_back_as_they_were(cls: type[Event], data: st.DataObject) -> None:
    batch = data.draw(st.lists(events(cls), min_size=1, max_size=3))
    assert decode_json(encode_json(batch)) == batch
    assert decode(encode(batch)) == batch


@either
@given(batch=st.lists(st.one_of([events(cls) for cls in OWN]), max_size=5))
def test_any_mixture_comes_back_in_order(write: Any, read: Any, batch: list[Event]) -> None:
    decoded = read(write(batch))
    assert decoded == batch
    assert [type(event) for event in decoded] == [type(event) for event in batch]
    assert [event.topic for event in decoded] == [event.topic for event in batch]


def test_json_is_readable_and_names_its_version() -> None:
    written = msgspec.json.decode(encode_json([TRADE]))
    assert written["version"] == VERSION
    assert written["events"] == [{"type": "TradeEvent", **msgspec.structs.asdict(TRADE)}]


def test_the_first_version_is_read_as_it_was_written() -> None:
    stored = bytes.fromhex(
        "92019185a474797065ac53746f707065644576656e74a9636f6d706f6e656e74"
        "a17aa874735f6576656e7401a774735f696e697402a6726561736f6ea3627965"
    )
    assert decode(stored) == [StoppedEvent("z", 1, 2, "bye")]
    text = b'{"version":1,"events":[{"type":"StoppedEvent","component":"z","ts_event":1,"ts_init":2}]}'
    assert decode_json(text) == [StoppedEvent("z", 1, 2)]


def test_a_fill_of_before_venues_said_what_it_realized_is_read() -> None:
    fields = {"client_order_id": "o", "strategy": "a", "venue": "v", "symbol": "s", "ts_event": 1, "ts_init": 2,
              "cause": "", "trade_id": "t", "side": "buy", "price": "1", "quantity": "2", "cumulative_quantity": "2",
              "leaves_quantity": "0", "fee": "0.1", "fee_currency": "USDT", "liquidity": "maker"}  # fmt: skip
    text = msgspec.json.encode({"version": 1, "events": [{"type": "OrderFilledEvent", **fields}]})
    [fill] = decode_json(text)
    assert isinstance(fill, OrderFilledEvent)
    assert (fill.fee, fill.realized_pnl) == (Decimal("0.1"), None)


@either
def test_an_event_class_declared_later_is_known(write: Any, read: Any) -> None:
    assert read(write([TRADE])) == [TRADE]
    name = f"Late{write.__name__}Event"
    late: Any = msgspec.defstruct(
        name, [], bases=(StoppedEvent,), frozen=True, gc=False, tag=True, namespace={"topic_prefix": f"test.{name}"}
    )
    assert read(write([late("x", 1, 2)])) == [late("x", 1, 2)]


@either
@given(batch=st.lists(st.sampled_from([TRADE, FILL, BOOK]), min_size=1, max_size=3), data=st.data())
def test_bytes_cut_off_anywhere_are_refused(write: Any, read: Any, batch: list[Event], data: st.DataObject) -> None:
    written = write(batch)
    with pytest.raises(CodecError):
        read(written[: data.draw(st.integers(0, len(written) - 1))])


@given(garbage=st.binary(max_size=60))
def test_garbage_is_refused_or_an_event(garbage: bytes) -> None:
    for read in (decode, decode_json):
        with suppress(CodecError):
            assert all(isinstance(event, Event) for event in read(garbage))


@given(position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_makes_no_other_error(position: int, byte: int) -> None:
    for (write, read), event in zip(FORMATS.values(), (TRADE, FILL), strict=True):
        written = bytearray(write([event, BOOK]))
        written[position % len(written)] = byte
        with suppress(CodecError):
            assert all(isinstance(event, Event) for event in read(bytes(written)))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xc0", msgspec.msgpack.encode({"version": 1}), msgspec.msgpack.encode([1]),
        msgspec.msgpack.encode([1, [], 3]), msgspec.msgpack.encode(["1", []]), msgspec.msgpack.encode([1, [5]]),
        msgspec.msgpack.encode([1, [{"type": "StrangeEvent"}]]), msgspec.msgpack.encode([1, [{}]]), b"{}",
        b"\x91" * 100_000,
    ],
)  # fmt: skip
def test_foreign_bytes_are_refused(data: bytes) -> None:
    for read in (decode, decode_json):
        with pytest.raises(CodecError, match="no events in"):
            read(data)


def test_a_newer_version_asks_for_an_upgrade() -> None:
    with pytest.raises(CodecError, match=r"written in version 2 .* knows 1 and older: upgrade QuantAI"):
        decode(packed(TRADE, version=2, shiny=True))
    with pytest.raises(CodecError, match="upgrade QuantAI"):
        decode_json(b'{"version": 7, "events": {"anything": 1}}')
    with pytest.raises(CodecError, match="no version 0"):
        decode(packed(TRADE, version=0))


@pytest.mark.parametrize(
    ("event", "field", "value"),
    [
        (TRADE, "price", math.nan), (TRADE, "price", math.inf), (TRADE, "price", -math.inf), (TRADE, "price", "1"),
        (TRADE, "price", True), (TRADE, "size", -0.1), (TRADE, "size", math.nan), (TRADE, "side", "up"),
        (TRADE, "ts_init", -1), (TRADE, "ts_init", 2**63), (TRADE, "ts_init", 1.5), (TRADE, "ts_init", False),
        (TRADE, "venue", 5), (TRADE, "colour", "red"), (BOOK, "bids", [[math.nan, 1.0]]), (BOOK, "bids", [[9.0, -1.0]]),
        (BOOK, "bids", [[9.0]]), (BOOK, "sequence", -1), (FILL, "price", "NaN"), (FILL, "price", "-Infinity"),
        (FILL, "quantity", "-1"), (FILL, "quantity", "sNaN"), (FILL, "fee", "nan"), (FILL, "liquidity", "both"),
        (FILL, "price", None), (PositionOpenedEvent, "quantity", "Infinity"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused(event: Any, field: str, value: Any) -> None:
    if event is PositionOpenedEvent:
        event = PositionOpenedEvent("s", "v", "A/B", 1, 1, Decimal(-1), Decimal(5), Decimal(-2), Decimal(-1), "B")
    assert decode(packed(event)) == [event]
    with pytest.raises(CodecError):
        decode(packed(event, **{field: value}))
    (refused,) = decode_each(packed(event, **{field: value}))
    assert isinstance(refused, CodecError)


def test_what_is_wrong_is_named_with_its_place() -> None:
    with pytest.raises(CodecError, match=r"Expected `float` <= .* at `\$\[1\]\.price`"):
        decode(msgspec.msgpack.encode([1, [msgspec.to_builtins(TRADE), msgspec.to_builtins(TRADE) | {"price": 1e999}]]))
    with pytest.raises(CodecError, match=r"OrderFilledEvent\.fee is wrong: Input should be a finite number"):
        decode(packed(FILL, fee="NaN"))


def test_one_bad_event_does_not_spoil_the_others() -> None:
    unknown = {"type": "StrangeEvent", "venue": "x"}
    data = msgspec.msgpack.encode([1, [msgspec.to_builtins(TRADE), unknown, msgspec.to_builtins(FILL), 5]])
    with pytest.raises(CodecError):
        decode(data)
    first, second, third, fourth = decode_each(data)
    assert (first, third) == (TRADE, FILL)
    assert isinstance(second, CodecError)
    assert "StrangeEvent" in str(second)
    assert isinstance(fourth, CodecError)
    with pytest.raises(CodecError, match="no events in"):
        decode_each(b"\xc1")


@either
def test_an_event_that_has_no_place_in_bytes_is_refused(write: Any, read: Any) -> None:
    for field, value in (("trade_id", "\ud800"), ("trade_id", object())):
        with pytest.raises(CodecError, match="cannot be written"):
            write([msgspec.structs.replace(TRADE, **{field: value})])
