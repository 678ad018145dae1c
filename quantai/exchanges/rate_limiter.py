"""One budget for everything that talks to a venue with one key or from one address.

A venue's window resets on its clock, not on ours, and a request takes time to get there. So what is taken within
`edge_ns` of the reset of a window is counted in both: whatever the venue's clock and the network do within that, it
never counts more than the capacity.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.errors import QuantAIError
from quantai.exchanges.errors import NotSent
from quantai.exchanges.rate_rules import Budget, RateRule, budget_of

__all__ = ["LimiterCounts", "Priority", "RateLimiter", "RateRule"]


_KEPT_FROM_HISTORY = 0.25


class Priority(IntEnum):
    """Who goes first, the lowest number. Only cancels may touch the reserve. History leaves a quarter to all others, so
    that a download keeps no orders waiting, not even those of a daemon that runs beside it at the same address.
    """

    CANCEL = 0
    ORDER = 1
    QUERY = 2
    HISTORY = 3


@dataclass(slots=True)
class LimiterCounts:
    """What happened so far."""

    granted: int = 0
    waited: int = 0
    denied: int = 0
    refunded: int = 0
    corrected: int = 0
    """Times the venue had counted more than we had."""
    pauses: int = 0
    bans: int = 0


@dataclass(slots=True, eq=False)
class _Waiter:
    costs: Mapping[str, int]
    priority: Priority
    granted: asyncio.Future[None]


class RateLimiter:
    """Grants requests in order: by priority, and first come, first served within one.

    A request that waits keeps later ones of its priority or a lower one from what it is short of, and from nothing
    else. Runs on one event loop.
    """

    def __init__(self, clock: Clock, rules: Sequence[RateRule], reserve: float = 0.05) -> None:
        """`reserve` is the part of each budget that only cancels may take."""
        if not 0 <= reserve < 1:
            raise QuantAIError(f"the reserve must be a fraction of the budget, 0 to below 1, not {reserve}")
        self._clock = clock
        self._reserve = reserve
        self._budgets = {rule.name: budget_of(rule) for rule in rules}
        self._waiters: list[_Waiter] = []
        self._wake: Timer | None = None
        self._quiet_until_ns = 0
        self._ban_until_ns = 0
        self._reason = ""
        self.counts = LimiterCounts()
        self.offset_ns = 0
        """The venue's clock less ours, as far as it is known: its windows reset on its clock."""

    async def acquire(self, costs: Mapping[str, int], priority: Priority, deadline_ns: int | None = None) -> None:
        """Wait for the budget. Raises `NotSent` where it cannot be had by `deadline_ns` (a time of the clock; at once
        where the venue asked for silence until then), costs more than the budget can ever give, or the venue has banned
        us.
        """
        if impossible := self._impossible(costs, priority):
            raise self._denied(impossible)
        if self.try_acquire(costs, priority):
            return
        now_ns = self._clock.now_ns()
        if now_ns < self._ban_until_ns:
            raise self._denied(self._banned(now_ns))
        if deadline_ns is not None and deadline_ns <= max(now_ns, self._quiet_until_ns - 1):
            raise self._denied(self._late(costs))
        await self._wait(_Waiter(costs, priority, asyncio.get_running_loop().create_future()), deadline_ns)

    def try_acquire(self, costs: Mapping[str, int], priority: Priority) -> bool:
        """Take the budget now, or nothing; never past somebody who waits for it."""
        if self._clock.now_ns() < self._quiet_until_ns or not self._held(priority).isdisjoint(costs):
            return False
        venue_ns = self._venue_ns()
        if self._short(costs, priority, venue_ns):
            return False
        self._take(costs, venue_ns)
        return True

    def refund(self, costs: Mapping[str, int], taken_ns: int | None = None) -> None:
        """Give back what was taken at `taken_ns` (now, where not given), for a request that never left or that the
        venue does not charge for.
        """
        self.counts.refunded += 1
        for name, cost in costs.items():
            self._budget(name).refund(cost, self._venue_ns(taken_ns))
        self._serve()

    def learn(self, name: str, used: int, sent_ns: int | None = None) -> None:
        """The venue has counted `used` in the window that is now; the larger of its count and ours holds.

        `sent_ns` is when the request left: where a reset lies between then and now nobody knows which window it speaks
        of, and it is left aside. Unknown names are.
        """
        budget = self._budgets.get(name)
        if budget is not None and budget.learn(used, self._venue_ns(sent_ns), self._venue_ns()):
            self.counts.corrected += 1

    def exhaust(self, name: str, *, keeps_reserve: bool = False) -> None:
        """The venue says that this limit is used up: none of it before it resets, but for the reserve where it
        `keeps_reserve`: cancels go on. Unknown names are left aside.
        """
        budget = self._budgets.get(name)
        if budget is not None:
            kept = budget.capacity - budget.open_to_all(self._reserve) if keeps_reserve else 0
            budget.exhaust(self._venue_ns(), kept)

    def set_capacity(self, name: str, capacity: int) -> None:
        """The venue publishes another limit. Who waits for more than it can ever give is turned away."""
        if capacity < 1:
            raise QuantAIError(f"the rate limit {name} must be at least 1, not {capacity}")
        self._budget(name).capacity = capacity
        for waiter in list(self._waiters):
            if impossible := self._impossible(waiter.costs, waiter.priority):
                self._turn_away(waiter, impossible)
        self._serve()

    def pause(self, until_ns: int, reason: str, is_ban: bool = False) -> None:
        """Grant nothing before `until_ns`, not even to cancels: what a venue asks for with Retry-After.

        A ban also turns away, at once, everybody who waits or comes.
        """
        now_ns = self._clock.now_ns()
        self._quiet_until_ns = max(self._quiet_until_ns, until_ns)
        self._reason = reason
        self.counts.pauses += not is_ban
        if is_ban:
            self.counts.bans += 1
            self._ban_until_ns = max(self._ban_until_ns, until_ns)
            for waiter in list(self._waiters):
                self._turn_away(waiter, self._banned(now_ns))
        self._serve()

    def headroom(self, *names: str) -> float:
        """The part that is left of the budget (of `names`, or all) that is nearest its end, 0 to 1."""
        if self._clock.now_ns() < self._quiet_until_ns:
            return 0.0
        venue_ns = self._venue_ns()
        budgets = [self._budget(name) for name in names] if names else self._budgets.values()
        return min((max(0.0, 1 - budget.used(venue_ns) / budget.capacity) for budget in budgets), default=1.0)

    @property
    def paused_until_ns(self) -> int:
        """When the venue may be asked again; in the past where it may be now."""
        return self._quiet_until_ns

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters)

    def __contains__(self, name: object) -> bool:
        return name in self._budgets

    def _venue_ns(self, ts_ns: int | None = None) -> int:
        """A time of our clock, or now, by the venue's."""
        return (self._clock.now_ns() if ts_ns is None else ts_ns) + self.offset_ns

    def _budget(self, name: str) -> Budget:
        try:
            return self._budgets[name]
        except KeyError:
            raise QuantAIError(f"there is no rate limit {name!r}; there are {', '.join(self._budgets)}") from None

    def _limit(self, budget: Budget, priority: Priority) -> int:
        if priority is Priority.CANCEL:
            return budget.capacity
        is_history = priority is Priority.HISTORY
        return budget.open_to_all(max(self._reserve, _KEPT_FROM_HISTORY) if is_history else self._reserve)

    def _short(self, costs: Mapping[str, int], priority: Priority, venue_ns: int) -> list[str]:
        """The budgets that cannot give their part now."""
        return [
            name
            for name, cost in costs.items()
            if (budget := self._budget(name)).used(venue_ns) + cost > self._limit(budget, priority)
        ]

    def _held(self, priority: Priority) -> set[str]:
        """What those who wait, and come before, are short of."""
        held: set[str] = set()
        for waiter in self._waiters:
            if waiter.priority > priority:
                break
            held.update(self._short(waiter.costs, waiter.priority, self._venue_ns()))
        return held

    def _take(self, costs: Mapping[str, int], venue_ns: int) -> None:
        for name, cost in costs.items():
            self._budget(name).take(cost, venue_ns)
        self.counts.granted += 1

    async def _wait(self, waiter: _Waiter, deadline_ns: int | None) -> None:
        self.counts.waited += 1
        position = next((i for i, w in enumerate(self._waiters) if w.priority > waiter.priority), len(self._waiters))
        self._waiters.insert(position, waiter)
        expiry = None if deadline_ns is None else self._clock.call_at(deadline_ns, lambda due_ns: self._expire(waiter))
        self._serve()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        finally:
            if expiry is not None:
                expiry.cancel()

    def _leave(self, waiter: _Waiter) -> None:
        """Its task was cancelled: it wants nothing any more, also where it was granted at that very moment."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            self._serve()
        elif waiter.granted.done() and not waiter.granted.cancelled() and waiter.granted.exception() is None:
            self.refund(waiter.costs)

    def _expire(self, waiter: _Waiter) -> None:
        if waiter in self._waiters:
            self._turn_away(waiter, self._late(waiter.costs))
            self._serve()

    def _turn_away(self, waiter: _Waiter, why: str) -> None:
        self._waiters.remove(waiter)
        if not waiter.granted.done():
            waiter.granted.set_exception(self._denied(why))

    def _serve(self) -> None:
        """Grant what can be granted, and be woken when more may be."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if not self._waiters:
            return
        if self._clock.now_ns() < self._quiet_until_ns:
            self._wake_at(self._quiet_until_ns)
            return
        venue_ns = self._venue_ns()
        held: set[str] = set()
        left: list[_Waiter] = []
        for waiter in self._waiters:
            short = self._short(waiter.costs, waiter.priority, venue_ns)
            if short or not held.isdisjoint(waiter.costs):
                held.update(short)
                left.append(waiter)
            elif not waiter.granted.done():
                self._take(waiter.costs, venue_ns)
                waiter.granted.set_result(None)
        self._waiters = left
        if left:
            self._wake_at(min(self._budgets[name].frees_at(venue_ns) for name in held) - self.offset_ns)

    def _wake_at(self, due_ns: int) -> None:
        self._wake = self._clock.call_at(due_ns, lambda due: self._serve())

    def _impossible(self, costs: Mapping[str, int], priority: Priority) -> str:
        """Why it can never be had; empty where it can."""
        for name, cost in costs.items():
            limit = self._limit(self._budget(name), priority)
            if cost > limit:
                return f"it costs {cost} of {name}, which never gives more than {limit}"
        return ""

    def _denied(self, why: str) -> NotSent:
        self.counts.denied += 1
        return NotSent(f"not sent: {why}")

    def _banned(self, now_ns: int) -> str:
        return f"banned for another {(self._ban_until_ns - now_ns) / NS_PER_SECOND:.0f} s ({self._reason})"

    def _late(self, costs: Mapping[str, int]) -> str:
        if self._clock.now_ns() < self._quiet_until_ns:
            return f"the venue asked for silence past the deadline ({self._reason})"
        return f"the rate budget ({', '.join(costs)}) was not free by the deadline"
