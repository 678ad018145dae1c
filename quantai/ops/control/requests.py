"""What can be asked of a running daemon: a JSON object in a line; and the line that answers it.

`{"version": 1, "ask": "orders"}` is answered `{"version": 1, "answer": {...}}`, or
`{"version": 1, "error": "...", "problem": "refused"}`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from quantai.core.enums import OrderState, TradingState
from quantai.core.errors import QuantAIError

VERSION = 1
"""Of the protocol: a daemon refuses requests of any other."""
MAX_REQUEST_BYTES = 16_384
"""The longest line that a daemon reads."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""The longest line that a client reads."""
MAX_ORDERS = 1_000
"""How many orders are listed at most."""

_Text = Annotated[str, Meta(max_length=1_000)]


class Problem(StrEnum):
    """Why there is no answer."""

    MALFORMED = "malformed"
    """The line is no request, or one of another version."""
    REFUSED = "refused"
    """What was asked cannot be done as things are."""
    FAILED = "failed"
    """The daemon failed at it; its log says more."""
    BUSY = "busy"
    """Too many others are being served."""


class MalformedRequest(QuantAIError):
    """A line that is no request; the message says what is wrong with it."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", forbid_unknown_fields=True):
    """Base of the requests. A field that is None means «any»."""

    version: int = VERSION


class OrdersRequest(Request, frozen=True, kw_only=True, tag="orders"):
    """List orders, the newest `limit` of them: those that are open, or `closed` ones in memory too."""

    strategy: _Text | None = None
    venue: _Text | None = None
    symbol: _Text | None = None
    state: OrderState | None = None
    closed: bool = False
    limit: Annotated[int, Meta(ge=1, le=MAX_ORDERS)] = 100


class ExplainRequest(Request, frozen=True, kw_only=True, tag="explain"):
    """Tell an order's story. Any id of it will do, or enough of it: a beginning, or `beginning…end`."""

    order_id: Annotated[str, Meta(min_length=1, max_length=200)]


class StatusRequest(Request, frozen=True, kw_only=True, tag="status"):
    """Tell how the daemon is."""


class TradingStateRequest(Request, frozen=True, kw_only=True, tag="trading_state"):
    """Halt, restrict or resume trading, of one strategy or of all."""

    state: TradingState
    strategy: _Text | None = None
    reason: _Text = ""


class FlattenRequest(Request, frozen=True, kw_only=True, tag="flatten"):
    """Halt, cancel what is open, and close positions at the market; answered when that is done, or stuck."""

    strategy: _Text | None = None
    symbol: _Text | None = None
    reason: _Text = ""


class CancelRequest(Request, frozen=True, kw_only=True, tag="cancel"):
    """Cancel one order, named as in `ExplainRequest`."""

    order_id: Annotated[str, Meta(min_length=1, max_length=200)]


class CancelAllRequest(Request, frozen=True, kw_only=True, tag="cancel_all"):
    """Cancel every open order, or those of one strategy or symbol."""

    strategy: _Text | None = None
    symbol: _Text | None = None


AnyRequest = (
    OrdersRequest
    | ExplainRequest
    | StatusRequest
    | TradingStateRequest
    | FlattenRequest
    | CancelRequest
    | CancelAllRequest
)


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What comes back: `answer`, or `error` and which `problem` it is."""

    version: Annotated[int, Meta(ge=1)]
    answer: msgspec.Raw = msgspec.Raw()
    error: str = ""
    problem: Problem | None = None


class _Versioned(msgspec.Struct):
    version: int


_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_version_decoder = msgspec.json.Decoder(_Versioned)
_answer_decoder = msgspec.json.Decoder(Answer)
_encoder = msgspec.json.Encoder()


def encode_request(request: AnyRequest) -> bytes:
    """The line that asks."""
    return _encoder.encode(request) + b"\n"


def decode_request(line: bytes) -> AnyRequest:
    """The request in a line. Raises `MalformedRequest`."""
    try:
        version = _version_decoder.decode(line).version
        if version != VERSION:
            raise MalformedRequest(f"this daemon speaks version {VERSION} of the control protocol, not {version}")
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"not a request: {error}") from None


def encode_answer(answer: msgspec.Struct) -> bytes:
    """The line that answers."""
    return _encoder.encode(Answer(version=VERSION, answer=msgspec.Raw(_encoder.encode(answer)))) + b"\n"


def encode_error(problem: Problem, message: str) -> bytes:
    """The line that says why there is no answer."""
    return _encoder.encode(Answer(version=VERSION, error=message, problem=problem)) + b"\n"


def decode_answer(line: bytes) -> Answer:
    """What a line answers. Raises `msgspec.MsgspecError` for what is no answer."""
    return _answer_decoder.decode(line)
