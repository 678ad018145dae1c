"""How a connection comes to stand: rate budget, URL, handshake, login and subscriptions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from websockets.exceptions import InvalidStatus

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.exchanges.errors import NotSent
from quantai.exchanges.rate_limiter import Priority, RateLimiter, RateRule
from quantai.exchanges.websocket.connection import Connection, FrameHandler, open_socket
from quantai.exchanges.websocket.settings import LinkSettings
from quantai.exchanges.websocket.waiting import time_limit

Send = Callable[[str], Awaitable[None]]

_TOO_MANY, _BANNED = 429, 418
_USUAL_RETRY_S = 60
_LONGEST_BAN_S = 3 * 86_400


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
        """A venue that turns us away for too many attempts says for how long; 418 is a ban."""
        status = error.response.status_code
        if self.connects is not None and status in (_TOO_MANY, _BANNED):
            after = error.response.headers.get("Retry-After", "")
            pause_s = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else _USUAL_RETRY_S
            until_ns = self.clock.now_ns() + min(pause_s, _LONGEST_BAN_S) * NS_PER_SECOND
            self.connects.pause(until_ns, f"HTTP {status} to {self.name}", is_ban=status == _BANNED)
