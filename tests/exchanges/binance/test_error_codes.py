"""What each of Binance's errors proves."""

from __future__ import annotations

import json

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import VenueError
from quantai.exchanges.binance.error_codes import error_of, error_of_reply
from quantai.exchanges.binance.product import ORDERS_1D, ORDERS_1M, ORDERS_10S, SPOT, USDM
from quantai.exchanges.errors import (
    AuthenticationError,
    ClockSkew,
    DuplicateOrderId,
    InsufficientFunds,
    InvalidOrder,
    OnMaintenance,
    OrderImmediatelyFillable,
    OrderNotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimitExceeded,
    RequestRefused,
)

S, F = False, True


@pytest.mark.parametrize(
    ("is_futures", "code", "words", "kind"),
    [
        (S, -2010, "Account has insufficient balance for requested action.", InsufficientFunds),
        (F, -2018, "Balance is insufficient.", InsufficientFunds),
        (F, -2019, "Margin is insufficient.", InsufficientFunds),
        (F, -2024, "Position is not sufficient.", InsufficientFunds),
        (S, -1003, "Too many requests.", RateLimitExceeded),
        (S, -1015, "Too many new orders.", RateLimitExceeded),
        (S, -2011, "Unknown order sent.", OrderNotFound),
        (S, -2011, "Order was not canceled due to cancel restrictions.", InvalidOrder),
        (F, -2013, "Order does not exist.", OrderNotFound),
        (S, -2026, "Order was archived.", OrderNotFound),
        (S, -2010, "Duplicate order sent.", DuplicateOrderId),
        (F, -4116, "ClientOrderId is duplicated.", DuplicateOrderId),
        (S, -1013, "Filter failure: LOT_SIZE", InvalidOrder),
        (S, -1111, "Too much precision.", InvalidOrder),
        (F, -4164, "Order's notional must be no smaller than 5.", InvalidOrder),
        (S, -2010, "Order would immediately match and take.", OrderImmediatelyFillable),
        (F, -5022, "Post Only order will be rejected.", OrderImmediatelyFillable),
        (F, -5021, "FOK cannot be filled.", InvalidOrder),
        (F, -2022, "ReduceOnly Order is rejected.", InvalidOrder),
        (F, -4118, "ReduceOnly rejected.", InvalidOrder),
        (S, -1021, "Timestamp outside of the recvWindow.", ClockSkew),
        (F, -5028, "Timestamp outside of the ME recvWindow.", ClockSkew),
        (S, -1022, "Signature for this request is not valid.", AuthenticationError),
        (S, -2014, "API-key format invalid.", AuthenticationError),
        (S, -2015, "Invalid API-key, IP, or permissions for action.", PermissionDenied),
        (S, -1008, "Server is currently overloaded.", OnMaintenance),
        (S, -1016, "This service is no longer available.", OnMaintenance),
        (S, -2010, "Market is closed.", OnMaintenance),
        (F, -4141, "Symbol is closed.", OnMaintenance),
        (F, -2025, "Reach max open order limit.", InvalidOrder),
        (S, -2010, "Filter failure: MAX_NUM_ORDERS", InvalidOrder),
        (F, -2021, "Order would immediately trigger.", OrderImmediatelyFillable),
        (S, -2010, "Order would trigger immediately.", OrderImmediatelyFillable),
        (S, -2021, "Order cancel-replace partially failed.", OutcomeUnknown),
        (F, -4120, "Order type not supported for this endpoint.", InvalidOrder),
        (F, -4555, "something new", InvalidOrder),
        (S, -9999, "something new", RequestRefused),
        (S, -1000, "An unknown error occurred.", OutcomeUnknown),
        (S, -1001, "Internal error; unable to process your request.", OutcomeUnknown),
        (S, -1006, "Execution status unknown.", OutcomeUnknown),
        (F, -1007, "Send status unknown; execution status unknown.", OutcomeUnknown),
        (F, -1125, "This listenKey does not exist.", AuthenticationError),
    ],
)
def test_codes_mean(is_futures: bool, code: int, words: str, kind: type[VenueError]) -> None:
    error = error_of(code, words, is_futures=is_futures)
    assert type(error) is kind
    assert str(code) in str(error)
    assert words in str(error)
    if isinstance(error, RequestRefused):
        assert error.code == str(code)


@pytest.mark.parametrize(
    ("is_futures", "words", "limit"),
    [
        (S, "current limit is 50 orders per 10 SECOND.", ORDERS_10S),
        (S, "current limit is 160000 orders per 1 DAY.", ORDERS_1D),
        (S, "", ORDERS_10S),
        (F, "current limit is 300 orders per 10 SECOND.", ORDERS_10S),
        (F, "current limit is 1200 orders per 1 MINUTE.", ORDERS_1M),
        (F, "current limit is 5 orders per 1 DAY.", ORDERS_10S),
    ],
)
def test_too_many_orders_names_the_limit_so_that_cancels_go_on(is_futures: bool, words: str, limit: str) -> None:
    error = error_of_reply(429, {}, body(-1015, words), is_futures=is_futures)
    assert isinstance(error, RateLimitExceeded)
    assert error.limits == (limit,)
    assert limit in {rule.name for rule in (USDM if is_futures else SPOT).rules}


def body(code: int, words: str = "") -> bytes:
    return json.dumps({"code": code, "msg": words}).encode()


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, body(-2013), OrderNotFound),
        (500, body(-2010, "Duplicate order sent."), OutcomeUnknown),
        (502, b"<html>", OutcomeUnknown),
        (503, body(-1008), OnMaintenance),
        (503, b'{"msg":"Unknown error, please check your request or try again later."}', OutcomeUnknown),
        (504, b"", OutcomeUnknown),
        (403, b"<html>WAF</html>", PermissionDenied),
        (404, b"", RequestRefused),
        (408, b"", OutcomeUnknown),
        (409, b"", OutcomeUnknown),
        (409, body(-2021), OutcomeUnknown),
        (302, b"", OutcomeUnknown),
        (400, b'{"code":"x"}', RequestRefused),
        (400, b"[" * 100_000, RequestRefused),
        (400, b"\xff\xfe", RequestRefused),
    ],
)
def test_replies_mean(status: int, said: bytes, kind: type[VenueError]) -> None:
    assert type(error_of_reply(status, {}, said, is_futures=False)) is kind


@pytest.mark.parametrize(("status", "is_ban"), [(429, False), (418, True)])
def test_a_limit_says_how_long_to_be_silent(status: int, is_ban: bool) -> None:
    error = error_of_reply(status, {"Retry-After": "120"}, body(-1003, "banned until"), is_futures=True)
    assert isinstance(error, RateLimitExceeded)
    assert (error.retry_after_ns, error.is_ban, error.limits) == (120 * NS_PER_SECOND, is_ban, ())


@pytest.mark.parametrize("after", ["", "soon", "-1", "9" * 5000, "1.5"])
def test_a_retry_after_that_is_no_number_is_none(after: str) -> None:
    error = error_of_reply(429, {"Retry-After": after}, b"", is_futures=True)
    assert isinstance(error, RateLimitExceeded)
    assert error.retry_after_ns == 0


def test_what_a_proxy_says_is_not_told() -> None:
    assert "secret" not in str(error_of_reply(502, {}, b"secret", is_futures=False))


def test_long_words_are_cut() -> None:
    assert len(str(error_of(-2010, "x" * 10_000, is_futures=False))) < 300
