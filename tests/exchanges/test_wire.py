"""Numbers that make no sense never get past the door."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from quantai.core.errors import NumberError
from quantai.exchanges.wire import Id, Levels, Ms, NotNegative, Positive, check_numbers, ts_ns


class Message(msgspec.Struct):
    price: Positive = 1.0
    size: NotNegative = 0.0
    at: Ms = 0
    id: Id = 0
    levels: Levels = ()


_decode = msgspec.json.Decoder(Message, strict=False).decode


def test_what_venues_send_is_read_exactly() -> None:
    message = _decode(b'{"price": "0.1", "size": "0", "at": 1790000000000, "id": "7", "levels": [["1.5", "0.00"]]}')
    assert (message.price, message.size, message.at, message.id, message.levels) == (
        0.1, 0.0, 1_790_000_000_000, 7, ((1.5, 0.0),),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ['"price": "0"', '"price": "-1"', '"price": "nan"', '"price": "inf"', '"price": "1e16"', '"price": null',
     '"price": ""', '"price": true', '"size": "-0.1"', '"size": "NaN"', '"size": "-Infinity"', '"at": -1',
     '"at": 9000000000001', '"at": 1.5', '"id": -1', '"id": 9223372036854775808', '"levels": [["1"]]',
     '"levels": [["0", "1"]]', '"levels": [["1", "-1"]]', '"levels": [["1", "1", "1"]]', '"levels": {}'],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        _decode(f"{{{text}}}".encode())


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity", "1e40", "-1e40"])
def test_decimals_that_cannot_be_counted_with_are_refused(number: str) -> None:
    with pytest.raises(NumberError, match="the venue sent the number"):
        check_numbers(Decimal(1), Decimal(number))


def test_decimals_that_can_be_pass() -> None:
    check_numbers()
    check_numbers(Decimal(0), Decimal("-12.5"), Decimal("1e-18"))


def test_times_are_nanoseconds() -> None:
    assert ts_ns(1_790_000_000_123) == 1_790_000_000_123_000_000


@pytest.mark.parametrize("ts_ms", [0, -1, 9_000_000_000_001, 10**30])
def test_a_time_that_is_none_is_refused(ts_ms: int) -> None:
    with pytest.raises(NumberError, match="the venue sent the time"):
        ts_ns(ts_ms)
