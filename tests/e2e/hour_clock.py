"""One fast time for several processes: each makes its clock from the same three numbers."""

from __future__ import annotations

from quantai.core.clock import WallClock
from quantai.loopback.clock import ScaledClock


def shared_clock(origin_ns: int, start_ns: int, speed: float) -> ScaledClock:
    """It said `start_ns` when the wall said `origin_ns`, and runs `speed` times as fast since."""
    passed_ns = WallClock().now_ns() - origin_ns
    return ScaledClock(speed, start_ns + int(passed_ns * speed))
