"""The connection to Redis: how it is made, and who hears that it fell or stands again."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.errors import BusClosed, BusOverflow, StartupError
from quantai.events.base import Event
from quantai.events.bus.base import EventBus
from quantai.events.bus.redis.counters import RedisCounters
from quantai.events.bus.redis.settings import RedisSettings
from quantai.events.system import ConnectedEvent, DisconnectedEvent, ErrorEvent, GapEvent

logger = logging.getLogger(__name__)

COMPONENT = "redis bus"

_OF_A_PIPELINE = " of pipeline caused error: "

_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 2.0


class Link:
    """The client of one bus, its counters, and its voice on the local bus.

    Workers say how they fare: the link is down while any of them is.
    """

    def __init__(self, settings: RedisSettings, local: EventBus, clock: Clock) -> None:
        self.client = _client(settings)
        self.counters = RedisCounters()
        self.now_ns = clock.now_ns
        self._where = settings.url
        self._local = local
        self._failures: dict[object, int] = {}
        self._back = asyncio.Event()

    @property
    def is_up(self) -> bool:
        """Whether every worker's last command succeeded."""
        return not self._failures

    async def open(self) -> None:
        """Raises `StartupError` where Redis cannot be reached or does not let us in."""
        try:
            await self.client.ping()
        except (RedisError, OSError) as error:
            await self.client.aclose()
            raise StartupError(
                f"the event bus cannot use Redis at {self._where}: {text_of(error).rstrip('.')}. Start Redis, or "
                "correct bus.url, bus.username and bus.password"
            ) from None

    async def failed(self, worker: object, error: Exception) -> None:
        """`worker` could not do its work. Returns when it should try again: later every time, never just as long as
        others, and at once when another could do its work, so that nobody speaks for long who cannot hear.
        """
        was_up = self.is_up
        failures = self._failures[worker] = self._failures.get(worker, 0) + 1
        if was_up:
            reason = text_of(error)
            expected = isinstance(error, RedisError | OSError)
            logger.warning("Redis at %s is lost: %s", self._where, reason, exc_info=None if expected else error)
            self.tell(DisconnectedEvent(COMPONENT, *self._now(), reason))
        delay_s = random.uniform(0.5, 1.0) * min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(failures, 20))
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._back.wait()

    def succeeded(self, worker: object) -> None:
        """`worker` could do its work."""
        if not self._failures or not self._failures.pop(worker, 0):
            return
        self._back.set()
        self._back = asyncio.Event()
        if self.is_up:
            self.counters.reconnects += 1
            logger.warning("Redis at %s is back", self._where)
            self.tell(ConnectedEvent(COMPONENT, *self._now()))

    def alarm(self, error: Exception, message: str, cause: str = "") -> None:
        """Tell of trouble that the bus survives."""
        logger.error("the Redis bus at %s: %s", self._where, message)
        self.tell(ErrorEvent(COMPONENT, *self._now(), type(error).__name__, message, cause))

    def gap(self, start_ns: int, end_ns: int, lost: int, reason: str) -> None:
        """Tell that events of other processes are missing, of whatever instruments; `lost` is 0 where not known."""
        self.counters.lost += lost
        self.tell(GapEvent(COMPONENT, *self._now(), "", "", min(start_ns, end_ns), end_ns, lost, reason))

    def tell(self, event: Event) -> None:
        """Publish on the local bus, if that takes it."""
        with suppress(BusOverflow, BusClosed):
            self._local.post(event)

    def _now(self) -> tuple[int, int]:
        now_ns = self.now_ns()
        return now_ns, now_ns


def text_of(error: BaseException) -> str:
    """What `error` says, without the command that redis-py quotes, or at least what it is."""
    text = str(error)
    return text.partition(_OF_A_PIPELINE)[2] or text or type(error).__name__


def _client(settings: RedisSettings) -> Redis:
    """A client that never tries again by itself: who sends knows better what to send again."""
    tls: dict[str, Any] = {}
    if settings.url.startswith("rediss://"):
        tls["ssl_min_version"] = ssl.TLSVersion.TLSv1_2
        if settings.ca_file is not None:
            tls["ssl_ca_certs"] = str(settings.ca_file)
    timeout_s = settings.timeout_ns / NS_PER_SECOND
    return Redis.from_url(
        settings.url,
        username=settings.username or None,
        password=settings.password.get_secret_value() if settings.password else None,
        client_name=f"quantai-{settings.name}-{settings.group or 'live'}".replace(" ", "-"),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        **tls,
    )
