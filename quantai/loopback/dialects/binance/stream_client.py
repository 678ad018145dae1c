"""One client of the streams: what it listens to and how it takes it."""

from __future__ import annotations

from quantai.loopback.dialects.binance.hub import Hub
from quantai.loopback.dialects.binance.wording import TimeOf
from quantai.loopback.server.socket import ClientSocket

_PUBLIC = ("depth", "bookTicker", "trade", "rpiDepth")


def class_of(stream: str) -> str:
    """Which route serves a stream. Source: USD-M Futures, «WebSocket market streams», routed endpoints."""
    kind = stream[1:] if stream.startswith("!") else stream.partition("@")[2]
    return "public" if kind.startswith(_PUBLIC) else "market"


class StreamClient:
    """A connection and its streams. `route` is `""` where all classes are served; streams of a class that its route
    does not have are kept, and stay silent.
    """

    def __init__(self, socket: ClientSocket, hub: Hub, route: str, *, is_combined: bool, time: TimeOf) -> None:
        self.socket = socket
        self.route = route
        self.is_combined = is_combined
        self.time = time
        self.streams: dict[str, None] = {}
        self._hub = hub

    def subscribe(self, stream: str) -> None:
        """Listen to `stream`."""
        self.streams[stream] = None
        if self.route in ("", class_of(stream)):
            self._hub.add(stream, self)

    def unsubscribe(self, stream: str) -> None:
        """Listen no longer."""
        if stream in self.streams:
            del self.streams[stream]
            if self.route in ("", class_of(stream)):
                self._hub.remove(stream, self)

    def leave(self) -> None:
        """Listen to nothing."""
        for stream in list(self.streams):
            self.unsubscribe(stream)
