"""What connections that fall and streams that stop mean for instruments, told as events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from quantai.core.clock import Clock
from quantai.events import ConnectedEvent, DisconnectedEvent, Event, GapEvent, StaleEvent

logger = logging.getLogger(__name__)


class StreamGaps:
    """For one venue, over all its connections.

    While nothing of the venue comes it is disconnected; where some of it comes, the instruments that do not are stale.
    When a stream comes again, or at the end, a gap row says from when to when.
    """

    def __init__(self, venue: str, clock: Clock, publish: Callable[[Event], None]) -> None:
        self._venue = venue
        self._clock = clock
        self._publish = publish
        self._links: set[str] = set()
        self._is_connected = False
        self._made_ns = clock.now_ns()
        self._awaited: dict[str, str] = {}
        self._down: dict[str, tuple[str, int]] = {}

    def connection(self, name: str, is_up: bool, reason: str) -> None:
        """A connection stands or fell."""
        (self._links.add if is_up else self._links.discard)(name)
        logger.info("%s: connection %s is %s: %s", self._venue, name, "up" if is_up else "down", reason)
        if bool(self._links) == self._is_connected:
            return
        self._is_connected = bool(self._links)
        now_ns = self._clock.now_ns()
        if self._is_connected:
            self._publish(ConnectedEvent(self._venue, now_ns, now_ns))
        else:
            self._publish(DisconnectedEvent(self._venue, now_ns, now_ns, reason))

    def wait_for(self, streams: Mapping[str, str]) -> None:
        """These streams, each of a symbol, are to come: until they do, from when this was made, they are missing."""
        self._awaited.update(streams)

    def down(self, streams: Mapping[str, str], since_ns: int) -> None:
        """These streams, each of a symbol, come no more; nothing of them after `since_ns` is whole."""
        now_ns = self._clock.now_ns()
        since_ns = min(since_ns, now_ns)
        for stream, symbol in streams.items():
            self._down.setdefault(stream, (symbol, since_ns))
        if self._links:
            for symbol in sorted(set(streams.values())):
                self._publish(StaleEvent(self._venue, now_ns, now_ns, self._venue, symbol, now_ns - since_ns))

    def up(self, streams: Iterable[str], reason: str) -> None:
        """They come, or come again: one row for each symbol."""
        since: dict[str, int] = {}
        now_ns = self._clock.now_ns()
        for stream in streams:
            if stream in self._awaited:
                symbol = self._awaited.pop(stream)
                self._down.pop(stream, None)
                if self._made_ns < now_ns:
                    since[symbol] = self._made_ns
            elif stream in self._down:
                symbol, since_ns = self._down.pop(stream)
                since[symbol] = min(since.get(symbol, since_ns), since_ns)
        for symbol, since_ns in since.items():
            self._tell(symbol, since_ns, reason)

    def forget(self, streams: Iterable[str]) -> None:
        """They come again, and somebody else knows what is missing."""
        for stream in streams:
            self._awaited.pop(stream, None)
            self._down.pop(stream, None)

    def stop(self) -> None:
        """Nothing will come any more: tell of what did not until now."""
        self.up([*self._awaited, *self._down], "stopped while nothing came")

    def _tell(self, symbol: str, since_ns: int, reason: str) -> None:
        now_ns = self._clock.now_ns()
        self._publish(GapEvent(self._venue, now_ns, now_ns, self._venue, symbol, since_ns, now_ns, 0, reason))
