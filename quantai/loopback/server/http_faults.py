"""Faults of requests: those that any venue can have, told in no venue's words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from quantai.core.clock import NS_PER_SECOND
from quantai.loopback.server.faults import Fault, FaultKind

if TYPE_CHECKING:
    from quantai.loopback.server.venue import LoopbackVenue

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BEFORE = frozenset({FaultKind.ERROR_BEFORE, FaultKind.HANG_UP_BEFORE})
"""These keep a request from being done."""
_TOO_MANY = {FaultKind.RATE_LIMIT: 429, FaultKind.BAN: 418}
_HANG_UPS = (FaultKind.HANG_UP_BEFORE, FaultKind.HANG_UP_AFTER)


def hang_up(request: web.Request) -> web.StreamResponse:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


async def spoil(venue: LoopbackVenue, response: web.Response, fault: Fault) -> web.Response:
    """Delay the answer to a request that was done, or make it unreadable."""
    match fault.kind:
        case FaultKind.DELAY:
            waited = asyncio.Event()
            venue.clock.call_later(int(fault.seconds * NS_PER_SECOND), lambda _due: waited.set())
            await waited.wait()
        case FaultKind.TRUNCATE:
            assert isinstance(response.body, bytes)
            response.body = response.body[: len(response.body) // 2]
        case FaultKind.GARBAGE:
            response.body = b"<html>502 Bad Gateway</html>"
    return response


def faulty(venue: LoopbackVenue, handler: Handler) -> Handler:
    """`handler` with the faults that were asked for, and a count of its requests, `POST /order`; statuses say what
    they say at most venues.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        name = f"{request.method} {request.path}"
        venue.counts[name] += 1
        fault = venue.faults.of_reply(name) if venue.faults.replies else None
        if venue.is_down:
            return web.Response(status=503)
        if fault is None:
            return await handler(request)
        if fault.kind in _TOO_MANY:
            return web.Response(status=_TOO_MANY[fault.kind], headers={"Retry-After": str(int(fault.seconds))})
        response = None if fault.kind in BEFORE else await handler(request)
        if fault.kind in _HANG_UPS:
            return hang_up(request)
        if response is None or fault.kind is FaultKind.ERROR_AFTER:
            return web.Response(status=fault.status)
        assert isinstance(response, web.Response)
        return await spoil(venue, response, fault)

    return answer
