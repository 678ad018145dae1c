"""What the tests of replays share: events at chosen times, a time that passes only while somebody sleeps, a player."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from math import inf

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, Clock, SimulatedClock, Timer
from quantai.data.source import MarketDataSource, Wanted
from quantai.events import Event, MarketEvent
from quantai.events.bus import MemoryEventBus
from quantai.simulation.pacing import PacingTime
from quantai.simulation.replay import Replay
from tests.oms.world import SPOT, START_NS, tick

SLICE = 2
# Half a millisecond either way, and what a virtual sleep takes too long.
ON_TIME_NS = 600_000


class ListSource(MarketDataSource):
    """Plays ticks at the given times after `START_NS`, two a slice."""

    def __init__(self, *offsets: int) -> None:
        self.events: list[MarketEvent] = [tick(SPOT, 99, 100, ts_ns=START_NS + offset) for offset in offsets]
        self.taken = 0

    def range_ns(self) -> tuple[int, int]:
        return self.events[0].ts_init, self.events[-1].ts_init

    def batches(self, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        wanted = [event for event in self.events if is_wanted(event.topic)]
        for n in range(0, len(wanted), SLICE):
            self.taken += 1
            yield wanted[n : n + SLICE]

    def describe(self) -> str:
        return "a list"


class VirtualTime(PacingTime):
    """Passes only while it is slept, each time a little longer than asked for; what `at` plans happens meanwhile.

    `if_stuck` is called where a sleep would have no end.
    """

    overslept_ns = 70_000

    def __init__(self) -> None:
        super().__init__()
        self._now_ns = self._start_ns = 123_456_789
        self._plans: list[tuple[int, int, Callable[[], None]]] = []
        self._is_woken = False
        self.if_stuck: Callable[[], None] = self._fail

    def _fail(self) -> None:
        raise AssertionError("nobody is left to end this sleep")

    @property
    def passed_ns(self) -> int:
        """Since the beginning."""
        return self._now_ns - self._start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def pass_by(self, delay_ns: int) -> None:
        """What takes long does not sleep."""
        self._now_ns += delay_ns

    def at(self, passed_ns: int, action: Callable[[], None]) -> None:
        """Do `action` then, from outside of the replay."""
        self._plans.append((self._start_ns + passed_ns, len(self._plans), action))

    async def sleep(self, delay_s: float) -> None:
        assert delay_s > 0
        self._is_woken = False
        end_ns = inf if delay_s == inf else self._now_ns + round(delay_s * NS_PER_SECOND)
        while not self._is_woken and self._plans and min(self._plans)[0] <= end_ns:
            plan = min(self._plans)
            self._plans.remove(plan)
            self._now_ns = max(self._now_ns, plan[0])
            plan[2]()
        if not self._is_woken and end_ns == inf:
            self.if_stuck()
        elif not self._is_woken:
            self._now_ns = max(self._now_ns, int(end_ns) + self.overslept_ns)
        await asyncio.sleep(0)

    def wake(self) -> None:
        self._is_woken = True


class SteppedWall(Clock):
    """A wall clock that goes with a virtual time; nobody arms timers on it."""

    def __init__(self, time: VirtualTime, start_ns: int) -> None:
        self._time = time
        self._start_ns = start_ns

    def now_ns(self) -> int:
        return self._start_ns + self._time.passed_ns

    def _arm(self, timer: Timer) -> None:
        raise AssertionError("no timers here")


class Player:
    """A replay of ticks on a simulated clock and what was seen of it: offsets of events, and of timers as text.

    `when` has, for each of them, how much virtual time had passed.
    """

    def __init__(
        self,
        *offsets: int,
        speed: float | None = None,
        clock: SimulatedClock | None = None,
        source: ListSource | None = None,
    ) -> None:
        self.clock = clock or SimulatedClock(START_NS)
        self.bus = MemoryEventBus(self.clock)
        self.source = source or ListSource(*offsets)
        self.time = VirtualTime()
        self.progress: list[tuple[int, int, str]] = []
        self.seen: list[int | str] = []
        self.when: list[int] = []
        self.handler: Callable[[int], None] = lambda offset: None
        self.replay = Replay(
            self.source,
            self.bus,
            self.clock,
            is_wanted=self.bus.is_wanted,
            speed=speed,
            on_progress=lambda events, now, state: self.progress.append((events, now - START_NS, state)),
            pacing_time=self.time,
        )

    async def play(self) -> list[int | str]:
        """To the end, or until it is stopped."""
        await self.bus.subscribe("market.*", self.see)
        await self.replay.run()
        return self.seen

    def see(self, event: Event) -> None:
        """The handler of events; calls `handler` with the offset."""
        assert isinstance(event, MarketEvent)
        assert self.clock.now_ns() == event.ts_init
        self._note(event.ts_init - START_NS)
        self.handler(event.ts_init - START_NS)

    def mark(self, due_ns: int) -> None:
        """A timer's callback."""
        self._note(f"timer {due_ns - START_NS} at {self.clock.now_ns() - START_NS}")

    def arm(self, due_ns: int) -> None:
        """A timer's callback that arms another one, due at once."""
        self.clock.call_at(due_ns, self.mark)

    def _note(self, what: int | str) -> None:
        self.seen.append(what)
        self.when.append(self.time.passed_ns)


def ms(*numbers: float) -> list[int]:
    """Milliseconds as nanoseconds."""
    return [round(number * NS_PER_MS) for number in numbers]
