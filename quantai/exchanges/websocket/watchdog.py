"""Finds streams that are silent for longer than they should be while their connection is alive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_MOST_DOUBLINGS = 10
_REPLACE = 2


class Silence(NamedTuple):
    """`stream` said nothing since `since_ns`: longer than its limit."""

    stream: str
    since_ns: int
    wants_new_connection: bool
    """Whether asking for it anew did not help before."""


class Watchdog:
    """Of the streams of one link. A silent stream is first asked for anew, then on a new connection; after that it is
    asked for anew less and less often, until it speaks: perhaps there is nothing to say.
    """

    def __init__(self) -> None:
        self.heard: dict[bytes, int] = {}
        """When each stream that is watched, by its UTF-8 name, was last heard, 0 where never: to be kept up for every
        frame.
        """
        self._strikes: dict[str, tuple[int, int]] = {}

    def look(self, streams: Iterable[tuple[str, int, int]], now_ns: int) -> list[Silence]:
        """Which of `streams` (name, limit, on since; times in nanoseconds) are silent for too long."""
        return [silence for stream in streams if (silence := self._look(*stream, now_ns)) is not None]

    def _look(self, stream: str, limit_ns: int, on_since_ns: int, now_ns: int) -> Silence | None:
        heard_ns = self.heard.get(stream.encode(), 0)
        strikes, struck_ns = self._strikes.get(stream, (0, 0))
        if strikes and heard_ns > struck_ns:
            strikes = 0
            del self._strikes[stream]
        patience_ns = limit_ns << min(max(0, strikes - _REPLACE + 1), _MOST_DOUBLINGS)
        if now_ns - max(heard_ns, on_since_ns) < patience_ns:
            return None
        self._strikes[stream] = strikes + 1, now_ns
        return Silence(stream, heard_ns or on_since_ns, strikes + 1 == _REPLACE)

    def watch(self, streams: Iterable[str]) -> None:
        """Watch exactly `streams` from now on."""
        names = {stream.encode(): stream for stream in streams}
        for name in self.heard.keys() - names.keys():
            del self.heard[name]
        for stream in self._strikes.keys() - set(names.values()):
            del self._strikes[stream]
        for name in names:
            self.heard.setdefault(name, 0)
