"""One connection that is kept standing: opened, watched, replaced before it is too old, opened again when it falls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from random import Random

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.exchanges.errors import NotSent
from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.rate_limiter import RateLimiter, RateRule
from quantai.exchanges.websocket.attempts import Attempts
from quantai.exchanges.websocket.callbacks import Callbacks
from quantai.exchanges.websocket.connection import Connection, FrameHandler, failure
from quantai.exchanges.websocket.handover import Handover
from quantai.exchanges.websocket.opening import Opener, Send
from quantai.exchanges.websocket.settings import LinkSettings
from quantai.exchanges.websocket.waiting import call_later, cancelled, until

logger = logging.getLogger(__name__)


def _nowhere(frame: bytes, ts_ns: int) -> None:
    """Of a connection that is given up."""


class Link:
    """Keeps ONE WebSocket connection to a venue.

    `run` does all of it and ends only with `stop` or when cancelled. Pings of the server are answered, our own find
    half-open sockets, a fall is followed by another attempt after a random time that grows, and too many falls open a
    circuit breaker. See `LinkSettings` for every limit.

    Replacement (before `max_age_ns`, or by `restart`) makes before it breaks: the new connection goes through
    `on_open` while the old one delivers, both run for `overlap_ns`, then frames are taken from the new one, less those
    that the old one gave already (see `Handover`). Frames thus come once and in order where the venue sends the same
    bytes on both; where it does not, the consumer must drop by id what it knows (see `FrameDecoder`). An old one that
    answers no ping in the overlap was dead before: that is told as a fall.
    """

    def __init__(
        self,
        name: str,
        url: Callable[[], Awaitable[str]],
        *,
        clock: Clock,
        on_frame: FrameHandler,
        on_state: Callable[[bool, str], None],
        on_open: Callable[[Send], Awaitable[None]] | None = None,
        settings: LinkSettings | None = None,
        is_answer: Callable[[bytes], bool] | None = None,
        connects: RateLimiter | None = None,
        connect_costs: Mapping[str, int] | None = None,
        messages: RateRule | None = None,
        quarantine: Quarantine | None = None,
        random: Random | None = None,
    ) -> None:
        """`url` is asked before every attempt; what it returns may be secret and is never told.

        `on_open(send)` logs in and subscribes on the new connection, `send` being that connection's own; where it
        raises, the attempt failed. `on_frame(frame, ts_ns)` gets every data frame; what it raises goes to `quarantine`.
        `on_state(is_up, reason)` is called when the link stands (True; also, while it stands, when a connection was
        replaced) and when it fell (False; once more when the breaker opens).

        `is_answer` tells answers to requests from data, cheaply: during a replacement answers of both connections are
        given on at once and data is held back. Without it, what comes during `on_open` is given on at once.

        `connects` with `connect_costs` (by the names of its rules) limits attempts, over all links that share it;
        `messages` limits what one connection sends.
        """
        self.name = name
        self._counts = dict.fromkeys(("connects", "failures", "replacements", "frames", "doubles"), 0)
        self._clock = clock
        self._settings = settings or LinkSettings()
        self._callbacks = Callbacks(name, on_frame, on_state, is_answer, quarantine or Quarantine(name, clock))
        self._random = random or Random()
        self._attempts = Attempts(self._settings, clock, self._random)
        self._opener = Opener(
            name=name,
            url=url,
            clock=clock,
            settings=self._settings,
            on_open=on_open,
            connects=connects,
            connect_costs=connect_costs or {},
            messages=messages,
        )
        self._current: Connection | None = None
        self._handover: Handover | None = None
        self._last_frame_ns = 0
        self._restart_reason = ""
        self._due = asyncio.Event()
        self._stopped = asyncio.Event()
        self._over: asyncio.Event | None = None
        self._living: set[Connection] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def is_up(self) -> bool:
        """Whether a connection stands that went through `on_open`."""
        return self._current is not None and not self._current.ended.done()

    @property
    def last_frame_ns(self) -> int:
        """When the last frame came over any of its connections; 0 before the first."""
        return max(self._last_frame_ns, self._current.last_frame_ns if self._current else 0)

    @property
    def counts(self) -> dict[str, int]:
        """`connects` (attempts), `failures`, `replacements`, `frames`, `malformed` and `doubles`: frames of a new
        connection that the old one had brought.
        """
        frames = self._counts["frames"] + (self._current.frames if self._current else 0)
        return self._counts | {"frames": frames, "malformed": self._callbacks.malformed}

    async def run(self) -> None:
        """Keep the connection until `stop`; once only. Raises nothing that a venue or network can cause."""
        self._over = asyncio.Event()
        keeping = asyncio.create_task(self._keep(), name=f"link-{self.name}")
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({keeping, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
        finally:
            try:
                await asyncio.gather(cancelled(keeping), cancelled(stopped))
                await self._close_all()
            finally:
                self._over.set()

    async def stop(self) -> None:
        """Close cleanly; returns when nothing more will come. `on_state(False, "stopped")` where it stood."""
        self._stopped.set()
        if self._over is not None:
            await self._over.wait()

    async def send(self, text: str, deadline_ns: int | None = None) -> None:
        """Send a text frame over the connection that stands.

        Raises `NotSent` where none stands or the message budget has no room by `deadline_ns` (of the clock), and
        `OutcomeUnknown` where the connection broke while sending.
        """
        if self._current is None:
            raise NotSent(f"{self.name} is not connected")
        await self._current.send(text, deadline_ns)

    def restart(self, reason: str) -> None:
        """Replace the connection by a new one, the new one first; nothing where none stands or that is under way."""
        if self._current is not None and not self._due.is_set():
            self._restart_reason = reason
            self._due.set()

    async def _keep(self) -> None:
        while True:
            new = await self._successor()
            if self._current is not None and not await self._overlap(new):
                continue
            await self._change_to(new)
            await self._until_due(new)
            self._note_fall()

    async def _successor(self) -> Connection:
        """A connection that is open. The one that stands, if any, may fall meanwhile."""
        opening = asyncio.create_task(self._open_at_last(), name=f"link-{self.name}-opening")
        try:
            while not opening.done():
                standing = {self._current.ended} if self._current else set()
                await asyncio.wait({opening, *standing}, return_when=asyncio.FIRST_COMPLETED)
                self._note_fall()
            return opening.result()
        finally:
            await cancelled(opening)

    async def _open_at_last(self) -> Connection:
        while True:
            await self._attempts.wait()
            self._counts["connects"] += 1
            try:
                return await self._open()
            except Exception as error:
                self._failed(failure(error))

    async def _open(self) -> Connection:
        new = await self._opener.connect(self._callbacks.deliver)
        self._living.add(new)
        new.ended.add_done_callback(lambda _: self._living.discard(new))
        if self._current is not None:
            callbacks, limit = self._callbacks, self._settings.max_overlap_frames
            self._handover = handover = Handover(callbacks.deliver, callbacks.is_answer, limit)
            self._current.deliver, new.deliver = handover.from_old, handover.from_new
        try:
            await self._opener.greet(new)
        except BaseException:
            await self._drop(new)
            raise
        return new

    async def _drop(self, new: Connection) -> None:
        """A new connection is of no use: all is as it was before it."""
        self._handover = None
        if self._current is not None:
            self._current.deliver = self._callbacks.deliver
        else:
            self._note(new)
        new.deliver = _nowhere
        new.cut("given up")
        await asyncio.wait({new.ended})

    async def _overlap(self, new: Connection) -> bool:
        """Let both deliver for a while; False where the new one fell and the old one did not."""
        assert self._current is not None
        old = self._current
        if self._handover is not None:
            self._handover.is_opening = False
        answering = asyncio.create_task(old.answers())
        try:
            await until(self._clock, self._settings.overlap_ns, new.ended, old.ended)
            await asyncio.wait({answering, new.ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancelled(answering)
        if new.ended.done() and not old.ended.done():
            self._failed(new.ended.result())
            await self._drop(new)
            return False
        if answering.cancelled() or not answering.result():
            old.cut("it was dead when it was to be replaced")
            await asyncio.wait({old.ended})
            self._note_fall()
        return True

    async def _change_to(self, new: Connection) -> None:
        """From now on the link is `new`; the old one, if it stands, gives answers for a while and is closed."""
        old, handover = self._current, self._handover
        self._note(old)
        self._current, self._handover = new, None
        self._due.clear()
        if handover is not None:
            handover.cut(self._clock.now_ns())
        self._counts["replacements"] += old is not None
        self._callbacks.tell(True, f"replaced: {self._restart_reason}" if old else "connected")
        if handover is not None:
            await until(self._clock, self._settings.overlap_ns, new.ended)
            new.deliver = self._callbacks.deliver
            self._counts["doubles"] += handover.doubles
        if old is not None:
            old.deliver = _nowhere
            closing = asyncio.create_task(old.close(), name=f"link-{self.name}-closing")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _until_due(self, current: Connection) -> None:
        """Return when the connection ended or is to be replaced."""
        age_ns = round(self._settings.max_age_ns * (1 - self._settings.age_jitter * self._random.random()))
        left_ns = max(0, current.opened_ns + age_ns - self._clock.now_ns())
        timer = call_later(self._clock, left_ns, lambda: self.restart("it grew old"))
        due = asyncio.create_task(self._due.wait())
        try:
            await asyncio.wait({current.ended, due}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            await cancelled(due)
        if not current.ended.done():
            self._attempts.planned(current.opened_ns)

    def _note_fall(self) -> None:
        """Tell where the connection that stood does no longer."""
        if self._current is not None and self._current.ended.done():
            fallen = self._current
            self._note(fallen)
            self._current = None
            if self._handover is not None:
                self._handover.cut(self._clock.now_ns())
            self._attempts.lived(fallen.opened_ns)
            self._callbacks.tell(False, fallen.ended.result())
            self._failed(fallen.ended.result())

    def _note(self, connection: Connection | None) -> None:
        if connection is not None:
            self._last_frame_ns = max(self._last_frame_ns, connection.last_frame_ns)
            self._counts["frames"] += connection.frames

    def _failed(self, reason: str) -> None:
        self._counts["failures"] += 1
        logger.info("%s: %s", self.name, reason)
        if self._attempts.failed():
            pause_s = self._settings.breaker_pause_ns / NS_PER_SECOND
            words = f"too many failures, the last: {reason}; one attempt every {pause_s:.0f} s from now on"
            logger.warning("%s: %s", self.name, words)
            if not self.is_up:
                self._callbacks.tell(False, words)

    async def _close_all(self) -> None:
        """Also those that were being opened, or replaced."""
        was_up, self._current = self._current is not None, None
        await asyncio.gather(*(connection.close() for connection in self._living), *self._closing)
        if was_up:
            self._callbacks.tell(False, "stopped")
