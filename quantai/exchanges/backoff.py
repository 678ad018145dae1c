"""When to try again: later and later, never all at once, and after too many failures not at all for a while."""

from __future__ import annotations

from collections import deque
from random import Random


class Backoff:
    """Delays that grow: each is a random time between nothing and a bound that doubles, up to `max_ns` (full jitter, so
    that clients cut at one moment do not come back at one moment).
    """

    def __init__(self, first_ns: int, max_ns: int, random: Random) -> None:
        self._first_ns = first_ns
        self._max_ns = max_ns
        self._random = random
        self.failures = 0
        """In a row."""

    def next_ns(self) -> int:
        """How long to wait after one more failure."""
        bound_ns = min(self._first_ns << min(self.failures, 62), self._max_ns)
        self.failures += 1
        return self._random.randint(0, bound_ns)

    def reset(self) -> None:
        """All is well: begin with short delays again."""
        self.failures = 0


class Breaker:
    """Opens at `limit` failures within `window_ns`; `pause_ns` later one attempt may be made, which decides."""

    def __init__(self, limit: int, window_ns: int, pause_ns: int) -> None:
        self._window_ns = window_ns
        self._pause_ns = pause_ns
        self._failures: deque[int] = deque(maxlen=limit)
        self.is_open = False
        """Also while one attempt is made."""

    def failed(self, now_ns: int) -> bool:
        """Count a failure; True where it opens the breaker, which was closed."""
        self._failures.append(now_ns)
        was_open = self.is_open
        is_full = len(self._failures) == self._failures.maxlen
        self.is_open = was_open or (is_full and now_ns - self._failures[0] <= self._window_ns)
        return self.is_open and not was_open

    def delay_ns(self, usual_ns: int) -> int:
        """How long to wait before the next attempt: `usual_ns` while the breaker is closed."""
        return max(self._pause_ns, usual_ns) if self.is_open else usual_ns

    def succeeded(self) -> None:
        """A connection proved healthy: forget all failures."""
        self._failures.clear()
        self.is_open = False
