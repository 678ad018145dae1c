from __future__ import annotations

import functools
import json
import operator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from quantai import events as exported
from quantai.core.enums import InstrumentStatus, Liquidity, OrderType, Side, TimeInForce
from quantai.events import (
    BarEvent,
    ErrorEvent,
    Event,
    FillEvent,
    MarketEvent,
    OrderBookSnapshotEvent,
    OrderEvent,
    OrderFilledEvent,
    PortfolioValueEvent,
    PositionOpenedEvent,
    StoppedEvent,
    TickEvent,
    TradeEvent,
)
from tests.generators import events

OWN = [cls for cls in Event.concrete() if cls.__module__.startswith("quantai.")]
TRADE = TradeEvent("binance", "BTC/USDT", 1, 2, 100.5, 0.25, Side.BUY, "7")
TRADE_FIELDS = {
    "venue": "binance", "symbol": "BTC/USDT", "ts_event": 1, "ts_init": 2, "price": 100.5, "size": 0.25, "side": "buy",
    "trade_id": "7",
}  # fmt: skip

every_event = st.one_of([events(cls) for cls in OWN])
one_of_each = pytest.mark.parametrize("cls", OWN, ids=lambda cls: cls.__name__)


def test_every_event_is_exported() -> None:
    assert {cls.__name__ for cls in OWN} <= set(exported.__all__)
    assert len({cls.tag() for cls in OWN}) == len(OWN)


@one_of_each
def test_an_event_has_a_topic_of_its_own(cls: type[Event]) -> None:
    family = {MarketEvent: "market.", OrderEvent: "order."}
    for base, prefix in family.items():
        assert cls.topic_prefix.startswith(prefix) == issubclass(cls, base)
    assert cls.topic_prefix not in {other.topic_prefix for other in OWN if other is not cls}
    assert set(cls.topic_fields) <= set(cls.__struct_fields__)
    assert {"ts_event", "ts_init"} <= set(cls.__struct_fields__)


def test_topic_and_reference_name_an_event() -> None:
    assert TRADE.topic == "market.trade.binance.BTC/USDT"
    assert TRADE.reference == "market.trade.binance.BTC/USDT#7@2"
    assert msgspec.structs.replace(TRADE, trade_id="").reference == "market.trade.binance.BTC/USDT@2"
    assert PortfolioValueEvent(1, 3, "USDT", Decimal(1), Decimal(0), Decimal(0)).reference == "portfolio.value@3"
    error = ErrorEvent("ema", 1, 2, "ValueError", "no", TRADE.reference)
    assert error.topic == "system.error.ema"


def test_a_field_that_would_hide_the_topic_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot have a field 'topic'"):

        class Hiding(StoppedEvent, frozen=True, gc=False, tag=True):
            topic: str = ""


@one_of_each
@given(data=st.data())
def test_an_event_cannot_be_changed(cls: type[Event], data: st.DataObject) -> None:
    event = data.draw(events(cls))
    for field in (*cls.__struct_fields__, "other"):
        with pytest.raises(AttributeError):
            setattr(event, field, None)
    assert hash(event) == hash(msgspec.structs.replace(event))


@given(event=every_event)
def test_any_event_survives_msgpack_and_json(event: Event) -> None:
    union: Any = functools.reduce(operator.or_, OWN)
    for codec in (msgspec.msgpack, msgspec.json):
        decoded = codec.decode(codec.encode(event), type=union)
        assert decoded == event
        assert type(decoded) is type(event)


@given(event=every_event)
def test_any_event_survives_pydantic(event: Event) -> None:
    adapter = TypeAdapter(type(event))
    assert adapter.validate_python(event) is event
    assert adapter.validate_python(adapter.dump_python(event)) == event
    assert adapter.validate_json(adapter.dump_json(event)) == event
    every: TypeAdapter[Event] = TypeAdapter(Event)
    assert every.validate_json(every.dump_json(event)) == event


@one_of_each
def test_an_event_has_a_json_schema(cls: type[Event]) -> None:
    schema = TypeAdapter(cls).json_schema()
    assert set(schema["properties"]) == {"type", *cls.__struct_fields__}
    assert schema["additionalProperties"] is False
    assert schema["properties"]["type"]["const"] == cls.__name__
    assert schema["properties"]["ts_init"]["minimum"] == 0
    json.dumps(schema)


