"""How a connection comes to stand: rate budget, URL, handshake, login and subscriptions."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from websockets.exceptions import InvalidStatus

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.exchanges.errors import NotSent
from quantai.exchanges.rate_limiter import Priority, RateLimiter, RateRule
from quantai.exchanges.reply_errors import retry_after_ns
from quantai.exchanges.websocket.connection import Connection, FrameHandler, open_socket
from quantai.exchanges.websocket.settings import LinkSettings
from quantai.exchanges.websocket.waiting import time_limit

logger = logging.getLogger(__name__)

Send = Callable[[str], Awaitable[None]]

_TOO_MANY, _BANNED = 429, 418
_SHORTEST_BAN_NS = 120 * NS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """Makes the connections of one link; see `Link` for what the fields are."""

    name: str
    url: Callable[[], Awaitable[str]]
    clock: Clock
    settings: LinkSettings
    on_open: Callable[[Send], Awaitable[None]] | None
    connects: RateLimiter | None
    connect_costs: Mapping[str, int]
    messages: RateRule | None

    async def connect(self, deliver: FrameHandler) -> Connection:
        """A connection after its handshake. Raises what `connection.failure` has words for."""
        if self.connects is not None:
            await self.connects.acquire(self.connect_costs, Priority.ORDER)
        try:
            socket = await open_socket(await self.url(), self.settings, self.clock)
        except InvalidStatus as error:
            self._heed(error)
            raise
        messages = RateLimiter(self.clock, [self.messages], reserve=0) if self.messages else None
        cost = {self.messages.name: 1} if self.messages else {}
        return Connection(socket, self.clock, self.settings, deliver, messages, cost)

    async def greet(self, connection: Connection) -> None:
        """Log in and subscribe. Raises `NotSent` where the connection ends meanwhile or that takes too long, and what
        `on_open` raises.
        """
        if self.on_open is None:
            return
        try:
            async with time_limit(self.clock, self.settings.open_timeout_ns, connection.ended):
                await self.on_open(connection.send)
        except Exception as error:
            if connection.ended.done():
                raise NotSent(connection.ended.result()) from error
            if isinstance(error, TimeoutError):
                limit_s = self.settings.open_timeout_ns / NS_PER_SECOND
                raise NotSent(f"login and subscriptions took longer than {limit_s:g} s") from error
            raise

    def _heed(self, error: InvalidStatus) -> None:
        """A venue that turns us away for too many attempts. 418 is a ban of the address, and what asks for silence by
        Retry-After bans those who go on, whatever they ask for: everybody is silent. A 429 without it is about
        connecting: what an attempt costs is used up until it resets; of what it shares with requests (weight) cancels
        keep their reserve.

        Source: Binance Spot API, «IP limits», and «Websocket limits» (300 connections every 5 minutes for an address).
        """
        status = error.response.status_code
        if self.connects is None or status not in (_TOO_MANY, _BANNED):
            return
        after = next(iter(error.response.headers.get_all("Retry-After")), "")  # one that comes twice breaks `get`
        silence_ns = retry_after_ns({"Retry-After": after}) or (_SHORTEST_BAN_NS if status == _BANNED else 0)
        if silence_ns:
            self.connects.pause(
                self.clock.now_ns() + silence_ns, f"HTTP {status} to {self.name}", is_ban=status == _BANNED
            )
            return
        logger.warning("%s: HTTP %d, no attempt before %s resets", self.name, status, ", ".join(self.connect_costs))
        for name in self.connect_costs:
            self.connects.exhaust(name, keeps_reserve=True)
