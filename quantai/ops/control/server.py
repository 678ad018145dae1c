"""The control socket of a daemon: a Unix socket where a line that asks gets a line that answers."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from quantai.core.errors import QuantAIError
from quantai.ops.control import address
from quantai.ops.control.peer import name_of_peer
from quantai.ops.control.requests import (
    MAX_REQUEST_BYTES,
    ExplainRequest,
    MalformedRequest,
    OrdersRequest,
    Problem,
    StatusRequest,
    decode_request,
    encode_answer,
    encode_error,
)
from quantai.ops.control.trading import TradingControl, carry_out

logger = logging.getLogger(__name__)

_LOOKS = (OrdersRequest, ExplainRequest, StatusRequest)


class ControlServer:
    """Serves `control` at `path`, to at most `max_clients` at a time.

    Each may stay silent, or leave an answer unread, for `patience_s`. Nothing that a client sends or fails to do
    reaches further than its own connection.
    """

    def __init__(self, path: str, control: TradingControl, *, max_clients: int = 16, patience_s: float = 30.0) -> None:
        self._path = path
        self._control = control
        self._max_clients = max_clients
        self._patience_s = patience_s
        self._server: asyncio.Server | None = None
        self._identity: tuple[int, int] | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self.counts = dict.fromkeys(("requests", "malformed", "refused", "failed", "turned_away"), 0)

    async def start(self) -> None:
        """Listen. Raises `StartupError` where another daemon does, or it cannot be done."""
        listener = await asyncio.to_thread(address.listen, self._path)
        self._identity = address.identify(self._path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_REQUEST_BYTES)
        logger.debug("control socket at %s", self._path)

    async def close(self) -> None:
        """Hang up on everybody, and leave no socket behind."""
        if self._server is None:
            return
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        if self._identity is not None:
            address.remove(self._path, self._identity)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > self._max_clients:
                self.counts["turned_away"] += 1
                await self._send(writer, encode_error(Problem.BUSY, "too many others are being served: try again"))
            else:
                await self._converse(reader, writer)
        except (TimeoutError, ConnectionError) as error:
            logger.debug("a client of the control socket is gone: %r", error)
        finally:
            self._clients.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = await name_of_peer(writer.get_extra_info("socket"))
        while True:
            try:
                async with asyncio.timeout(self._patience_s):
                    line = await reader.readline()
            except ValueError:
                self.counts["malformed"] += 1
                message = f"a request has at most {MAX_REQUEST_BYTES} bytes"
                await self._send(writer, encode_error(Problem.MALFORMED, message))
                return
            if not line:
                return
            await self._send(writer, await self._answer(line, who))

    async def _send(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        writer.write(line)
        async with asyncio.timeout(self._patience_s):
            await writer.drain()

    async def _answer(self, line: bytes, who: str) -> bytes:
        self.counts["requests"] += 1
        try:
            request = decode_request(line)
            if not isinstance(request, _LOOKS):
                logger.warning("%s asks: %s", who, request)
            return encode_answer(await carry_out(self._control, request, who))
        except MalformedRequest as error:
            self.counts["malformed"] += 1
            return encode_error(Problem.MALFORMED, str(error))
        except QuantAIError as error:
            self.counts["refused"] += 1
            return encode_error(Problem.REFUSED, str(error))
        except Exception as error:
            self.counts["failed"] += 1
            logger.exception("the control socket failed at %r", line)
            return encode_error(Problem.FAILED, f"the daemon failed at it ({type(error).__name__}); its log says more")
