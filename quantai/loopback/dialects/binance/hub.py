"""Who listens to which stream, and frames made once for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from quantai.loopback.dialects.binance.wording import TimeOf

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.stream_client import StreamClient

Build = Callable[[TimeOf], Any]


class Hub:
    """Streams and their listeners; a frame nobody wants is not made."""

    def __init__(self) -> None:
        self._clients: defaultdict[str, dict[StreamClient, None]] = defaultdict(dict)

    def add(self, stream: str, client: StreamClient) -> None:
        """`client` listens to `stream`."""
        self._clients[stream][client] = None

    def remove(self, stream: str, client: StreamClient) -> None:
        """It does no longer."""
        self._clients[stream].pop(client, None)
        if not self._clients[stream]:
            del self._clients[stream]

    def streams(self) -> list[str]:
        """Every stream that somebody listens to."""
        return list(self._clients)

    def is_wanted(self, stream: str) -> bool:
        """Whether anybody listens to `stream`."""
        return stream in self._clients

    def publish(self, stream: str, build: Build) -> None:
        """Send what `build` makes, given how times are written, to all who listen."""
        clients = self._clients.get(stream)
        if not clients:
            return
        frames: dict[tuple[TimeOf, bool], bytes] = {}
        for client in list(clients):
            form = client.time, client.is_combined
            frame = frames.get(form)
            if frame is None:
                frame = frames[form] = encode(stream, build(client.time), is_combined=client.is_combined)
            client.socket.send(stream, frame)


def encode(stream: str, payload: Any, *, is_combined: bool) -> bytes:
    """A frame, wrapped with its stream's name on combined sockets."""
    return msgspec.json.encode({"stream": stream, "data": payload} if is_combined else payload)
