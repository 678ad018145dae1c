"""Orders of which something is to be proven."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from quantai.core.enums import OrderState
from quantai.oms.models import Order


class Denial(Enum):
    """Answers that may hold for a moment only."""

    NONE = auto()
    NOT_KNOWN = auto()
    NOT_CHANGED = auto()
    NOT_CLOSED = auto()


@dataclass(slots=True, eq=False)
class Doubt:
    """An order that is asked for. Times are nanoseconds.

    `state` is the one that waits for an answer; None where a comparison raised the doubt. `arrived_ns` is when the last
    command must have reached the venue, if it ever did. `denial` is what the venue said that must be said twice, and
    `denied_ns` when it did; `gaps` how often it did not list the fills that it owes. `is_proven` says that it answered,
    and that the answer leaves the order as it is.
    """

    order: Order
    state: OrderState | None
    arrived_ns: int
    due_ns: int
    denial: Denial = Denial.NONE
    denied_ns: int = 0
    tries: int = 0
    gaps: int = 0
    is_proven: bool = False
    is_asked: bool = False
    error: str = ""

    def is_denied_twice(self, denial: Denial, asked_ns: int, now_ns: int, settle_ns: int) -> bool:
        """Whether the venue said the same before it was asked at `asked_ns`, by `settle_ns` or more; if not, when to
        ask again is set. What was asked before the command could have arrived does not count.
        """
        if asked_ns < self.arrived_ns:
            self.due_ns = self.arrived_ns
            return False
        if self.denial is not denial:
            self.denial, self.denied_ns = denial, now_ns
        self.due_ns = self.denied_ns + settle_ns
        return asked_ns >= self.due_ns
