"""Everything that happened in a seed, line by line: a hash of all, the last of it in words."""

from __future__ import annotations

import hashlib
from collections import deque

from quantai.core.clock import NS_PER_MS, Clock

_KEPT = 120


class Log:
    """Lines begin with the time since the start, in simulated milliseconds."""

    def __init__(self, clock: Clock, *, is_loud: bool = False) -> None:
        self._clock = clock
        self._start_ns = clock.now_ns()
        self._hash = hashlib.blake2b(digest_size=16)
        self._is_loud = is_loud
        self.lines = 0
        self.last: deque[str] = deque(maxlen=_KEPT)

    def __call__(self, text: str) -> None:
        """One more line."""
        line = f"{(self._clock.now_ns() - self._start_ns) / NS_PER_MS:12.3f}  {text}"
        self._hash.update(line.encode())
        self.last.append(line)
        self.lines += 1
        if self._is_loud:
            print(line)

    @property
    def digest(self) -> str:
        """The same for two runs that did the same."""
        return self._hash.hexdigest()
