"""A real WebSocket server on loopback that speaks in Binance's manner and misbehaves on command; and small helpers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from quantai.core.clock import NS_PER_MS
from quantai.exchanges.websocket import Answer, StreamDialect, StreamLimits

DEADLINE_S = 60.0

Reply = Callable[[dict[str, Any]], dict[str, Any] | None]


async def eventually(is_true: Callable[[], object]) -> None:
    """Return when `is_true`; real sockets need real, if short, time."""
    async with asyncio.timeout(DEADLINE_S):
        while not is_true():
            await asyncio.sleep(0.001)


async def a_moment() -> None:
    """Let what is on its way over loopback arrive."""
    for _ in range(10):
        await asyncio.sleep(0.001)


def accept(request: dict[str, Any]) -> dict[str, Any]:
    return {"result": None, "id": request["id"]}


def refuse(request: dict[str, Any]) -> dict[str, Any]:
    return {"code": 2, "msg": "Invalid request", "id": request["id"]}


class Venue:
    """`sockets` are those that stand, oldest first; `requests` what came, in order."""

    def __init__(self) -> None:
        self.sockets: list[ServerConnection] = []
        self.requests: list[dict[str, Any]] = []
        self.subscribed: dict[ServerConnection, set[str]] = {}
        self.reply: Reply = accept
        self.refuse_with: Response | None = None
        self.is_slow = False
        self.attempts = 0
        self.greeting: str | bytes | None = None
        self._server: Server
        self._go = asyncio.Event()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._admit,
            ping_interval=None,
            close_timeout=0.2,
            logger=logging.Logger("server", logging.CRITICAL),
        )

    async def stop(self) -> None:
        self._go.set()
        for socket in self.sockets:
            socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    def turn_away(self, status: int, **headers: str) -> None:
        """Answer every attempt with an HTTP status."""
        self.refuse_with = self._response(status, headers)

    def welcome(self) -> None:
        self.refuse_with = None

    def _response(self, status: int, headers: dict[str, str]) -> Response:
        fields = Headers({name.replace("_", "-"): value for name, value in headers.items()})
        fields["Content-Length"] = "0"
        return Response(status, HTTPStatus(status).phrase if status != 418 else "I'm a teapot", fields)

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        if self.is_slow:
            await self._go.wait()
        return self.refuse_with

    async def _serve(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        self.subscribed[socket] = set()
        try:
            if self.greeting is not None:
                await socket.send(self.greeting)
            async for text in socket:
                request = json.loads(text)
                self.requests.append(request)
                answer = self.reply(request)
                if answer is not None:
                    if "code" not in answer:
                        self._note(socket, request)
                    await socket.send(json.dumps(answer))
        except ConnectionClosed:
            pass
        finally:
            self.sockets.remove(socket)

    def _note(self, socket: ServerConnection, request: dict[str, Any]) -> None:
        if request.get("method") == "SUBSCRIBE":
            self.subscribed[socket].update(request["params"])
        elif request.get("method") == "UNSUBSCRIBE":
            self.subscribed[socket].difference_update(request["params"])

    async def publish(self, stream: str, data: object, to: Sequence[ServerConnection] | None = None) -> None:
        """Send a frame of `stream` on every socket that is subscribed to it, or on those of `to`."""
        text = frame_of(stream, data).decode()
        for socket in list(self.sockets) if to is None else to:
            if to is not None or stream in self.subscribed[socket]:
                await socket.send(text)

    def asked(self, method: str) -> list[list[str]]:
        """The parameters of the requests of one method."""
        return [request["params"] for request in self.requests if request["method"] == method]


@asynccontextmanager
async def venue() -> AsyncIterator[Venue]:
    server = Venue()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def frame_of(stream: str, data: object) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


class Dialect(StreamDialect):
    """Binance's words; routes by what stands before a slash."""

    def __init__(self, url: str, *, silence_ns: int = 0, **limits: int) -> None:
        self.limits = StreamLimits(**({"streams_per_link": 100, "messages": 1_000} | limits))
        self._url = url
        self._silence_ns = silence_ns

    def url(self, route: str) -> str:
        return f"{self._url}/{route}"

    def route(self, stream: str) -> str:
        return stream.partition("/")[0] if "/" in stream else ""

    def subscribe(self, streams: Sequence[str], id: int) -> str:
        return json.dumps({"method": "SUBSCRIBE", "params": list(streams), "id": id})

    def unsubscribe(self, streams: Sequence[str], id: int) -> str:
        return json.dumps({"method": "UNSUBSCRIBE", "params": list(streams), "id": id})

    def answer(self, frame: bytes) -> Answer | None:
        if frame.startswith(b'{"stream"') or b'"id"' not in frame:
            return None
        found = json.loads(frame)
        return Answer(found["id"], "code" not in found, found.get("msg", ""))

    def stream_of(self, frame: bytes) -> bytes | None:
        return frame[11 : frame.index(b'"', 11)] if frame.startswith(b'{"stream":"') else None

    def silence_ns(self, stream: str) -> int:
        return self._silence_ns

    def shutdown(self, frame: bytes) -> str:
        return "the venue shuts down" if b"serverShutdown" in frame else ""


MS = NS_PER_MS
