"""How Binance's public streams are asked for, and how it answers.

Source: Binance Spot API, «WebSocket Streams»; COIN-M and USD-M Futures API, «Connect»; of USD-M depth and quotes are at
`/public`, everything else at `/market`, never both on one connection.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from quantai.core.clock import NS_PER_SECOND
from quantai.exchanges.binance.product import Product
from quantai.exchanges.websocket.dialect import Answer, StreamDialect, StreamLimits

_DATA = b'{"stream":"'
_NAME = len(_DATA)
_SHUTDOWN_STREAM = _DATA + b"!serverShutdown"
_SHUTDOWN = b'"serverShutdown"'
_SHUTDOWN_WITHIN = 80
_PUBLIC = ("depth", "bookTicker", "rpiDepth", "trade")
_MARK_PRICE_SILENCE_NS = 15 * NS_PER_SECOND
_NOT_RATE = 1
"""Messages a second that are left for pongs and the like."""


class _Request(msgspec.Struct, gc=False):
    method: str
    params: Sequence[str]
    id: int


class _Error(msgspec.Struct, gc=False):
    code: int = 0
    msg: str = ""


class _Answer(msgspec.Struct, gc=False):
    """An answer names its request, an error may not; spot wraps errors, futures do not."""

    id: int | None = None
    error: _Error | None = None
    code: int = 0
    msg: str = ""


_decode = msgspec.json.Decoder(_Answer).decode


class BinanceStreamDialect(StreamDialect):
    """Public streams of a product; frames come combined."""

    def __init__(self, product: Product, public_ws: str) -> None:
        """`public_ws` is the root of the streams, as in `Hosts`."""
        limits = product.streams
        self.limits = StreamLimits(
            streams_per_link=limits.streams_per_socket,
            messages=limits.messages_per_second - _NOT_RATE,
        )
        self._root = public_ws
        self._is_routed = product.is_routed

    def url(self, route: str) -> str:
        """`/stream`, below the route on USD-M."""
        return f"{self._root}/{route}/stream" if route else f"{self._root}/stream"

    def route(self, stream: str) -> str:
        """On USD-M `public` or `market`; nothing on spot and COIN-M."""
        if not self._is_routed:
            return ""
        kind = stream.partition("@")[2]
        return "public" if kind.startswith(_PUBLIC) else "market"

    def subscribe(self, streams: Sequence[str], id: int) -> str:
        """SUBSCRIBE."""
        return _request("SUBSCRIBE", streams, id)

    def unsubscribe(self, streams: Sequence[str], id: int) -> str:
        """UNSUBSCRIBE."""
        return _request("UNSUBSCRIBE", streams, id)

    def answer(self, frame: bytes) -> Answer | None:
        """What does not begin as data do, and has an id or an error."""
        if frame.startswith(_DATA):
            return None
        try:
            answer = _decode(frame)
        except msgspec.DecodeError:  # no answer; whoever decodes data says what is wrong with it
            return None
        error = answer.error or (_Error(answer.code, answer.msg) if answer.code else None)
        if error is not None:
            return Answer(-1 if answer.id is None else answer.id, False, f"{error.code}: {error.msg[:200]}")
        return None if answer.id is None else Answer(answer.id)

    def stream_of(self, frame: bytes) -> bytes | None:
        """The name at the beginning of a combined frame."""
        if not frame.startswith(_DATA) or frame.startswith(_SHUTDOWN_STREAM):
            return None
        return frame[_NAME : frame.find(b'"', _NAME)]

    def silence_ns(self, stream: str) -> int:
        """Mark prices come every second; any other stream may have nothing to say."""
        return _MARK_PRICE_SILENCE_NS if "@markPrice" in stream else 0

    def shutdown(self, frame: bytes) -> str:
        """Spot tells before it closes."""
        is_shutdown = frame.startswith(_SHUTDOWN_STREAM) or _SHUTDOWN in frame[:_SHUTDOWN_WITHIN]
        return "the server is about to close the connection" if is_shutdown else ""


def _request(method: str, streams: Sequence[str], id: int) -> str:
    return msgspec.json.encode(_Request(method, streams, id)).decode()
