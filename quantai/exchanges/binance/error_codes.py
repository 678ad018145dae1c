"""What Binance's error codes mean, and what they prove.

Source: Binance Spot API, «Error codes»; USD-M Futures, «Error codes» and «HTTP return codes».
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from quantai.core.errors import VenueError
from quantai.exchanges.binance.product import ORDERS_1D, ORDERS_1M, ORDERS_10S
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
from quantai.exchanges.reply_errors import retry_after_ns

LISTEN_KEY_GONE = "-1125"
CANCEL_REPLACE_HALF_DONE = -2021
"""On spot; on USD-M the same code says that a stop would trigger at once."""

_MAX_WORDS = 200
_THROTTLED = -1008
_TOO_MANY_ORDERS = -1015

_BOTH: Mapping[int, type[VenueError]] = {
    -1000: OutcomeUnknown,
    -1001: OutcomeUnknown,  # «internal error»: it says neither that the request was taken nor that it was not
    -1002: PermissionDenied,
    -1003: RateLimitExceeded,
    -1006: OutcomeUnknown,
    -1007: OutcomeUnknown,
    _THROTTLED: OnMaintenance,
    -1013: InvalidOrder,
    -1014: InvalidOrder,
    _TOO_MANY_ORDERS: RateLimitExceeded,
    -1016: OnMaintenance,
    -1020: InvalidOrder,
    -1021: ClockSkew,
    -1022: AuthenticationError,
    -1034: RateLimitExceeded,
    -1111: InvalidOrder,
    -1125: AuthenticationError,
    -2011: InvalidOrder,
    -2013: OrderNotFound,
    -2014: AuthenticationError,
    -2015: PermissionDenied,
}

_SPOT: Mapping[int, type[VenueError]] = {
    -1010: InvalidOrder,
    -2010: InvalidOrder,
    CANCEL_REPLACE_HALF_DONE: OutcomeUnknown,
    -2022: InvalidOrder,
    -2026: OrderNotFound,  # archived: closed without a trade more than 90 days ago
    -2038: InvalidOrder,
}

_USDM: Mapping[int, type[VenueError]] = {
    -2010: InvalidOrder,
    -2018: InsufficientFunds,
    -2019: InsufficientFunds,
    -2021: OrderImmediatelyFillable,
    -2022: InvalidOrder,
    -2024: InsufficientFunds,
    -2025: InvalidOrder,
    -2027: InvalidOrder,
    -2028: InvalidOrder,
    -4116: DuplicateOrderId,
    -4118: InvalidOrder,
    -4120: InvalidOrder,
    -4141: OnMaintenance,
    -4164: InvalidOrder,
    -5021: InvalidOrder,
    -5022: OrderImmediatelyFillable,
    -5027: InvalidOrder,
    -5028: ClockSkew,
}

_USDM_FILTERS = range(-5999, -3999)
"""«40xx Filters and other issues», «50xx Order execution issues»."""

# The matching engine has one code for many reasons; what it means is in its words.
_BY_WORDS = frozenset({-1010, -1013, -2010, -2011})
_WORDS: tuple[tuple[str, type[VenueError]], ...] = (
    ("unknown order", OrderNotFound),
    ("duplicate order", DuplicateOrderId),
    ("insufficient balance", InsufficientFunds),
    ("immediately match", OrderImmediatelyFillable),
    ("trigger immediately", OrderImmediatelyFillable),
    ("market is closed", OnMaintenance),
    ("not permitted for this account", PermissionDenied),
    ("restricted for this account", PermissionDenied),
    ("disabled on this account", PermissionDenied),
    ("may not place or cancel", PermissionDenied),
)


class ErrorBody(msgspec.Struct, frozen=True):
    """`{"code": -2010, "msg": ".."}`."""

    code: int
    msg: str = ""


_decode = msgspec.json.Decoder(ErrorBody).decode


def error_of(code: int, words: str, *, is_futures: bool) -> VenueError:
    """The error that a code and the words beside it mean; a code that is not known is a refusal."""
    text = f"Binance says {code}: {words[:_MAX_WORDS]}"
    kind = _kind(code, words, is_futures)
    if code == _TOO_MANY_ORDERS:
        return RateLimitExceeded(text, str(code), limits=_order_limits(words, is_futures))
    return kind(text, str(code)) if issubclass(kind, RequestRefused) else kind(text)


def _order_limits(words: str, is_futures: bool) -> tuple[str, ...]:
    """Which limit of new orders is used up, by «current limit is 50 orders per 10 SECOND»; cancels go on."""
    longer, unit = (ORDERS_1M, "MINUTE") if is_futures else (ORDERS_1D, "DAY")
    return (longer if unit in words else ORDERS_10S,)


def _kind(code: int, words: str, is_futures: bool) -> type[VenueError]:
    if code in _BY_WORDS:
        lowered = words.lower()
        for part, kind in _WORDS:
            if part in lowered:
                return kind
    own = _USDM if is_futures else _SPOT
    return (
        own.get(code) or _BOTH.get(code) or (InvalidOrder if is_futures and -5999 <= code <= -4000 else RequestRefused)
    )


def error_of_reply(status: int, headers: Mapping[str, str], body: bytes, *, is_futures: bool) -> VenueError:
    """What an HTTP reply that is no answer means. Nothing of a body that is not an error of Binance's is told."""
    said = _body(body)
    is_order_limit = said is not None and said.code == _TOO_MANY_ORDERS and "Retry-After" not in headers
    if status in (418, 429) and not is_order_limit:
        return _too_much(status, headers, said)
    if said is not None and (status < 500 or said.code == _THROTTLED):
        return error_of(said.code, said.msg, is_futures=is_futures)
    if status == 403:
        return PermissionDenied("Binance's firewall refused the request (HTTP 403)", "403")
    if 400 <= status < 500 and status not in (408, 409):
        return RequestRefused(f"Binance refused the request (HTTP {status})", str(status))
    told = f": {said.code} {said.msg[:_MAX_WORDS]}" if said is not None else ""
    return OutcomeUnknown(f"Binance answered HTTP {status}{told}: what became of the request is not known")


def _too_much(status: int, headers: Mapping[str, str], said: ErrorBody | None) -> RateLimitExceeded:
    words = f": {said.msg[:_MAX_WORDS]}" if said is not None else ""
    code = str(said.code) if said is not None else str(status)
    return RateLimitExceeded(
        f"Binance says that too much was asked (HTTP {status}){words}", code,
        retry_after_ns=retry_after_ns(headers), is_ban=status == 418,
    )  # fmt: skip


def _body(body: bytes) -> ErrorBody | None:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
