"""How a venue counts, and what is left of one of its limits."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import QuantAIError


@dataclass(frozen=True, slots=True)
class RateRule:
    """At most `capacity` in `interval_ns`.

    `is_window`: counted anew from each whole multiple of the interval, as Binance does; otherwise in every stretch of
    that length, wherever it begins. `edge_ns` is how far the venue's clock and the way to it may be off; None: a
    twentieth of the interval, at most a second.
    """

    name: str
    capacity: int
    interval_ns: int
    is_window: bool = True
    edge_ns: int | None = None

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.interval_ns < 1:
            raise QuantAIError(f"the rate limit {self.name} must allow at least 1 in a positive interval: {self}")

    @property
    def edge(self) -> int:
        """`edge_ns`, or what it is by default."""
        return min(self.interval_ns // 20, NS_PER_SECOND) if self.edge_ns is None else self.edge_ns


class Budget(ABC):
    """What is left of one limit. Times are those of one clock and do not go back."""

    def __init__(self, rule: RateRule) -> None:
        self.capacity = rule.capacity
        self._interval_ns = rule.interval_ns
        self._edge_ns = rule.edge

    def open_to_all(self, reserve: float) -> int:
        """The capacity less the part `reserve`, which is kept for others."""
        return max(1, self.capacity - math.ceil(self.capacity * reserve))

    @abstractmethod
    def used(self, now_ns: int) -> int:
        """What is taken, as the venue may count it at its worst."""

    @abstractmethod
    def take(self, cost: int, now_ns: int) -> None:
        """Count `cost`."""

    @abstractmethod
    def refund(self, cost: int, taken_ns: int) -> None:
        """Count `cost`, taken at `taken_ns`, no more."""

    @abstractmethod
    def learn(self, used: int, sent_ns: int, now_ns: int) -> bool:
        """The venue counted `used` between two times; whether that was more than we had."""

    @abstractmethod
    def exhaust(self, now_ns: int, kept: int = 0) -> None:
        """The venue has nothing left to give, but for `kept` of it perhaps."""

    @abstractmethod
    def frees_at(self, now_ns: int) -> int:
        """When something will next be given back, later than `now_ns`."""


class WindowBudget(Budget):
    """Counted anew from each whole multiple of the interval; near a reset, in both windows."""

    def __init__(self, rule: RateRule) -> None:
        super().__init__(rule)
        self._counted: dict[int, int] = {}
        """By window; two at most."""
        self._told: dict[int, int] = {}
        """By window: what the venue said."""

    def _windows(self, at_ns: int) -> tuple[int, int]:
        """The first and the last window that the venue may be in."""
        return (at_ns - self._edge_ns) // self._interval_ns, (at_ns + self._edge_ns) // self._interval_ns

    def used(self, now_ns: int) -> int:
        first, last = self._windows(now_ns)
        for counts in (self._counted, self._told):
            for window in [known for known in counts if known < first]:
                del counts[window]
        return max(self._counted.get(first, 0), self._counted.get(last, 0))

    def take(self, cost: int, now_ns: int) -> None:
        for window in {*self._windows(now_ns)}:
            self._counted[window] = self._counted.get(window, 0) + cost

    def refund(self, cost: int, taken_ns: int) -> None:
        for window in {*self._windows(taken_ns)} & self._counted.keys():
            self._counted[window] = max(self._told.get(window, 0), self._counted[window] - cost)

    def learn(self, used: int, sent_ns: int, now_ns: int) -> bool:
        """Near a reset nobody knows which window is spoken of: the count of one that is over would fill the next."""
        window, last = self._windows(sent_ns)[0], self._windows(now_ns)[1]
        if window != last or used <= self._told.get(window, 0):
            return False
        self._told[window] = used
        is_more = used > self._counted.get(window, 0)
        self._counted[window] = max(used, self._counted.get(window, 0))
        return is_more

    def exhaust(self, now_ns: int, kept: int = 0) -> None:
        """Near a reset, of the window that ends: if it was the next one, the venue says so again."""
        window = self._windows(now_ns)[0]
        self._told[window] = self._counted[window] = max(self.capacity - kept, self._counted.get(window, 0))

    def frees_at(self, now_ns: int) -> int:
        first, _ = self._windows(now_ns)
        return (first + 1) * self._interval_ns + self._edge_ns


class SlidingBudget(Budget):
    """Counted in every stretch of the interval's length."""

    def __init__(self, rule: RateRule) -> None:
        super().__init__(rule)
        self._taken: deque[tuple[int, int]] = deque()
        """When and how much; as many as the capacity at most."""
        self._sum = 0

    def used(self, now_ns: int) -> int:
        if self._taken and self._taken[-1][0] > now_ns:  # the clock was set back: as if taken now
            self._taken = deque((min(at_ns, now_ns), cost) for at_ns, cost in self._taken)
        while self._taken and self._taken[0][0] + self._interval_ns + self._edge_ns <= now_ns:
            self._sum -= self._taken.popleft()[1]
        return self._sum

    def take(self, cost: int, now_ns: int) -> None:
        if cost:
            self._taken.append((now_ns, cost))
            self._sum += cost

    def refund(self, cost: int, taken_ns: int) -> None:
        """From the oldest: what stays is then counted no shorter than it must be."""
        while cost > 0 and self._taken:
            at_ns, taken = self._taken.popleft()
            back = min(cost, taken)
            if taken > back:
                self._taken.appendleft((at_ns, taken - back))
            self._sum -= back
            cost -= back

    def learn(self, used: int, sent_ns: int, now_ns: int) -> bool:
        more = used - self.used(now_ns)
        self.take(max(0, more), now_ns)
        return more > 0

    def exhaust(self, now_ns: int, kept: int = 0) -> None:
        self.learn(self.capacity - kept, now_ns, now_ns)

    def frees_at(self, now_ns: int) -> int:
        self.used(now_ns)
        return self._taken[0][0] + self._interval_ns + self._edge_ns if self._taken else now_ns + 1


def budget_of(rule: RateRule) -> Budget:
    """The budget that counts as `rule` says."""
    return WindowBudget(rule) if rule.is_window else SlidingBudget(rule)
