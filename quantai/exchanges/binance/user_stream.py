"""Binance's private streams: opened with a secret, kept up, and opened anew where the secret or the socket ends.

Source: Binance Spot API, «User data stream requests»; USD-M Futures, «User data streams» (listen key).
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from quantai.core.clock import NS_PER_SECOND, Timer
from quantai.core.errors import StartupError, VenueError
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.error_codes import LISTEN_KEY_GONE
from quantai.exchanges.binance.private_events import PrivateEvents
from quantai.exchanges.binance.private_messages import NO_EVENT, SpotFrame
from quantai.exchanges.binance.product import CONNECTS, WEIGHT
from quantai.exchanges.binance.rest_messages import ListenKey, Nothing
from quantai.exchanges.binance.ws_api import Send, WsApi
from quantai.exchanges.errors import AuthenticationError, RequestRefused
from quantai.exchanges.execution import ReportSink
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.rate_limiter import Priority, RateRule
from quantai.exchanges.websocket.link import Link
from quantai.exchanges.websocket.settings import LinkSettings

logger = logging.getLogger(__name__)

RENEW_NS = 30 * 60 * NS_PER_SECOND
"""How often a listen key, which lives for 60 minutes, is renewed."""
_RETRY_NS = 60 * NS_PER_SECOND
_START_NS = 30 * NS_PER_SECOND
_EVENT = b'"event"'
_HEAD = 64
"""Bytes at the beginning of a frame in which it says that it is an event."""

_decode_frame = msgspec.json.Decoder(SpotFrame).decode

StateSink = Callable[[bool, str], None]


class UserStream(ABC):
    """One private stream. `on_state(True, ..)` is called when it stands, anew too, so that what was missed is asked
    for; `on_state(False, ..)` when it fell, or can no longer be trusted.
    """

    def __init__(
        self, core: BinanceCore, on_report: ReportSink, on_state: StateSink, settings: LinkSettings | None = None
    ) -> None:
        self._core = core
        self._tell_state = on_state
        self._opened = asyncio.Event()
        self._refused: AuthenticationError | None = None
        self._task: asyncio.Task[None] | None = None
        self.events = PrivateEvents(core.mapper, core.clock, on_report, self._on_change, self._on_stream)
        limits = core.product.streams
        self.link = Link(
            f"{core.venue} private", self._secret_url, clock=core.clock, on_frame=self._on_frame,
            on_state=self._on_state, on_open=self._log_in, settings=settings, is_answer=self._is_answer,
            connects=core.limiter, connect_costs=self._connect_costs(),
            messages=RateRule("messages", limits.messages_per_second, NS_PER_SECOND, is_window=False),
        )  # fmt: skip

    async def start(self) -> None:
        """Return when the stream stands. Raises `StartupError` where it does not in time, or never will."""
        self._task = asyncio.create_task(self.link.run())
        self._task.add_done_callback(self._on_over)
        timer = self._core.clock.call_later(_START_NS, lambda due_ns: self._opened.set())
        try:
            await self._opened.wait()
        finally:
            timer.cancel()
        if not self.link.is_up:
            await self.stop()
            why = str(self._refused) if self._refused is not None else f"not open in {_START_NS // NS_PER_SECOND} s"
            raise StartupError(f"the private stream of {self._core.venue} does not stand: {why}")

    async def stop(self) -> None:
        """Close it; returns when nothing more will come."""
        await self.link.stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @abstractmethod
    async def _url(self) -> str:
        """Where to connect."""

    @abstractmethod
    def _on_frame(self, frame: bytes, ts_ns: int) -> None:
        """Take what came; what cannot be read is raised, and goes to quarantine."""

    async def _subscribe(self, send: Send) -> None:
        """Ask for the events on a new connection, where connecting alone does not."""

    def _connect_costs(self) -> dict[str, int]:
        return {CONNECTS: 1}

    def _is_answer(self, frame: bytes) -> bool:
        return False

    async def _secret_url(self) -> str:
        try:
            return await self._url()
        except AuthenticationError as error:
            self._give_up(error)
            raise

    async def _log_in(self, send: Send) -> None:
        try:
            await self._subscribe(send)
        except AuthenticationError as error:
            self._give_up(error)
            raise

    def _give_up(self, error: AuthenticationError) -> None:
        """Whoever waits for the start need not wait for another answer; a stream that stood once is tried again."""
        self._refused = error
        self._opened.set()

    def _on_over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("the private stream of %s broke", self._core.venue, exc_info=task.exception())
            self._tell_state(False, "it broke")

    def _on_state(self, is_up: bool, reason: str) -> None:
        if is_up:
            self._opened.set()
        self._tell_state(is_up, reason)

    def _on_change(self, reason: str) -> None:
        """The account may be another one than the reports say: compare it."""
        if self.link.is_up:
            self._tell_state(True, reason)

    def _on_stream(self, kind: str) -> None:
        if kind != "serverShutdown":  # until a shutdown everything still comes
            self._tell_state(False, kind)
        self.link.restart(kind)


class SpotUserStream(UserStream):
    """Over the WebSocket API: subscribed with a signature, once for each connection."""

    def __init__(
        self, core: BinanceCore, on_report: ReportSink, on_state: StateSink, settings: LinkSettings | None = None
    ) -> None:
        super().__init__(core, on_report, on_state, settings)
        self._api = WsApi(core.api_key, core.signer, core.venue_clock.now_ms)

    def _connect_costs(self) -> dict[str, int]:
        return {CONNECTS: 1, WEIGHT: self._core.product.ws_connect_weight}

    def _is_answer(self, frame: bytes) -> bool:
        return _EVENT not in frame[:_HEAD]

    async def _url(self) -> str:
        return self._core.hosts.private_ws

    async def _subscribe(self, send: Send) -> None:
        await self._api.call(send, "userDataStream.subscribe.signature")

    def _on_frame(self, frame: bytes, ts_ns: int) -> None:
        try:
            message = _decode_frame(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.events.lose("a frame that cannot be read")
            raise
        if message.event == NO_EVENT:
            self._api.take(message)
        else:
            self.events.take(message.event)


class UsdmUserStream(UserStream):
    """Behind a listen key, which is renewed while the stream stands, and made anew for each connection: as long as it
    is valid, making it anew gives the same one.
    """

    def __init__(
        self, core: BinanceCore, on_report: ReportSink, on_state: StateSink, settings: LinkSettings | None = None
    ) -> None:
        super().__init__(core, on_report, on_state, settings)
        self._renewal: Timer | None = None
        self._renewing: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """The listen key is left to expire: another daemon of the same account has the same one."""
        if self._renewal is not None:
            self._renewal.cancel()
        for task in self._renewing:
            task.cancel()
        await asyncio.gather(*self._renewing, return_exceptions=True)
        await super().stop()

    async def _url(self) -> str:
        key = (await self._core.http.call(self._request("POST"), ListenKey)).listen_key
        self._renew_in(RENEW_NS)
        return f"{self._core.hosts.private_ws}/private/ws?listenKey={quote(key, safe='')}"

    def _request(self, method: str) -> HttpRequest:
        product = self._core.product
        return HttpRequest(
            method=method, path=product.path("listenKey"), costs=product.costs(1), needs_key=True, is_safe=True,
            priority=Priority.ORDER,
        )  # fmt: skip

    def _on_frame(self, frame: bytes, ts_ns: int) -> None:
        self.events.take(frame)

    def _renew_in(self, delay_ns: int) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = self._core.clock.call_later(delay_ns, self._renew)

    def _renew(self, due_ns: int) -> None:
        task = asyncio.get_running_loop().create_task(self._put())
        self._renewing.add(task)
        task.add_done_callback(self._renewing.discard)

    async def _put(self) -> None:
        """Renew the key; where it is gone, connect with a new one."""
        try:
            await self._core.http.call(self._request("PUT"), Nothing)
        except VenueError as error:
            if isinstance(error, RequestRefused) and error.code == LISTEN_KEY_GONE:
                self._on_stream("the listen key is gone")
            else:
                logger.warning("the listen key of %s was not renewed, it is tried again: %s", self._core.venue, error)
            self._renew_in(_RETRY_NS)
        else:
            self._renew_in(RENEW_NS)
