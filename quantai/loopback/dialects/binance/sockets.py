"""WebSocket streams: connections, subscriptions, routes. Source: Binance Spot API, «WebSocket streams»; USD-M Futures,
«WebSocket market streams».
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from quantai.loopback.dialects.binance.errors import ApiError
from quantai.loopback.dialects.binance.hub import encode
from quantai.loopback.dialects.binance.stream_client import StreamClient
from quantai.loopback.dialects.binance.wording import to_ms, to_us
from quantai.loopback.server.serving import OnText, serve_socket
from quantai.loopback.server.socket import ClientSocket

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_SHUTDOWN = "!serverShutdown"
_SILENT = "public"
"""What the unrouted roots of USD-M still serve: they acknowledge the rest, and stay silent."""


class StreamServer:
    """Serves market data streams, and the private ones of products whose keys are in the URL."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect
        self._clients: dict[StreamClient, None] = {}

    def attach(self, app: web.Application) -> None:
        """Add the routes."""
        for route in self._dialect.facts.routes:
            prefix = f"/{route}" if route else ""
            for path in (f"{prefix}/ws", f"{prefix}/ws/{{streams}}", f"{prefix}/stream"):
                app.router.add_get(path, self._handler(route, is_combined=path.endswith("/stream")))

    def stop(self) -> None:
        """Cut every connection."""
        self.cut("")

    def cut(self, match: str) -> None:
        """Cut the connections that have a stream with `match` in its name."""
        for client in list(self._clients):
            if not match or any(match in stream for stream in client.streams):
                client.socket.abort()

    def disconnect_all(self, due_ns: int) -> None:
        """Tell those who are told (spot), then close all."""
        for client in list(self._clients):
            if not self._dialect.is_futures:
                client.socket.send(_SHUTDOWN, _notice(client, self._dialect.venue.now_ms()))
            client.socket.close_at(due_ns)

    def _handler(self, route: str, *, is_combined: bool) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, route, is_combined=is_combined)

        return handle

    async def _serve(self, request: web.Request, route: str, *, is_combined: bool) -> web.StreamResponse:
        dialect = self._dialect
        route = _SILENT if dialect.is_futures and not route else route
        is_us = request.query.get("timeUnit", "").upper() == "MICROSECOND"
        names = request.query.get("streams") or request.match_info.get("streams") or ""
        streams = [name for name in names.split("/") if name]

        def welcome(socket: ClientSocket) -> tuple[OnText, Callable[[], None]]:
            time = to_us if is_us else to_ms
            client = StreamClient(socket, dialect.streams.hub, route, is_combined=is_combined, time=time)
            self._clients[client] = None
            if not dialect.is_futures:
                due_ns = dialect.venue.settings.notice_ns(socket.opened_ns)
                socket.send_at(due_ns, _SHUTDOWN, _notice(client, due_ns // 1_000_000))
            for stream in streams:
                client.subscribe(stream)
            leave_private = dialect.join_private(request, client) if route == "private" else None

            def leave() -> None:
                client.leave()
                del self._clients[client]
                if leave_private is not None:
                    leave_private()

            return lambda frame: self._command(client, frame), leave

        return await serve_socket(dialect.venue, dialect.facts, request, welcome)

    def _command(self, client: StreamClient, frame: bytes) -> None:
        try:
            message = msgspec.json.decode(frame)
        except msgspec.DecodeError as error:
            return self._reply(client, {"code": 3, "msg": f"Invalid JSON: {error}", "id": None})
        identifier = message.get("id") if isinstance(message, dict) else None
        try:
            result = self._obey(client, message)
        except ApiError as error:
            return self._reply(client, {"code": error.code, "msg": error.message, "id": identifier})
        return self._reply(client, {"result": result, "id": identifier})

    def _obey(self, client: StreamClient, message: Any) -> object:
        method = message.get("method") if isinstance(message, dict) else None
        params = message.get("params", []) if isinstance(message, dict) else []
        match method:
            case "SUBSCRIBE":
                names = _streams(params)
                if len({*client.streams, *names}) > self._dialect.facts.streams_per_socket:
                    raise ApiError(2, "Invalid request: too many streams on one connection")
                for name in names:
                    client.subscribe(name)
            case "UNSUBSCRIBE":
                for name in _streams(params):
                    client.unsubscribe(name)
            case "LIST_SUBSCRIPTIONS":
                return list(client.streams)
            case "SET_PROPERTY" if params == ["combined", True] or params == ["combined", False]:
                client.is_combined = params[1]
            case "GET_PROPERTY" if params == ["combined"]:
                return client.is_combined
            case _:
                raise ApiError(2, "Invalid request: unknown method or parameters")
        return None

    def _reply(self, client: StreamClient, body: object) -> None:
        client.socket.send("control", msgspec.json.encode(body))


def _notice(client: StreamClient, now_ms: int) -> bytes:
    return encode(_SHUTDOWN, {"e": "serverShutdown", "E": now_ms}, is_combined=client.is_combined)


def _streams(params: Any) -> list[str]:
    if not isinstance(params, list) or not params or not all(isinstance(name, str) and name for name in params):
        raise ApiError(2, "Invalid request: params must be an array of stream names")
    return params
