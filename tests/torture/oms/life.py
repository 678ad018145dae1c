"""The life of one daemon: it can be killed at any boundary, and from then on nothing that it does has an effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from quantai.core.clock import Clock, SimulatedClock, Timer
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder


class Witness(Protocol):
    """Who looks at everything that a daemon does to the world."""

    def boundary(self, what: str) -> None:
        """Something durable, or visible outside, is about to be done, or was done just now."""
        ...

    def sent_command(self, command: SubmitOrder | AmendOrder | CancelOrder) -> None:
        """A command leaves."""
        ...


class Life:
    """Whether a daemon lives. A killed one runs on to where it waits next, and nobody notices."""

    def __init__(self, witness: Witness) -> None:
        self.is_alive = True
        self._witness = witness

    def boundary(self, what: str) -> None:
        """Here a daemon can be killed."""
        if self.is_alive:
            self._witness.boundary(what)

    def sent(self, command: SubmitOrder | AmendOrder | CancelOrder) -> None:
        """Tell the witness."""
        self._witness.sent_command(command)


class LivingClock(Clock):
    """The world's clock, whose timers die with the daemon that armed them."""

    def __init__(self, clock: SimulatedClock, life: Life) -> None:
        self._clock = clock
        self._life = life

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def _arm(self, timer: Timer) -> None:
        inner = self._clock.call_at(timer.due_ns, self._firing(timer))
        timer.armed(inner.cancel)

    def _firing(self, timer: Timer) -> Callable[[int], None]:
        def fire(due_ns: int) -> None:
            if self._life.is_alive and not timer.cancelled:
                self._fire(timer)

        return fire
