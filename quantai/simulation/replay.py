"""Replays market events through the bus: as fast as they can be handled, or in their own time at any speed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from math import inf

from quantai.core.clock import NS_PER_MS, Clock, SimulatedClock, iso_utc
from quantai.data.feed import Feed
from quantai.data.source import MarketDataSource, Wanted
from quantai.events import MarketEvent
from quantai.events.bus import EventBus
from quantai.events.persistence.times import Time, to_ns
from quantai.simulation.pacing import Pacer, PacingTime, checked_speed
from quantai.simulation.playing import Player, SimulatedPlayer, WallPlayer
from quantai.simulation.read_ahead import ReadAhead

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]

# While nothing is due, simulated time and the progress are brought up to date this often.
_UPDATE_NS = 50 * NS_PER_MS
# Where there is no time to wait between events, other tasks get a turn after so many.
_EVENTS_PER_TURN = 64


class Replay(Feed):
    """Plays a source from beginning to end, at `speed` times its original timing; None is as fast as possible.

    On a `SimulatedClock` events are published as they are and time goes with them; timers due before an event, or with
    it, fire before it. What happens, and in which order, is the same at any speed. On any other clock events are
    restamped: `ts_init` is the time of publishing, all other times in an event keep their distance to it.

    `pause`, `resume`, `seek` and `speed` may be used at any time, also before `run` and in a handler; they and `stop`
    take effect before the next event. Paced, the first event comes at once and every other when it is due after that,
    at most half a millisecond early; one that is late, as a handler took too long, is published as soon as possible,
    and counted.
    """

    def __init__(
        self,
        source: MarketDataSource,
        bus: EventBus,
        clock: Clock,
        *,
        is_wanted: Wanted,
        speed: float | None = None,
        on_progress: Progress | None = None,
        pacing_time: PacingTime | None = None,
    ) -> None:
        """`is_wanted` says which topics to take from the source. `on_progress` is told the number of events so far, the
        recorded time and how that passes (`""`, `10x`, `paused`): once a slice, and some times a second between events.
        `pacing_time` is what speed is measured by.

        Raises `ConfigError` for a speed that is not above 0 and at most 1,000,000.
        """
        self._source = source
        self._is_wanted = is_wanted
        self._on_progress = on_progress
        self._time = pacing_time or PacingTime()
        self._pacer = Pacer(checked_speed(speed), self._time)
        self._player: Player = (
            SimulatedPlayer(bus, clock, lambda: self._is_interrupted)
            if isinstance(clock, SimulatedClock)
            else WallPlayer(bus, clock)
        )
        self._playing: Iterator[MarketEvent] = iter(())
        self._rest: list[MarketEvent] = []
        self._target_ns: int | None = None
        self._origin_ns: int | None = None
        self._is_interrupted = False
        self._is_paused = False
        self._stopping = False
        self.events = 0

    @property
    def speed(self) -> float | None:
        """How many times faster than recorded; None is as fast as possible. Raises `ConfigError` when set to what is
        no speed.
        """
        return self._pacer.speed

    @speed.setter
    def speed(self, speed: float | None) -> None:
        self._pacer.speed = checked_speed(speed)
        self._interrupt()

    @property
    def is_paused(self) -> bool:
        """Whether events are held back until `resume`."""
        return self._is_paused

    @property
    def position_ns(self) -> int:
        """The recorded time it has come to, nanoseconds UTC; on a wall clock 0 before the first event."""
        return max(self._player.position_ns, self._origin_ns or 0)

    @property
    def late(self) -> int:
        """Events published more than 2 ms after they were due."""
        return self._pacer.late

    @property
    def worst_lateness_ns(self) -> int:
        """How long after it was due an event was published at most, in real time."""
        return self._pacer.worst_lateness_ns

    def pause(self) -> None:
        """Publish nothing, and let no simulated time pass, until `resume`. The timers of a wall clock go on."""
        self._is_paused = True
        self._interrupt()

    def resume(self) -> None:
        """Go on after `pause`, from where it was."""
        self._is_paused = False
        self._interrupt()

    def toggle_pause(self) -> None:
        """Pause, or resume."""
        if self._is_paused:
            self.resume()
        else:
            self.pause()
        logger.info("the replay is %s at %s", "paused" if self._is_paused else "resumed", iso_utc(self.position_ns))

    def seek(self, ts: Time) -> None:
        """Go on with the first event at or after `ts`, earlier or later than now: with the first of all where `ts` is
        before that. Where it is after the last, the replay ends.

        The events between are not published; what handlers know stays as it is. Timers of a simulated clock go on as
        `SimulatedClock.seek` says. Raises `ConfigError` for a bad time; `run` raises `StoreError` where the source has
        gone.
        """
        self._target_ns = to_ns(ts)
        self._interrupt()

    def stop(self) -> None:
        """End before the next event."""
        self._stopping = True
        self._interrupt()

    def _interrupt(self) -> None:
        """Take what is left of the slice out of the hands of the loop that plays it, so that this has nothing to ask
        before each event.
        """
        self._is_interrupted = True
        self._rest += self._playing
        self._time.wake()

    async def run(self) -> None:
        """Play until the source ends or `stop` is called."""
        reader = ReadAhead(self._source.batches(self._is_wanted))
        self._is_interrupted = True
        try:
            while not self._stopping:
                if self._is_interrupted:
                    reader = await self._obey(reader)
                elif self._rest:
                    await self._play()
                elif (batch := await reader.next(ahead=self._pacer.speed is not None)) is not None:
                    self._rest += batch
                    if self._origin_ns is None:
                        self._origin_ns = batch[0].ts_init
                        self._start_pacer()
                elif not self._is_interrupted:
                    return
        finally:
            reader.close()
            self._pacer.log(self.events)

    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        """Let time pass without market events until `is_settled`, or `limit_ns` is over: simulated time at once."""
        await self._player.settle(is_settled, limit_ns)

    def _start_pacer(self) -> None:
        """Recorded time passes from now on, at the speed of now."""
        self._pacer.start(self.position_ns)

    async def _obey(self, reader: ReadAhead) -> ReadAhead:
        """Do what was asked for, and wait while paused."""
        self._is_interrupted = False
        if self._target_ns is not None:
            reader.close()
            reader = await self._jump(self._target_ns)
        self._tell_progress()
        if self._is_paused and not self._is_interrupted:
            await self._time.sleep(inf)
        self._start_pacer()
        return reader

    async def _jump(self, target_ns: int) -> ReadAhead:
        self._target_ns = None
        self._rest.clear()
        first_ns, last_ns = await asyncio.to_thread(self._source.range_ns)
        target_ns = min(max(target_ns, first_ns), last_ns + 1)
        self._player.seek(target_ns)
        self._origin_ns = target_ns
        reader = ReadAhead(self._source.batches_from(target_ns, self._is_wanted))
        reader.begin()
        return reader

    async def _play(self) -> None:
        """Play what is there of the slice, up to an interruption."""
        batch, self._rest = self._rest, []
        self._playing = iter(batch)
        if self._pacer.speed is None:
            held = await self._player.play(self._playing)
            self.events += len(batch) - len(self._rest) - (held is not None)
        else:
            held = await self._play_paced(self._playing)
        if held is not None:
            self._rest.insert(0, held)
        self._tell_progress()
        # Signals, queued subscribers and other tasks get their turn once a slice.
        await asyncio.sleep(0)

    async def _play_paced(self, events: Iterator[MarketEvent]) -> MarketEvent | None:
        """Publish each event when it is due. The one that was held back by an interruption is returned."""
        for number, event in enumerate(events):
            if not await self._reach(event.ts_init):
                return event
            await self._player.publish(event)
            self.events += 1
            if number % _EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)
        return None

    async def _reach(self, ts_ns: int) -> bool:
        """Wait until `ts_ns` is due, firing timers on the way; False where an interruption came first."""
        player, pacer = self._player, self._pacer
        while not self._is_interrupted:
            due_ns = min(player.next_due_ns, ts_ns)
            ahead_ns = pacer.ahead_ns(due_ns)
            if pacer.is_ahead(ahead_ns):
                await pacer.sleep(ahead_ns, _UPDATE_NS)
                player.pass_to(min(pacer.position_ns(), player.next_due_ns, ts_ns))
                self._tell_progress()
            elif player.next_due_ns <= ts_ns:
                await player.fire_next()
            else:
                pacer.count(ahead_ns)
                return True
        return False

    def _tell_progress(self) -> None:
        if self._on_progress is not None and (position_ns := self.position_ns):
            self._on_progress(self.events, position_ns, "paused" if self._is_paused else self._pacer.describe())
