"""Lines that ask and lines that answer."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import OrderState, TradingState
from quantai.ops.control.requests import (
    AnyRequest,
    CancelAllRequest,
    CancelRequest,
    ExplainRequest,
    FlattenRequest,
    MalformedRequest,
    OrdersRequest,
    Problem,
    StatusRequest,
    TradingStateRequest,
    decode_answer,
    decode_request,
    encode_answer,
    encode_error,
    encode_request,
)
from quantai.ops.control.views import Canceling

EVERY: list[AnyRequest] = [
    OrdersRequest(strategy="a", venue="b", symbol="c", state=OrderState.NEW, closed=True, limit=1_000),
    ExplainRequest(order_id="x"),
    StatusRequest(),
    TradingStateRequest(state=TradingState.HALTED, strategy="a", reason="b\nc"),
    FlattenRequest(strategy="a", symbol="b"),
    CancelRequest(order_id="x"),
    CancelAllRequest(symbol="b"),
]


@pytest.mark.parametrize("request_", EVERY, ids=lambda each: type(each).__name__)
def test_a_request_is_one_line_and_comes_back_as_it_was(request_: AnyRequest) -> None:
    line = encode_request(request_)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_request(line) == request_


def test_what_a_line_looks_like() -> None:
    assert json.loads(encode_request(StatusRequest())) == {"ask": "status", "version": 1}
    assert decode_request(b'{"version": 1, "ask": "orders"}') == OrdersRequest()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "not a request"),
        (b"\n", "not a request"),
        (b"{", "not a request"),
        (b"[]", "not a request"),
        (b"\xff\xfe", "not a request"),
        (b'{"ask": "status"}', "missing required field `version`"),
        (b'{"version": 2, "ask": "status"}', "version 1 of the control protocol, not 2"),
        (b'{"version": 1}', "ask"),
        (b'{"version": 1, "ask": "shutdown"}', "shutdown"),
        (b'{"version": 1, "ask": "halt"}', "halt"),
        (b'{"version": 1, "ask": "status", "more": 1}', "unknown field `more`"),
        (b'{"version": 1, "ask": "orders", "limit": 0}', ">= 1"),
        (b'{"version": 1, "ask": "orders", "limit": 1001}', "<= 1000"),
        (b'{"version": 1, "ask": "explain", "order_id": ""}', "length >= 1"),
        (b'{"version": 1, "ask": "explain", "order_id": "' + b"x" * 201 + b'"}', "length <= 200"),
        (b'{"version": 1, "ask": "trading_state", "state": "OFF"}', "OFF"),
        (b'{"version": 1, "ask": "status", "version": ' + b"[" * 5_000, "not a request"),
    ],
)
def test_what_is_no_request_is_told_what_is_wrong_with_it(line: bytes, message: str) -> None:
    with pytest.raises(MalformedRequest) as error:
        decode_request(line)
    assert message in str(error.value)


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_no_line_does_worse_than_being_refused(line: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode_request(line)


def test_answers_and_errors_come_back_as_they_were() -> None:
    told = decode_answer(encode_answer(Canceling(orders=("a",))))
    assert (told.error, told.problem) == ("", None)
    assert msgspec.json.decode(told.answer, type=Canceling) == Canceling(orders=("a",))
    refused = decode_answer(encode_error(Problem.REFUSED, "no"))
    assert (refused.error, refused.problem) == ("no", Problem.REFUSED)
