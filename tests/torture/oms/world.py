"""One seed: venues, a disk, daemons one after the other, and everything that goes wrong between them."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock
from quantai.core.enums import TradingState
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder
from quantai.instruments import Instrument
from tests.torture.oms import invariants
from tests.torture.oms.daemon import Daemon, Surroundings
from tests.torture.oms.disk import Disk
from tests.torture.oms.exchange import Exchange
from tests.torture.oms.faults import Faults, Habits
from tests.torture.oms.life import Life
from tests.torture.oms.limits import Limits
from tests.torture.oms.log import Log
from tests.torture.oms.loop import SimulatedLoop
from tests.torture.oms.trader import Trader
from tests.torture.oms.trouble import Trouble
from tests.torture.oms.venue import LONGEST_TRIP_NS, Line

START_NS = 1_767_261_600_000_000_000
DURATION_NS = 20 * NS_PER_SECOND
_STEP_NS = 250 * NS_PER_MS
_CALM_STEP_NS = NS_PER_SECOND
_MEAN_ACT_NS = 350 * NS_PER_MS
_SHORT_S = 0.1
_STILL_S = 2.5
_FEW_CLOSED, _MANY_CLOSED = 10, 10_000
_QUIET_WITHIN_S = 300

_D = Decimal
INSTRUMENTS = {
    "alpha": [Instrument(venue="alpha", symbol="BTC/USDT", tick_size=_D("0.01"), lot_size=_D("0.001"))],
    "beta": [
        Instrument(venue="beta", symbol="BTC/USDT", tick_size=_D("0.01"), lot_size=_D("0.001")),
        Instrument(
            venue="beta", symbol="ETH/USDT:USDT", tick_size=_D("0.01"), lot_size=_D("0.01"), multiplier=_D("0.1")
        ),
    ],
}


@dataclass(frozen=True)
class Verdict:
    """How a seed ended: `problems` are the invariants that broke, `counts` what happened how often."""

    seed: int
    problems: list[str]
    digest: str
    last: list[str]
    counts: dict[str, int]


class World:
    """Runs one seed to its end. Everything by chance is drawn from one source, in a fixed order."""

    def __init__(self, seed: int, without: Collection[str] = (), *, is_loud: bool = False) -> None:
        self._source = random.Random(seed)
        self.clock = SimulatedClock(START_NS)
        self.loop = SimulatedLoop(self.clock)
        self.log = Log(self.clock, is_loud=is_loud)
        self.faults = Faults.drawn(self._dice(), without)
        self.disk = Disk()
        self.lines = [self._line(name) for name in INSTRUMENTS]
        self.exchanges = [line.exchange for line in self.lines]
        self._is_forgetful = self.faults.times["memory"] > 0
        max_closed = _FEW_CLOSED if self._is_forgetful else _MANY_CLOSED
        self.around = Surroundings(self.clock, self.lines, self.disk, self._dice(), self.log, max_closed)
        self.trouble = Trouble(
            self.clock, self.lines, self.disk, self.faults, self._dice(), self.log, self._aim, self._set_trading
        )
        self.problems: list[str] = []
        self.sent: dict[str, SubmitOrder] = {}
        self.counts = {"boundaries": 0, "crashes": 0, "acts": 0}
        self.daemon: Daemon | None = None
        self._limits = Limits(self.problems.append)
        self._trading_dice = self._dice()
        self._crash_dice = self._dice()
        self._trader: Trader | None = None
        self._kill_at = -1
        self._main: asyncio.Task[None] | None = None

    def _dice(self) -> random.Random:
        """Of their own for each part, so that one kind of fault left out does not change all else."""
        return random.Random(self._source.getrandbits(64))

    def _line(self, name: str) -> Line:
        habits = Habits.drawn(self._dice(), self.faults.without)
        exchange = Exchange(name, INSTRUMENTS[name], clock=self.clock, dice=self._dice(), habits=habits)
        exchange.faults = self.faults
        self.log(f"{name} is {habits}")
        return Line(exchange, self.clock, self._dice(), self.faults, log=self.log)

    # What daemons do to the world.

    def boundary(self, what: str) -> None:
        """Kill the daemon here, if it is its time."""
        self.counts["boundaries"] += 1
        if self.counts["boundaries"] == self._kill_at and self.daemon is not None:
            self.log(f"*** killed at: {what}")
            self.counts["crashes"] += 1
            self._end(self.daemon)
            self.clock.call_later(self._crash_dice.randint(50, 3_000) * NS_PER_MS, lambda _: self.start())

    def sent_command(self, command: SubmitOrder | AmendOrder | CancelOrder) -> None:
        """A command leaves a daemon."""
        name = command.client_order_id
        order = self.disk.find(name)
        if isinstance(command, SubmitOrder):
            if name in self.sent:
                self.problems.append(f"{name} was submitted twice")
            if order is None:
                self.problems.append(f"{name} was sent before it was durable")
            self.sent[name] = command
        if order is None or self.daemon is None or isinstance(command, CancelOrder):
            return
        self._limits.sent(order, self.disk.find(order.parent_order_id), self.daemon.trades_of)
        if isinstance(command, SubmitOrder) and self.daemon.forbids(order):
            self.problems.append(f"{name} was sent while trading of {order.strategy} was restricted")

    # Daemons come and go.

    def start(self) -> None:
        """A new daemon, on what is durable, where there is none."""
        if self.daemon is not None:
            return
        self.daemon = daemon = Daemon(self.around, Life(self))
        self.log(f"*** daemon {self.around.runs} starts")
        for exchange in self.exchanges:
            daemon.show(exchange)
        self._trader = Trader(
            daemon.orders, daemon.contingent, daemon.routed, self.exchanges, self._trading_dice,
            has_families=not self._is_forgetful,
        )  # fmt: skip
        daemon.starting = self.loop.create_task(daemon.start())

    def _end(self, daemon: Daemon) -> None:
        """As `kill -9`: what is not durable is gone, and so is what was on its way to the daemon."""
        daemon.life.is_alive = False
        self.problems += daemon.problems
        self.daemon = self._trader = None
        for line in self.lines:
            line.connector = None
        self._bury_soon()

    def _bury_soon(self) -> None:
        """When every task that was made so far has begun: what one was to await would never be."""
        self.loop.call_soon(lambda: self.loop.call_soon(self._bury))

    def _bury(self) -> None:
        """End the tasks of a killed daemon, and those that these begin when they end."""
        if self._main is None or self._main.done():
            return
        left = asyncio.all_tasks(self.loop) - {self._main}
        for task in left:
            task.cancel()
        if left:
            self._bury_soon()

    def _aim(self) -> None:
        self._kill_at = self.counts["boundaries"] + self._crash_dice.randint(1, 25)

    def _set_trading(self, strategy: str | None, state: TradingState) -> bool:
        if self.daemon is None or not self.daemon.is_ready:
            return False
        self.log(f"*** trading of {strategy or 'all'}: {state}")
        self.daemon.states.set(state, strategy, "somebody said so")
        return True

    # What happens from the beginning to the end.

    async def live(self) -> None:
        """The whole of it: trouble, then quiet, then the questions."""
        self._main = asyncio.current_task()
        for exchange in self.exchanges:
            exchange.on_change = self._limits.changed
            exchange.ledger.pay("USDT", 10_000_000)
            exchange.ledger.pay("BTC", 10_000)
        self.start()
        self.trouble.plan(DURATION_NS)
        self.clock.call_later(_STEP_NS, self._step)
        self.clock.call_later(_MEAN_ACT_NS, self._act)
        await asyncio.sleep(DURATION_NS / NS_PER_SECOND)
        self.log("*** calm")
        self._kill_at = -1
        self.trouble.end()
        self.start()
        await asyncio.sleep(LONGEST_TRIP_NS / NS_PER_SECOND)
        await self._quiet("after the faults")
        self.problems += invariants.broken(self)
        await self._restart_twice()

    def _step(self, due_ns: int) -> None:
        """The market moves while there is trouble; after that it only shows where it is."""
        is_over = self.trouble.is_over
        for exchange in self.exchanges:
            if not is_over:
                exchange.step()
            if self.daemon is not None:
                self.daemon.show(exchange)
            if not is_over:
                self.trouble.step(exchange)
        self.clock.call_later(_CALM_STEP_NS if is_over else _STEP_NS, self._step)

    def _act(self, due_ns: int) -> None:
        """The strategies trade while there is trouble."""
        if self.trouble.is_over:
            return
        if self._trader is not None and self.daemon is not None and self.daemon.is_ready:
            self.counts["acts"] += 1
            self._trader.act()
        self.clock.call_later(int(self._trading_dice.expovariate(1 / _MEAN_ACT_NS)), self._act)

    async def _quiet(self, when: str) -> None:
        """Everything is compared once more, and nothing moves after that."""
        try:
            await asyncio.wait_for(self._settled(), _QUIET_WITHIN_S)
        except TimeoutError:
            found = self.daemon.unsettled() if self.daemon else "there is no daemon"
            self.problems.append(f"{when} it did not become quiet within {_QUIET_WITHIN_S} s: {found}")

    async def _settled(self) -> None:
        while self.daemon is None or not self.daemon.is_ready:
            await asyncio.sleep(_SHORT_S)
        self.daemon.resume()
        for exchange in self.exchanges:
            await self.daemon.reconciler.reconcile(exchange.name)
        lines = -1
        while lines != self.log.lines or self.daemon.unsettled():
            lines = self.log.lines
            await asyncio.sleep(_STILL_S)

    async def _restart_twice(self) -> None:
        assert self.daemon is not None
        before = self.daemon.picture()
        once = await self._restarted()
        between = once.full_picture()
        self._compare(before, once.picture())
        twice = await self._restarted()
        self._compare(between, twice.full_picture())
        self._end(twice)
        await asyncio.sleep(_SHORT_S)

    async def _restarted(self) -> Daemon:
        assert self.daemon is not None
        self._end(self.daemon)
        await asyncio.sleep(_SHORT_S)
        self.start()
        await self._quiet("after a restart")
        return self.daemon

    def _compare(self, before: list[str], after: list[str]) -> None:
        if before != after:
            self.problems.append(f"a restart changed {sorted(set(before) ^ set(after))}")


def run_seed(seed: int, without: Collection[str] = (), *, is_loud: bool = False) -> Verdict:
    """Run one seed to its end."""
    world = World(seed, without, is_loud=is_loud)
    try:
        world.loop.run_until_complete(world.live())
    except Exception:
        world.problems.append(traceback.format_exc())
    finally:
        world.loop.finish()
    counts = dict(world.counts)
    for line in world.lines:
        for kind, count in line.counts.items():
            counts[kind] = counts.get(kind, 0) + count
    return Verdict(seed, world.problems + world.loop.failures, world.log.digest, list(world.log.last), counts)
