"""One link of a pool and the streams that are on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.errors import VenueError
from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.rate_limiter import RateLimiter, RateRule
from quantai.exchanges.websocket.connection import FrameHandler
from quantai.exchanges.websocket.dialect import Answer, StreamDialect
from quantai.exchanges.websocket.link import Link
from quantai.exchanges.websocket.opening import Send
from quantai.exchanges.websocket.raw import RawTap
from quantai.exchanges.websocket.refusals import Refusals
from quantai.exchanges.websocket.session import Session
from quantai.exchanges.websocket.settings import LinkSettings, PoolSettings
from quantai.exchanges.websocket.subscriptions import Subscriptions
from quantai.exchanges.websocket.waiting import Signal, cancelled
from quantai.exchanges.websocket.watchdog import Watchdog

OnStreams = Callable[[Collection[str], bool, str, int], None]
OnConnection = Callable[[str, bool, str], None]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What all shards of a pool share; see `StreamPool`."""

    dialect: StreamDialect
    clock: Clock
    on_frame: FrameHandler
    on_streams: OnStreams
    on_connection: OnConnection | None
    link_settings: LinkSettings | None
    settings: PoolSettings
    connects: RateLimiter | None
    connect_costs: Mapping[str, int] | None
    quarantine: Quarantine | None
    raw: RawTap | None
    next_id: Callable[[], int]


