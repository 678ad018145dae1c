"""One WebSocket connection: opened, read by a task of its own until it ends, and able to say why it did."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.errors import QuantAIError
from quantai.exchanges.errors import NotSent, OutcomeUnknown
from quantai.exchanges.rate_limiter import Priority, RateLimiter
from quantai.exchanges.websocket.settings import LinkSettings
from quantai.exchanges.websocket.waiting import call_later, time_limit

FrameHandler = Callable[[bytes, int], None]

logger = logging.getLogger(__name__)

_LONGEST_PROOF_S = 5
"""What the next connection brings is held back meanwhile."""

# The library logs every frame and URL at DEBUG, keys and signatures included: its words go nowhere.
_UNHEARD = logging.Logger("quantai.exchanges.websocket.unheard", logging.CRITICAL)
_UNHEARD.addHandler(logging.NullHandler())


class _Socket(ClientConnection):
    """Leaves a server that pings without end: the library answers each ping, and nothing bounds the answers."""

    max_pings_per_second = 0
    _second = 0
    _pings = 0
    is_flooded = False

    def process_event(self, event: Event) -> None:
        super().process_event(event)
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self._count_ping()

    def _count_ping(self) -> None:
        second = int(self.loop.time())
        self._pings = self._pings + 1 if second == self._second else 1
        self._second = second
        if self._pings > self.max_pings_per_second:
            self.is_flooded = True
            self.transport.abort()


class _Connect(connect):
    """Follows no redirect: the URL may hold a listen key, and whoever answers is to be the venue."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_socket(url: str, settings: LinkSettings, clock: Clock) -> ClientConnection:
    """Connect. Raises `TimeoutError`, `OSError` or a `WebSocketException`; `failure` says which in words."""
    async with time_limit(clock, settings.connect_timeout_ns):
        socket = await _Connect(
            url,
            proxy=None,  # as requests over HTTP: the environment of the process does not decide where keys go
            open_timeout=None,
            ping_interval=settings.ping_interval_ns / NS_PER_SECOND,
            ping_timeout=settings.ping_timeout_ns / NS_PER_SECOND,
            close_timeout=settings.close_timeout_ns / NS_PER_SECOND,
            max_size=settings.max_frame_bytes,
            compression=None,
            logger=_UNHEARD,
            create_connection=_Socket,
        )
    if isinstance(socket, _Socket):
        socket.max_pings_per_second = settings.max_pings_per_second
    return socket


def failure(error: Exception) -> str:
    """Why an attempt failed, without its URL: that may hold a listen key."""
    if isinstance(error, ConnectionClosed):
        return _closing(error)
    if isinstance(error, InvalidStatus):
        return f"the server answered HTTP {error.response.status_code}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, (OSError, InvalidHandshake, QuantAIError)):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__


def _closing(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        words = f": {error.rcvd.reason}" if error.rcvd.reason else ""
        return f"closed by the server with code {error.rcvd.code}{words}"
    if error.sent is not None:
        return f"left with code {error.sent.code}: {error.sent.reason or 'closed'}"
    return "cut without a closing handshake"


class Connection:
    """Reads `socket` and gives every data frame to `deliver`, which must not raise and may be exchanged at any time.

    `ended` is done when it is over, with the reason as its result.
    """

    def __init__(
        self,
        socket: ClientConnection,
        clock: Clock,
        settings: LinkSettings,
        deliver: FrameHandler,
        messages: RateLimiter | None = None,
        message_cost: dict[str, int] | None = None,
    ) -> None:
        self.deliver = deliver
        self.opened_ns = clock.now_ns()
        self.last_frame_ns = 0
        self.frames = 0
        self._socket = socket
        self._clock = clock
        self._silence_ns = settings.silence_ns
        self._proof_s = min(settings.ping_timeout_ns / NS_PER_SECOND, _LONGEST_PROOF_S)
        self._messages = messages
        self._message_cost = message_cost or {}
        self._reason = ""
        self._watch: Any = None
        self.ended: asyncio.Task[str] = asyncio.get_running_loop().create_task(self._read())
        if self._silence_ns:
            self._watch_silence()

    async def send(self, text: str, deadline_ns: int | None = None) -> None:
        """See `Link.send`."""
        if self._messages is not None:
            await self._messages.acquire(self._message_cost, Priority.ORDER, deadline_ns)
        if self.ended.done() or self._socket.state is not State.OPEN:
            raise NotSent("the connection is closed")
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise OutcomeUnknown(f"the connection broke while sending: {_closing(error)}") from None

    async def answers(self) -> bool:
        """Whether a pong comes to a ping in time: then all has come that the venue sent before it."""
        try:
            async with asyncio.timeout(self._proof_s):
                await (await self._socket.ping())
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    async def close(self) -> None:
        """End it with a closing handshake, or without where the server takes too long for that."""
        self._reason = self._reason or "closed by us"
        try:
            await self._socket.close()
        finally:
            self._socket.transport.abort()
        await self.ended

    def cut(self, reason: str) -> None:
        """End it at once."""
        self._reason = self._reason or reason
        self._socket.transport.abort()

    async def _read(self) -> str:
        receive, now_ns = self._socket.recv, self._clock.now_ns
        try:
            while True:
                frame = await receive(decode=False)
                self.last_frame_ns = ts_ns = now_ns()
                self.frames += 1
                self.deliver(frame, ts_ns)
        except ConnectionClosed as error:
            return self._reason or self._why(error)
        except Exception as error:
            logger.exception("reading a connection failed")
            return f"reading failed: {type(error).__name__}"
        finally:
            self._socket.transport.abort()
            if self._watch is not None:
                self._watch.cancel()

    def _why(self, error: ConnectionClosed) -> str:
        if getattr(self._socket, "is_flooded", False):
            return "the server pings too often"
        return _closing(error)

    def _watch_silence(self) -> None:
        """Look again when the limit could be reached next."""
        now_ns = self._clock.now_ns()
        quiet_ns = now_ns - max(self.last_frame_ns, self.opened_ns)
        if quiet_ns >= self._silence_ns:
            self.cut(f"nothing came for {quiet_ns / NS_PER_SECOND:.1f} s")
        else:
            self._watch = call_later(self._clock, self._silence_ns - max(quiet_ns, 0), self._watch_silence)
