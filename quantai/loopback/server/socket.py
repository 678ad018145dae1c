"""One WebSocket connection of a client: a bounded queue to it, pings, age, and faults on the way."""

from __future__ import annotations

import asyncio
from collections import Counter, deque

from aiohttp import WSMsgType, web

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.loopback.server.faults import Fault, FaultBoard, FaultKind

_MOST_QUEUED = 20_000
"""Frames that may wait for a slow client before it is cut."""
_CUT = b"cut"
"""In the queue: what was sent before it arrives, then the connection ends."""
_GARBAGE = b'{"e":\x07 not json \xc3\xa9'


class ClientSocket:
    """Sends frames in order. `ping_ns` and `pong_deadline_ns` are how the venue keeps connections alive; a connection
    ends when it is `max_age_ns` old.
    """

    def __init__(
        self,
        ws: web.WebSocketResponse,
        request: web.Request,
        clock: Clock,
        faults: FaultBoard,
        counts: Counter[str],
        *,
        ping_ns: int,
        pong_deadline_ns: int,
    ) -> None:
        self.opened_ns = clock.now_ns()
        self._ws = ws
        self._request = request
        self._clock = clock
        self._faults = faults
        self._counts = counts
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._held_back: tuple[str, bytes] | None = None
        self._is_stalled = False
        self._is_over = False
        self._heard_ns = self.opened_ns
        self._deadline_ns = pong_deadline_ns
        self._timers: list[Timer] = [clock.call_every(ping_ns, self._ping)]
        self._pinging: asyncio.Task[None] | None = None

    def send(self, stream: str, frame: bytes) -> None:
        """Queue a frame of `stream`, unless a fault takes it."""
        if self._is_over:
            return
        fault = self._faults.of_frame(stream) if self._faults.frames else None
        if fault is None:
            self._put(frame)
        else:
            self._spoil(fault, frame)
        if self._held_back is not None and (fault is None or fault.kind is not FaultKind.REORDER):
            self._let_go(stream)

    def heard(self) -> None:
        """The client answered a ping."""
        self._heard_ns = self._clock.now_ns()

    def abort(self) -> None:
        """Cut the connection, without a word."""
        self._end()
        if self._request.transport is not None:
            self._request.transport.abort()

    def close(self) -> None:
        """Close when everything queued was sent."""
        self._let_go()
        self._is_over = True
        self._is_stalled = False
        self._wake.set()

    def send_at(self, due_ns: int, stream: str, frame: bytes) -> None:
        """Queue a frame at a time."""
        self._timers.append(self._clock.call_at(due_ns, lambda _due: self.send(stream, frame)))

    def close_at(self, due_ns: int) -> None:
        """Close at a time."""
        self._timers.append(self._clock.call_at(due_ns, lambda _due: self.close()))

    async def write(self) -> None:
        """Send what is queued until the connection ends."""
        try:
            while not self._is_over or self._queue:
                while self._queue and not self._is_stalled:
                    frame = self._queue.popleft()
                    if frame is _CUT:
                        return self.abort()
                    await self._ws.send_frame(frame, WSMsgType.TEXT)
                if not self._is_over:
                    self._wake.clear()
                    await self._wake.wait()
            await self._ws.close()
        except (ConnectionError, RuntimeError):
            pass  # the client has gone
        finally:
            self._end()

    async def pong(self, payload: bytes) -> None:
        """Answer a client's ping."""
        await self._ws.pong(payload)

    def _put(self, frame: bytes) -> None:
        self._queue.append(frame)
        if len(self._queue) > _MOST_QUEUED:
            self._counts["slow_clients"] += 1
            self.abort()
        self._wake.set()

    def _let_go(self, stream: str = "") -> None:
        """A frame of `stream` was sent (without it: the last of all): one that was to come after it does."""
        if self._held_back is not None and (not stream or self._held_back[0] in stream):
            frame, self._held_back = self._held_back[1], None
            self._put(frame)

    def _spoil(self, fault: Fault, frame: bytes) -> None:
        match fault.kind:
            case FaultKind.CUT:
                self._put(_CUT)
            case FaultKind.STALL:
                self._is_stalled = True
                self._timers.append(self._clock.call_later(int(fault.seconds * NS_PER_SECOND), self._resume))
                self._put(frame)
            case FaultKind.DUPLICATE:
                self._put(frame)
                self._put(frame)
            case FaultKind.REORDER:
                self._let_go()
                self._held_back = fault.match, frame
            case FaultKind.TRUNCATE:
                self._put(frame[: len(frame) // 2])
            case FaultKind.GARBAGE:
                self._put(_GARBAGE)
                self._put(frame)

    def _resume(self, _due_ns: int) -> None:
        self._is_stalled = False
        self._wake.set()

    def _ping(self, _due_ns: int) -> None:
        if self._clock.now_ns() - self._heard_ns > self._deadline_ns:
            self.abort()
        elif not self._ws.closed:
            self._pinging = asyncio.get_running_loop().create_task(self._send_ping())

    async def _send_ping(self) -> None:
        try:
            await self._ws.ping(str(self._clock.now_ns() // NS_PER_SECOND).encode())
        except (ConnectionError, RuntimeError):
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self._is_stalled = False
        self._queue.clear()
        self._wake.set()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
