"""A curve with a bound: when it is full, every second point goes and new ones come half as often."""

from __future__ import annotations

from typing import Any


class BoundedCurve:
    """Keeps at most `limit` points, evenly spread, and the newest. What it keeps depends only on what came."""

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._stride = 1
        self._offered = 0
        self._points: list[tuple[Any, ...]] = []
        self._last: tuple[Any, ...] | None = None

    def add(self, point: tuple[Any, ...]) -> None:
        """Offer the next point."""
        if self._offered % self._stride == 0:
            self._points.append(point)
            if len(self._points) > self._limit:
                del self._points[1::2]
                self._stride *= 2
        self._offered += 1
        self._last = point

    def points(self) -> list[tuple[Any, ...]]:
        """The points kept, and the newest."""
        if self._last is not None and self._points[-1] != self._last:
            return [*self._points, self._last]
        return list(self._points)
