"""Publishing recorded events on either kind of clock."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from quantai.core.clock import NEVER, Clock, SimulatedClock
from quantai.events import FundingRateEvent, MarketEvent
from quantai.events.bus import EventBus

_POLL_S = 0.01


class Player(ABC):
    """Publishes events in order."""

    @property
    @abstractmethod
    def position_ns(self) -> int:
        """The recorded time it has come to."""

    @property
    def next_due_ns(self) -> int:
        """The recorded time of the next timer that `fire_next` fires."""
        return NEVER

    @abstractmethod
    async def play(self, events: Iterator[MarketEvent]) -> MarketEvent | None:
        """Publish `events` as fast as possible. The one that an interruption in a timer held back is returned."""

    @abstractmethod
    async def publish(self, event: MarketEvent) -> None:
        """Publish `event`, whose time has come, and wait until it is delivered."""

    async def fire_next(self) -> None:
        """Fire the next timer, and wait until what it published is delivered."""
        return

    @abstractmethod
    def pass_to(self, ts_ns: int) -> None:
        """Nothing happened until `ts_ns`."""

    @abstractmethod
    def seek(self, ts_ns: int) -> None:
        """Be at `ts_ns`, earlier or later."""

    @abstractmethod
    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        """See `Feed.settle`."""


class SimulatedPlayer(Player):
    """Publishes events as they are, and moves the clock to each; timers due before an event or with it fire first."""

    def __init__(self, bus: EventBus, clock: SimulatedClock, is_interrupted: Callable[[], bool]) -> None:
        self._bus = bus
        self._clock = clock
        self._is_interrupted = is_interrupted

    @property
    def position_ns(self) -> int:
        return self._clock.now_ns()

    @property
    def next_due_ns(self) -> int:
        return self._clock.next_due_ns

    async def play(self, events: Iterator[MarketEvent]) -> MarketEvent | None:
        clock, dispatch = self._clock, self._bus.dispatch
        for event in events:
            ts_init = event.ts_init
            if clock.next_due_ns <= ts_init and not await self._fire_until(ts_init):
                return event
            clock.set_time(ts_init)
            pending = dispatch(event)
            if pending is not None:
                await pending
        return None

    async def _fire_until(self, ts_ns: int) -> bool:
        while self._clock.next_due_ns <= ts_ns and not self._is_interrupted():
            await self.fire_next()
        return not self._is_interrupted()

    async def publish(self, event: MarketEvent) -> None:
        self._clock.set_time(event.ts_init)
        pending = self._bus.dispatch(event)
        if pending is not None:
            await pending

    async def fire_next(self) -> None:
        self._clock.fire_next()
        while self._bus.is_busy:
            await asyncio.sleep(0)

    def pass_to(self, ts_ns: int) -> None:
        self._clock.set_time(max(ts_ns, self._clock.now_ns()))

    def seek(self, ts_ns: int) -> None:
        self._clock.seek(ts_ns)

    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        end_ns = self._clock.now_ns() + limit_ns
        while not is_settled() and self._clock.next_due_ns <= end_ns:
            await self.fire_next()


class WallPlayer(Player):
    """Publishes events as if they came from a venue now. Timers are the clock's own."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._position_ns = 0

    @property
    def position_ns(self) -> int:
        return self._position_ns

    async def play(self, events: Iterator[MarketEvent]) -> None:
        for event in events:
            await self.publish(event)

    async def publish(self, event: MarketEvent) -> None:
        self._position_ns = event.ts_init
        await self._bus.publish(restamped(event, self._clock.now_ns()))

    def pass_to(self, ts_ns: int) -> None:
        self._position_ns = max(ts_ns, self._position_ns)

    def seek(self, ts_ns: int) -> None:
        self._position_ns = ts_ns

    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        end_ns = self._clock.now_ns() + limit_ns
        while not is_settled() and self._clock.now_ns() < end_ns:
            await asyncio.sleep(_POLL_S)


def restamped(event: MarketEvent, now_ns: int) -> MarketEvent:
    """`event` as if it had come at `now_ns`: every time in it is as far from then as it was from its `ts_init`."""
    moved_ns = now_ns - event.ts_init
    ts_event = max(0, event.ts_event + moved_ns)
    if isinstance(event, FundingRateEvent) and event.next_funding_ns:
        next_funding_ns = max(0, event.next_funding_ns + moved_ns)
        return replace(event, ts_event=ts_event, ts_init=now_ns, next_funding_ns=next_funding_ns)
    return replace(event, ts_event=ts_event, ts_init=now_ns)
