"""One connection of a client from its handshake to its end: limits on the way in, a queue on the way out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from quantai.core.clock import NS_PER_SECOND
from quantai.loopback.server.socket import ClientSocket
from quantai.loopback.server.usage import MessageMeter

if TYPE_CHECKING:
    from quantai.loopback.server.venue import LoopbackVenue

OnText = Callable[[bytes], None]
Welcome = Callable[[ClientSocket], tuple[OnText, Callable[[], None]]]
"""Given the socket, who reads what comes, and what to do at the end."""

CONNECTS = "CONNECTS"
"""The limit of connections, where a venue publishes one."""


@dataclass(frozen=True, kw_only=True)
class SocketRules:
    """How a venue keeps its sockets. Times in nanoseconds."""

    messages_per_second: int
    """From a client."""
    ping_ns: int
    pong_deadline_ns: int


async def serve_socket(
    venue: LoopbackVenue, rules: SocketRules, request: web.Request, welcome: Welcome
) -> web.StreamResponse:
    """Accept a connection and read it until it ends."""
    client = request.remote or ""
    if venue.is_down:
        return web.Response(status=503)
    if venue.usage.check(CONNECTS, client, 1) is not None:
        venue.counts["refused_connects"] += 1
        return web.Response(status=429)
    venue.usage.add(CONNECTS, client, 1)
    venue.counts["connects"] += 1
    ws = web.WebSocketResponse(autoping=False, compress=False)
    await ws.prepare(request)
    socket = ClientSocket(
        ws,
        request,
        venue.clock,
        venue.faults,
        venue.counts,
        ping_ns=rules.ping_ns,
        pong_deadline_ns=rules.pong_deadline_ns,
    )
    socket.close_at(socket.opened_ns + venue.settings.max_age_ns)
    meter = MessageMeter(venue.clock, rules.messages_per_second, NS_PER_SECOND)
    writer = asyncio.get_running_loop().create_task(socket.write())
    on_text, leave = welcome(socket)
    try:
        async for message in ws:
            if meter.is_over():
                venue.counts["message_floods"] += 1
                break
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                on_text(message.data.encode() if isinstance(message.data, str) else message.data)
            elif message.type is WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                socket.heard()
    finally:
        leave()
        socket.close()
        await writer
    return ws