class Shard:
    """Keeps its streams on one link, and tells which come and which do not."""

    def __init__(self, name: str, route: str, wiring: Wiring) -> None:
        self.name = name
        self.route = route
        self.streams: frozenset[str] = frozenset()
        self.counts = dict.fromkeys(("refused", "unanswered", "silent"), 0)
        self._wiring = wiring
        self._dialect = wiring.dialect
        self._clock = wiring.clock
        self._consume = wiring.on_frame
        self._is_recorded = False
        self._refusals = Refusals(wiring.settings.first_retry_ns, wiring.settings.max_retry_ns)
        self._watchdog = Watchdog()
        self._heard = self._watchdog.heard
        self._changed = Signal(wiring.clock)
        self._is_stopping = False
        self._session: Session | None = None
        self._staged: Session | None = None
        self._told: frozenset[str] = frozenset()
        self._missing_since: dict[str, int] = {}
        limits = wiring.dialect.limits
        patient = wiring.link_settings or LinkSettings()
        patient = replace(patient, open_timeout_ns=patient.open_timeout_ns + limits.subscribing_ns)
        self.link = Link(
            name,
            self._url,
            clock=wiring.clock,
            on_frame=self._on_frame,
            on_state=self._on_state,
            on_open=self._on_open,
            settings=patient,
            is_answer=self._is_answer,
            connects=wiring.connects,
            connect_costs=wiring.connect_costs,
            messages=RateRule("messages", limits.messages, limits.messages_per_ns, is_window=False),
            quarantine=wiring.quarantine,
        )

    @property
    def streaming(self) -> frozenset[str]:
        """The streams that were told to be up."""
        return self._told

    def want(self, streams: Iterable[str]) -> None:
        """Keep exactly `streams` from now on."""
        self.streams = frozenset(streams)
        self._told &= self.streams
        self._refusals.keep(self.streams)
        self._watchdog.watch(stream for stream in self.streams if self._dialect.silence_ns(stream))
        self._missing_since = {name: ns for name, ns in self._missing_since.items() if name in self.streams}
        for session in self._sessions():
            session.want(self.streams)

    async def run(self) -> None:
        """Keep the streams until `stop`."""
        working = asyncio.create_task(self._work(), name=f"shard-{self.name}")
        running = asyncio.create_task(self.link.run())
        try:
            await asyncio.wait({working, running}, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, running):
                if task.done():
                    task.result()
        finally:
            self._is_stopping = True
            await cancelled(working)
            await cancelled(running)

    async def stop(self) -> None:
        """Close the link; `run` returns. Nothing more is told of streams."""
        self._is_stopping = True
        await self.link.stop()

    def _sessions(self) -> list[Session]:
        return [session for session in (self._session, self._staged) if session is not None]

    async def _url(self) -> str:
        return self._dialect.url(self.route)

    async def _on_open(self, send: Send) -> None:
        settings = self._wiring.settings
        subscriptions = Subscriptions(
            self.streams,
            next_id=self._wiring.next_id,
            refusals=self._refusals,
            per_request=self._dialect.limits.streams_per_request,
            max_waiting=settings.max_waiting,
            answer_timeout_ns=settings.answer_timeout_ns,
        )
        session = self._staged = Session(subscriptions, self._dialect, send, self._clock, settings.max_asks)
        try:
            await session.settle()
        except BaseException as error:
            self._staged = None
            self._tell(str(error) or "given up")
            raise
        finally:
            self.counts["unanswered"] += session.take_unanswered()

    def _on_state(self, is_up: bool, reason: str) -> None:
        if is_up:
            self._session, self._staged = self._staged, None
        else:
            self._session = None
        self._changed.set()
        self._tell_connection(is_up, reason)
        if not is_up and not self._is_stopping:
            self._fall(self._uncovered(), reason)
        self._tell(reason)

    def _tell_connection(self, is_up: bool, reason: str) -> None:
        if self._wiring.on_connection is not None:
            try:
                self._wiring.on_connection(self.name, is_up, reason)
            except Exception:
                logger.exception("%s: telling that it is %s failed", self.name, "up" if is_up else "down")

    def _uncovered(self) -> frozenset[str]:
        """After a fall: the streams that the next connection, being opened, was granted only after the last frame of
        the one that fell. What came in between is missing.
        """
        if self._staged is None:
            return frozenset()
        staged, last_ns = self._staged.subscriptions, self.link.last_frame_ns
        return frozenset(stream for stream in self._told & staged.on if staged.on_since_ns(stream) > last_ns)

    def _tell(self, reason: str) -> None:
        """Tell what changed of which streams come."""
        session = self._session or self._staged  # one that is opened delivers already where none stands
        on = session.subscriptions.on if session and not self._is_stopping else frozenset[str]()
        if self._is_stopping:
            self._told = on
            return
        self._fall(self._told - on, reason)
        risen = on - self._told
        self._told = on
        if risen:
            self._tell_each(risen, True, reason)
            for stream in risen:
                self._missing_since.pop(stream, None)

    def _fall(self, streams: frozenset[str], reason: str) -> None:
        self._told -= streams
        since_ns = self.link.last_frame_ns or self._clock.now_ns()
        for stream in streams:
            self._missing_since.setdefault(stream, since_ns)
        self._tell_each(streams, False, reason)

    def _tell_each(self, streams: Iterable[str], is_up: bool, reason: str) -> None:
        """Streams for which the same time is told go together."""
        by_time: dict[int, list[str]] = {}
        for stream in sorted(streams):
            by_time.setdefault(self._missing_since.get(stream, 0), []).append(stream)
        for since_ns, together in by_time.items():
            try:
                self._wiring.on_streams(together, is_up, reason, since_ns)
            except Exception:
                logger.exception("%s: telling of %d streams failed", self.name, len(together))

    def _on_frame(self, frame: bytes, ts_ns: int) -> None:
        answer = self._dialect.answer(frame)
        if answer is not None:
            self._answered(answer)
            return
        if self._is_recorded and self._wiring.raw is not None:
            self._wiring.raw.record(self.name, frame, ts_ns)
        stream = self._dialect.stream_of(frame)
        if stream is not None:
            if stream in self._heard:
                self._heard[stream] = ts_ns
        elif reason := self._dialect.shutdown(frame):
            self.link.restart(reason)
            return
        self._consume(frame, ts_ns)

    def _is_answer(self, frame: bytes) -> bool:
        return self._dialect.answer(frame) is not None

    def _answered(self, answer: Answer) -> None:
        refused = [stream for session in self._sessions() for stream in session.answered(answer)]
        if not answer.is_ok:
            self.counts["refused"] += 1
            about = f"streams {', '.join(refused[:10])}" if refused else f"request {answer.id}"
            logger.warning("%s: the venue refused %s: %s", self.name, about, answer.reason)
        self._tell(answer.reason or "subscribed")

    async def _work(self) -> None:
        """Ask for what is wanted, and look after silent streams."""
        watch_ns = self._wiring.settings.watch_interval_ns
        while True:
            if self._wiring.raw is not None:
                self._is_recorded = self._wiring.raw.is_wanted(self.name)
            session = self._session
            if session is None:
                await self._changed.wait(watch_ns)
                continue
            try:
                await session.step()
            except VenueError as error:
                self.link.restart(str(error))
            self.counts["unanswered"] += session.take_unanswered()
            self._watch(session)
            await session.wait(watch_ns)

    def _watch(self, session: Session) -> None:
        subscriptions = session.subscriptions
        limits = ((stream, self._dialect.silence_ns(stream)) for stream in subscriptions.on)
        watched = [(name, limit_ns, subscriptions.on_since_ns(name)) for name, limit_ns in limits if limit_ns]
        silent = self._watchdog.look(watched, self._clock.now_ns())
        for stream, since_ns, wants_new_connection in silent:
            self.counts["silent"] += 1
            self._missing_since.setdefault(stream, since_ns)
            quiet_s = (self._clock.now_ns() - since_ns) / NS_PER_SECOND
            logger.warning("%s: %s is silent for %.1f s", self.name, stream, quiet_s)
            if wants_new_connection:
                self.link.restart(f"{stream} stays silent")
        if silent:
            subscriptions.distrust(silence.stream for silence in silent)
            self._tell("silent")
