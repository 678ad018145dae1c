"""Streams that a venue refused, and when each may be asked for again."""

from __future__ import annotations

_MOST_DOUBLINGS = 30


class Refusals:
    """A refused stream is asked for again after `first_ns`, after twice that the next time, up to `max_ns`."""

    def __init__(self, first_ns: int, max_ns: int) -> None:
        self._first_ns = first_ns
        self._max_ns = max_ns
        self._counts: dict[str, int] = {}
        self._retry_ns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def refused(self, stream: str, now_ns: int) -> None:
        """The venue refused `stream`."""
        count = self._counts.get(stream, 0)
        self._counts[stream] = count + 1
        self._retry_ns[stream] = now_ns + min(self._first_ns << min(count, _MOST_DOUBLINGS), self._max_ns)

    def granted(self, stream: str) -> None:
        """The venue subscribed us to `stream`: what was before is forgotten."""
        self._counts.pop(stream, None)
        self._retry_ns.pop(stream, None)

    def retry_ns(self, stream: str) -> int:
        """When `stream` may be asked for; 0 where it was not refused."""
        return self._retry_ns.get(stream, 0)

    def keep(self, streams: frozenset[str]) -> None:
        """Forget all but `streams`."""
        for stream in self._counts.keys() - streams:
            self.granted(stream)
