"""Random faults for soak tests, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.loopback.server.faults import Fault, FaultBoard, FaultKind

# Kinds after which a correct client has lost nothing: what is left out needs a person (maintenance, bans, skew).
SOAK_KINDS = (
    FaultKind.CUT,
    FaultKind.STALL,
    FaultKind.DUPLICATE,
    FaultKind.REORDER,
    FaultKind.TRUNCATE,
    FaultKind.GARBAGE,
    FaultKind.DROP,
    FaultKind.ERROR_BEFORE,
    FaultKind.ERROR_AFTER,
    FaultKind.HANG_UP_BEFORE,
    FaultKind.HANG_UP_AFTER,
    FaultKind.DAILY_DISCONNECT,
    FaultKind.REJECT_ORDERS,
)


class FaultPlan:
    """Injects a fault of `kinds` every `mean_seconds` on average, drawn from `seed`."""

    def __init__(
        self,
        board: FaultBoard,
        clock: Clock,
        *,
        seed: int,
        mean_seconds: float,
        kinds: Sequence[FaultKind] = SOAK_KINDS,
    ) -> None:
        self._board = board
        self._clock = clock
        self._random = random.Random(seed)
        self._mean_ns = mean_seconds * NS_PER_SECOND
        self._kinds = tuple(kinds)
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin."""
        self._wait()

    def stop(self) -> None:
        """No more faults, but those that are waiting."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        delay_ns = int(self._random.expovariate(1.0) * self._mean_ns)
        self._timer = self._clock.call_later(delay_ns, self._strike)

    def _strike(self, _due_ns: int) -> None:
        kind = self._random.choice(self._kinds)
        seconds = self._random.uniform(0.1, 3.0)
        self._board.inject(
            Fault(kind, count=self._random.randint(1, 3), after=self._random.randint(0, 5), seconds=seconds)
        )
        self._wait()
