"""Binance's private streams: opened with a secret, kept up, and opened anew where the secret or the socket ends.

Source: Binance Spot API, «User data stream requests»; USD-M Futures, «User data streams» (listen key).
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import quote

import msgspec

from quantai.core.clock import NS_PER_SECOND, Timer
from quantai.core.errors import VenueError
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.error_codes import LISTEN_KEY_GONE
from quantai.exchanges.binance.private_events import PrivateEvents
from quantai.exchanges.binance.private_messages import NO_EVENT, SpotFrame
from quantai.exchanges.binance.product import CONNECTS, WEIGHT
from quantai.exchanges.binance.rest_messages import ListenKey, Nothing
from quantai.exchanges.binance.ws_api import Send, WsApi
from quantai.exchanges.errors import RequestRefused
from quantai.exchanges.execution import ReportSink
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.private_stream import PrivateStream, StateSink
from quantai.exchanges.rate_limiter import Priority, RateRule
from quantai.exchanges.websocket.settings import LinkSettings

logger = logging.getLogger(__name__)

RENEW_NS = 30 * 60 * NS_PER_SECOND
"""How often a listen key, which lives for 60 minutes, is renewed."""
_RETRY_NS = 60 * NS_PER_SECOND
_EVENT = b'"event"'
_HEAD = 64
"""Bytes at the beginning of a frame in which it says that it is an event."""

_decode_frame = msgspec.json.Decoder(SpotFrame).decode


class UserStream(PrivateStream):
    """The part that both products share: the events."""

    _core: BinanceCore

    def __init__(
        self, core: BinanceCore, on_report: ReportSink, on_state: StateSink, settings: LinkSettings | None = None
    ) -> None:
        messages = core.product.streams.messages_per_second
        super().__init__(
            core,
            on_state,
            connect_costs=self._connect_costs(core),
            messages=RateRule("messages", messages, NS_PER_SECOND, is_window=False),
            settings=settings,
        )
        self.events = PrivateEvents(core.mapper, core.clock, on_report, self._on_change, self._on_stream)

    def _connect_costs(self, core: BinanceCore) -> dict[str, int]:
        return {CONNECTS: 1}

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

    def _connect_costs(self, core: BinanceCore) -> dict[str, int]:
        return {CONNECTS: 1, WEIGHT: core.product.ws_connect_weight}

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
        await super().stop()  # first, for it makes no key any more then
        if self._renewal is not None:
            self._renewal.cancel()
        for task in self._renewing:
            task.cancel()
        await asyncio.gather(*self._renewing, return_exceptions=True)

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
