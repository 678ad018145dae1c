"""Requests to a venue: signed, within the rate budget, with typed answers, and with errors that say what they prove."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp
import msgspec
from yarl import URL

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.errors import VenueError
from quantai.exchanges.errors import (
    ClockSkew,
    MalformedReply,
    NoConnection,
    NotSent,
    OutcomeUnknown,
    RateLimitExceeded,
)
from quantai.exchanges.http_breaker import HttpBreaker
from quantai.exchanges.http_request import Headers, HttpDialect, HttpRequest, Wire
from quantai.exchanges.http_settings import HttpCounts, HttpSettings
from quantai.exchanges.rate_limiter import RateLimiter

__all__ = ["Headers", "HttpClient", "HttpCounts", "HttpDialect", "HttpRequest", "HttpSettings", "Wire"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_CONNECT_S = 5
_MAX_DELAY_NS = 5 * NS_PER_SECOND
_SMOOTHING = 0.2


class HttpClient:
    """Sends requests to one venue.

    Nothing is sent twice but safe requests, and those that were refused for the time in them. A limit that was exceeded
    pauses the limiter for all. A venue that answers nothing is sent no orders until it does (see `HttpBreaker`).
    """

    def __init__(
        self,
        dialect: HttpDialect,
        limiter: RateLimiter,
        clock: Clock,
        *,
        settings: HttpSettings | None = None,
        now_ms: Callable[[], int] | None = None,
        on_clock_skew: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`now_ms` tells the time at the venue, our own clock's where not given; `on_clock_skew` puts it right."""
        self._dialect = dialect
        self._limiter = limiter
        self._clock = clock
        self.settings = settings or HttpSettings()
        """Taken at each `start`."""
        self._now_ms = now_ms or (lambda: clock.now_ns() // 1_000_000)
        self._on_clock_skew = on_clock_skew
        self._session: aiohttp.ClientSession | None = None
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
        self.counts = HttpCounts()
        self._breaker = self._new_breaker()
        self.latency_ns = 0
        """From sending to the answer, smoothed; 0 before the first."""

    @property
    def is_broken(self) -> bool:
        """Whether the venue answers nothing, and is sent no new orders."""
        return self._breaker.is_open

    def _new_breaker(self) -> HttpBreaker:
        return HttpBreaker(self._dialect.base_url, self._clock, self.settings, self.counts, self._on_clock_skew)

    async def start(self) -> None:
        """Be ready; connects with the first request. A second start changes nothing."""
        if self._session is not None:
            return
        self._breaker = self._new_breaker()
        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(_note_sent)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.settings.connections, ttl_dns_cache=60),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_S),
            trace_configs=[tracing],
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "quantai"},
        )
        # aiohttp by itself sends PUT and DELETE again where a kept connection was closed meanwhile; what was sent then
        # may have been done. There is no public switch; a test watches this one.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None  # from here on nothing is sent
        await self._breaker.close()
        if session is not None:
            await session.close()

    async def call(self, request: HttpRequest, type_: type[T]) -> T:
        """The answer, as a `type_`.

        Raises `RequestRefused` (or a class below) where the venue said no, `NotSent` where the request never left,
        `OutcomeUnknown` where nobody knows.
        """
        attempt = 0
        deadline_ns = self._clock.now_ns() + request.budget_ns
        while True:
            try:
                return await self._attempt(request, type_, deadline_ns)
            except ClockSkew:
                if attempt or not await self._is_put_right():
                    raise
                if not request.can_repeat and self._clock.now_ns() >= deadline_ns:
                    raise
            except (OutcomeUnknown, NoConnection, RateLimitExceeded) as error:
                is_banned = isinstance(error, RateLimitExceeded) and error.is_ban
                if is_banned or not request.can_repeat or attempt >= self.settings.repeats:
                    raise
                await self._rest(attempt)
            if request.can_repeat:
                deadline_ns = self._clock.now_ns() + request.budget_ns
            attempt += 1
            self.counts.repeated += 1

    async def _is_put_right(self) -> bool:
        """Have the time at the venue measured. What goes wrong there says nothing of the request that was refused."""
        if self._on_clock_skew is None:
            return False
        try:
            await self._on_clock_skew()
        except VenueError as error:
            logger.warning("the time at the venue cannot be measured: %s", error)
            return False
        return True

    async def _rest(self, attempt: int) -> None:
        limit_ns = min(self.settings.delay_ns << attempt, _MAX_DELAY_NS)
        await asyncio.sleep(random.uniform(0, limit_ns) / NS_PER_SECOND)

    async def _attempt(self, request: HttpRequest, type_: type[T], deadline_ns: int) -> T:
        try:
            await self._breaker.admit(request, deadline_ns)
            await self._limiter.acquire(request.costs, request.priority, deadline_ns)
        except NotSent as error:
            self.counts.not_sent += 1
            raise NotSent(f"{request}: {error}") from None
        with self._breaker.watch():
            return await self._exchange(request, type_)

    async def _exchange(self, request: HttpRequest, type_: type[T]) -> T:
        sent_ns = self._clock.now_ns()
        try:
            status, headers, body = await self._send(request)
        except NotSent:
            self.counts.not_sent += 1
            self._limiter.refund(request.costs, sent_ns)
            raise
        except OutcomeUnknown:
            self.counts.unknown += 1
            raise
        refusal = self._understand(request, status, headers, body, sent_ns)
        if refusal is not None:
            raise self._refused(request, refusal)
        answer = self._decode(request, body, type_)
        self._time(self._clock.now_ns() - sent_ns)
        return answer

    async def _send(self, request: HttpRequest) -> tuple[int, Headers, bytes]:
        """The reply. Raises `NotSent` or `OutcomeUnknown`; errors of aiohttp name the URL, so none is passed on."""
        if self._session is None:
            raise NotSent(f"{request}: not sent, the client is not started or was closed")
        wire = self._dialect.sign(request, self._now_ms())
        url = f"{self._dialect.base_url}{request.path}"
        trace = SimpleNamespace(is_sent=False)
        try:
            async with (
                asyncio.timeout(request.timeout_ns / NS_PER_SECOND),
                self._session.request(
                    request.method,
                    URL(f"{url}?{wire.query}" if wire.query else url, encoded=True),
                    data=wire.body or None,
                    headers=wire.headers,
                    allow_redirects=False,
                    trace_request_ctx=trace,
                ) as reply,
            ):
                return reply.status, reply.headers, await self._read(request, reply)
        except TimeoutError:
            raise _failure(request, trace.is_sent, f"no answer in {request.timeout_ns / NS_PER_SECOND:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(request, trace.is_sent, type(error).__name__) from None

    async def _read(self, request: HttpRequest, reply: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in reply.content.iter_any():
            body += chunk
            if len(body) > self.settings.max_body_bytes:
                raise MalformedReply(f"{request}: the answer is longer than {self.settings.max_body_bytes:,} bytes")
        return bytes(body)

    def _understand(
        self, request: HttpRequest, status: int, headers: Headers, body: bytes, sent_ns: int
    ) -> VenueError | None:
        """What the venue means. A dialect that a strange reply breaks has proved nothing of what was sent."""
        try:
            self._dialect.learn(headers, self._limiter, sent_ns)
            return self._dialect.refusal(status, headers, body)
        except Exception as error:
            self.counts.malformed += 1
            raise MalformedReply(f"{request}: the answer cannot be read ({type(error).__name__})") from error

    def _refused(self, request: HttpRequest, error: VenueError) -> VenueError:
        if isinstance(error, OutcomeUnknown):
            self.counts.unknown += 1
        else:
            self.counts.refused += 1
        if isinstance(error, RateLimitExceeded) and error.limits:
            for name in error.limits:
                self._limiter.exhaust(name)
        elif isinstance(error, RateLimitExceeded):
            usual_ns = self.settings.default_ban_ns if error.is_ban else self.settings.default_pause_ns
            silence_ns = error.retry_after_ns or usual_ns
            logger.warning("%s: %s: silent for %.1f s", request, error, silence_ns / NS_PER_SECOND)
            self._limiter.pause(self._clock.now_ns() + silence_ns, str(error), error.is_ban)
        return error

    def _decode(self, request: HttpRequest, body: bytes, type_: type[T]) -> T:
        decoder = self._decoders.get(type_)
        if decoder is None:
            decoder = self._decoders[type_] = msgspec.json.Decoder(type_)
        try:
            answer: T = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.counts.malformed += 1
            raise MalformedReply(f"{request}: the answer cannot be read ({error})") from None
        self.counts.answered += 1
        return answer

    def _time(self, took_ns: int) -> None:
        before = self.latency_ns or took_ns
        self.latency_ns = round(before + (took_ns - before) * _SMOOTHING)


async def _note_sent(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.is_sent = True


def _failure(request: HttpRequest, is_sent: bool, what: str) -> VenueError:
    if is_sent:
        return OutcomeUnknown(f"{request}: sent, and nobody knows what became of it ({what})")
    return NoConnection(f"{request}: not sent, no connection ({what})")