def test_an_event_is_a_field_type_of_a_model() -> None:
    class Report(BaseModel):
        trade: TradeEvent
        last: TickEvent | TradeEvent | None = None

    report = Report.model_validate({"trade": TRADE_FIELDS, "last": {"type": "TradeEvent", **TRADE_FIELDS}})
    assert report.trade == report.last == TRADE
    assert Report.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"type": "TickEvent"}, "Input should be 'TradeEvent'"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"price": float("nan")}, "finite number"),
        ({"price": float("inf")}, "finite number"),
        ({"price": "expensive"}, "valid number"),
        ({"price": True}, "must be a number, not a boolean"),
        ({"price": None}, "valid number"),
        ({"size": -0.1}, "greater than or equal to 0"),
        ({"size": float("nan")}, "finite number"),
        ({"side": "up"}, "'buy', 'sell' or 'unknown'"),
        ({"ts_init": -1}, "greater than or equal to 0"),
        ({"ts_init": 2**63}, "less than 9223372036854775808"),
        ({"ts_init": 1.5}, "valid integer"),
        ({"ts_init": False}, "must be a number, not a boolean"),
        ({"venue": 5}, "valid string"),
    ],
)
def test_a_wrong_field_is_refused_with_its_name(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as caught:
        TypeAdapter(TradeEvent).validate_python(TRADE_FIELDS | changes)
    assert [error["loc"][0] for error in caught.value.errors()] == list(changes)


@pytest.mark.parametrize("missing", TRADE_FIELDS)
def test_a_missing_field_is_refused(missing: str) -> None:
    fields = {name: value for name, value in TRADE_FIELDS.items() if name != missing}
    with pytest.raises(ValidationError, match="Field required"):
        TypeAdapter(TradeEvent).validate_python(fields)


def test_fields_with_a_default_may_be_left_out() -> None:
    book = {"venue": "v", "symbol": "A/B", "ts_event": 1, "ts_init": 1, "bids": [[9, 1]], "asks": [(10.5, 0)]}
    assert TypeAdapter(OrderBookSnapshotEvent).validate_python(book) == OrderBookSnapshotEvent(
        "v", "A/B", 1, 1, ((9.0, 1.0),), ((10.5, 0.0),)
    )


@pytest.mark.parametrize("bids", [[[9]], [[9, 1, 2]], [[9, -1]], [[float("nan"), 1]], 9, [9, 1], [[True, 1]]])
def test_wrong_levels_are_refused(bids: Any) -> None:
    book = {"venue": "v", "symbol": "A/B", "ts_event": 1, "ts_init": 1, "bids": bids, "asks": []}
    with pytest.raises(ValidationError):
        TypeAdapter(OrderBookSnapshotEvent).validate_python(book)


def test_money_is_exact_and_finite() -> None:
    fill = OrderFilledEvent(
        "c1", "ema", "binance", "BTC/USDT", 1, 2, "", "t1", Side.BUY, Decimal("100.10"), Decimal("0.3"), Decimal("0.3"),
        Decimal(0), Decimal("-0.01"), "USDT", Liquidity.MAKER,
    )  # fmt: skip
    fields = TypeAdapter(OrderFilledEvent).dump_python(fill)
    assert fields["price"] == "100.10"
    for field, value in (
        ("price", "NaN"), ("price", "Infinity"), ("fee", "nan"), ("quantity", "-1"), ("quantity", True),
        ("leaves_quantity", "-0.1"), ("liquidity", "both"), ("price", "1,5"),
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            TypeAdapter(OrderFilledEvent).validate_python(fields | {field: value})
    position = PositionOpenedEvent("s", "v", "A/B", 1, 1, Decimal(-1), Decimal(5), Decimal(-2), Decimal(-1), "B")
    adapter = TypeAdapter(PositionOpenedEvent)
    assert adapter.validate_python(adapter.dump_python(position)) == position  # short, at a loss, with a rebate


@pytest.mark.parametrize(("interval_ns", "is_valid"), [(0, False), (-1, False), (1, True)])
def test_a_bar_has_a_length(interval_ns: int, is_valid: bool) -> None:
    fields = msgspec.to_builtins(BarEvent("v", "A/B", 1, 1, interval_ns, 1, 1, 1, 1, 0))
    adapter = TypeAdapter(BarEvent)
    if is_valid:
        assert adapter.validate_python(fields).interval_ns == interval_ns
    else:
        with pytest.raises(ValidationError, match="greater than 0"):
            adapter.validate_python(fields)


def test_a_base_class_takes_what_its_type_says() -> None:
    adapter: TypeAdapter[MarketEvent] = TypeAdapter(MarketEvent)
    assert adapter.validate_python({"type": "TradeEvent", **TRADE_FIELDS}) == TRADE
    assert adapter.validate_python(TRADE) is TRADE
    with pytest.raises(ValidationError, match="Unable to extract tag"):
        adapter.validate_python(TRADE_FIELDS)
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        adapter.validate_python({"type": "StoppedEvent", "component": "x", "ts_event": 1, "ts_init": 1})
    fills: TypeAdapter[FillEvent] = TypeAdapter(FillEvent)
    with pytest.raises(ValidationError, match="Unable to extract tag"):
        fills.validate_python(TRADE)


def test_a_class_lists_what_is_made_of_it() -> None:
    assert TradeEvent.concrete()[0] is TradeEvent  # tests of other modules may have declared more
    assert [cls.__name__ for cls in FillEvent.concrete()] == ["OrderPartiallyFilledEvent", "OrderFilledEvent"]
    assert TradeEvent in Event.concrete()
    assert OrderEvent not in Event.concrete()


def test_a_tick_knows_middle_and_spread() -> None:
    tick = TickEvent("v", "A/B", 1, 1, 99.0, 1.0, 101.0, 2.0)
    assert (tick.mid, tick.spread) == (100.0, 2.0)


def test_enums_are_stored_by_value() -> None:
    for enum in (Side, OrderType, TimeInForce, Liquidity, InstrumentStatus):
        for member in enum:
            assert msgspec.json.decode(msgspec.json.encode(member), type=enum) is member
    assert b'"buy"' in msgspec.json.encode(TRADE)
