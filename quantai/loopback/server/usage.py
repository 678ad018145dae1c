"""Published limits, enforced: windows that begin anew on the clock's boundary, and bans for those who go on."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

from quantai.core.clock import NS_PER_SECOND, Clock

_BAN_AFTER = 10
"""Requests that are refused in one window before the ban."""
_BAN_NS = 120 * NS_PER_SECOND


@dataclass(frozen=True)
class UsageRule:
    """At most `limit` of `name` (weight, orders) in each window of `interval_ns`; `label` is the venue's for it."""

    name: str
    limit: int
    interval_ns: int
    label: str = ""


@dataclass
class _Window:
    number: int = -1
    used: int = 0
    refused: int = 0
    banned_until_ns: int = 0


@dataclass(frozen=True)
class OverLimit:
    """A request is one too many; `retry_after_ns` from now another may be sent."""

    rule: UsageRule
    retry_after_ns: int
    is_ban: bool


@dataclass
class Usage:
    """Counts what each client (an address, an account) uses."""

    clock: Clock
    rules: tuple[UsageRule, ...]
    is_enforced: bool = True
    _windows: dict[tuple[UsageRule, str], _Window] = field(default_factory=lambda: defaultdict(_Window))

    def check(self, name: str, client: str, amount: int) -> OverLimit | None:
        """Whether `amount` more would be too much; it is not counted."""
        now_ns = self.clock.now_ns()
        for rule in self._of(name):
            window = self._window(rule, client, now_ns)
            if now_ns < window.banned_until_ns:
                return OverLimit(rule, window.banned_until_ns - now_ns, is_ban=True)
            if self.is_enforced and window.used + amount > rule.limit:
                return self._refuse(rule, window, now_ns)
        return None

    def add(self, name: str, client: str, amount: int) -> None:
        """Count `amount`."""
        for rule in self._of(name):
            self._window(rule, client, self.clock.now_ns()).used += amount

    def used(self, name: str, client: str) -> list[tuple[UsageRule, int]]:
        """How much of each limit is used."""
        now_ns = self.clock.now_ns()
        return [(rule, self._window(rule, client, now_ns).used) for rule in self._of(name)]

    def _refuse(self, rule: UsageRule, window: _Window, now_ns: int) -> OverLimit:
        window.refused += 1
        if window.refused > _BAN_AFTER:
            window.banned_until_ns = now_ns + _BAN_NS
            return OverLimit(rule, _BAN_NS, is_ban=True)
        return OverLimit(rule, rule.interval_ns - now_ns % rule.interval_ns, is_ban=False)

    def _of(self, name: str) -> list[UsageRule]:
        return [rule for rule in self.rules if rule.name == name]

    def _window(self, rule: UsageRule, client: str, now_ns: int) -> _Window:
        window = self._windows[rule, client]
        number = now_ns // rule.interval_ns
        if window.number != number:
            window.number, window.used, window.refused = number, 0, 0
        return window


class MessageMeter:
    """At most `limit` messages in any `interval_ns`: what one socket may send."""

    def __init__(self, clock: Clock, limit: int, interval_ns: int) -> None:
        self._clock = clock
        self._interval_ns = interval_ns
        self._times: deque[int] = deque(maxlen=limit + 1)

    def is_over(self) -> bool:
        """Count one message; whether it was too many."""
        now_ns = self._clock.now_ns()
        self._times.append(now_ns)
        return len(self._times) == self._times.maxlen and now_ns - self._times[0] < self._interval_ns
