"""One seed: venues, a disk, daemons one after the other, and everything that goes wrong between them."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock
from quantai.core.enums import Side, TradingState
from quantai.events import TickEvent
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder
from quantai.instruments import Instrument
from tests.torture.oms import invariants
from tests.torture.oms.daemon import Daemon, Surroundings
from tests.torture.oms.disk import Disk
from tests.torture.oms.exchange import Exchange, external
from tests.torture.oms.faults import Faults, Habits
from tests.torture.oms.life import Life
from tests.torture.oms.limits import Limits
from tests.torture.oms.log import Log
from tests.torture.oms.loop import SimulatedLoop
from tests.torture.oms.trader import STRATEGIES, Trader
from tests.torture.oms.venue import LONGEST_TRIP_NS, Line

START_NS = 1_767_261_600_000_000_000
DURATION_NS = 20 * NS_PER_SECOND
_STEP_NS = 250 * NS_PER_MS
_MEAN_ACT_NS = 350 * NS_PER_MS
_STILL_S = 3.0
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
    """How a seed ended: `problems` are the invariants that broke."""

    seed: int
    problems: list[str]
    digest: str
    last: list[str]
    counts: dict[str, int]


class World:
    """Runs one seed to its end."""

    def __init__(self, seed: int, without: Collection[str] = (), *, is_loud: bool = False) -> None:
        root = random.Random(seed)
        self._dice = {name: random.Random(root.getrandbits(64)) for name in ("faults", "plan", "trader", "disk", "phone")}
        self.clock = SimulatedClock(START_NS)
        self.loop = SimulatedLoop(self.clock)
        self.log = Log(self.clock, is_loud=is_loud)
        self.faults = Faults.drawn(self._dice["faults"], without)
        self.disk = Disk()
        self.lines = [self._line(name, random.Random(root.getrandbits(64))) for name in INSTRUMENTS]
        self.exchanges = [line.exchange for line in self.lines]
        self.around = Surroundings(self.clock, self.lines, self.disk, self._dice["disk"], self.log)
        self.problems: list[str] = []
        self.limits = Limits(self.problems.append)
        self.sent: dict[str, SubmitOrder] = {}
        self.counts = {"boundaries": 0, "crashes": 0, "acts": 0}
        self.daemon: Daemon | None = None
        self._trader: Trader | None = None
        self._kill_at = -1
        self._is_over = False
        self._main: asyncio.Task[None] | None = None

    def _line(self, name: str, dice: random.Random) -> Line:
        habits = Habits.drawn(self._dice["faults"], self.faults.without)
        exchange = Exchange(name, INSTRUMENTS[name], clock=self.clock, dice=dice, habits=habits)
        exchange.faults = self.faults
        self.log(f"{name} is {habits}")
        return Line(exchange, self.clock, dice, self.faults, log=self.log)

    # What daemons do to the world.

    def boundary(self, what: str) -> None:
        """Kill the daemon here, if it is its time."""
        self.counts["boundaries"] += 1
        if self.counts["boundaries"] == self._kill_at:
            self.kill(what)

    def sent_command(self, venue: str, command: SubmitOrder | AmendOrder | CancelOrder) -> None:
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
        self.limits.sent(order, self.disk.find(order.parent_order_id), self.daemon.trades_of)
        if isinstance(command, SubmitOrder) and self.daemon.forbids(order):
            self.problems.append(f"{name} was sent while trading of {order.strategy} was restricted")

    def kill(self, what: str) -> None:
        """As `kill -9`: what is not durable is gone, and so is what was on its way to the daemon."""
        if self.daemon is None:
            return
        self.log(f"*** killed at: {what}")
        self.counts["crashes"] += 1
        self._end(self.daemon)
        self._later(50, 3_000, self.start)

    def _end(self, daemon: Daemon) -> None:
        daemon.life.is_alive = False
        self.problems += daemon.problems
        self.daemon = self._trader = None
        for line in self.lines:
            line.connector = None
        self._bury_soon()

    def _bury_soon(self) -> None:
        """When every task that was made so far has begun: one that never did would be missed by what it was to await."""
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

    # What the world does.

    def start(self) -> None:
        """A new daemon, on what is durable."""
        if self.daemon is not None:
            return
        self.daemon = daemon = Daemon(self.around, Life(self))
        self.log(f"*** daemon {self.around.runs} starts")
        for exchange in self.exchanges:
            for symbol in exchange.instruments:
                self._tell_price(exchange, symbol)
        self._trader = Trader(
            daemon.orders, daemon.contingent, daemon.routed, self.exchanges, self._dice["trader"]
        )
        daemon.starting = self.loop.create_task(daemon.start())

    async def live(self) -> None:
        """The whole of it: trouble, then quiet, then the questions."""
        self._main = asyncio.current_task()
        for exchange in self.exchanges:
            exchange.on_change = self.limits.changed
            exchange.ledger.flow("USDT", _D(100_000))
            exchange.ledger.flow("BTC", _D(100))
        self.start()
        self._plan()
        self.clock.call_every(_STEP_NS, lambda _: self._step())
        self._act_later()
        await asyncio.sleep(DURATION_NS / NS_PER_SECOND)
        self._calm()
        await self._quiet("after the faults")
        self.problems += invariants.broken(self)
        await self._restart_twice()

    def _plan(self) -> None:
        """When everything happens that does not depend on messages."""
        moments: dict[str, Callable[[], None]] = {
            "disconnect": self._disconnect,
            "restart": self._restart_venue,
            "crash": self._aim,
            "journal": self._journal_outage,
            "stall": self._stall,
            "halt": self._halt,
        }
        for kind, happen in moments.items():
            for _ in range(self.faults.times[kind]):
                self._at(happen)

    def _at(self, happen: Callable[[], None]) -> None:
        due_ns = START_NS + self._dice["plan"].randrange(DURATION_NS)
        self.clock.call_at(due_ns, lambda _: None if self._is_over else happen())

    def _later(self, least_ms: int, most_ms: int, happen: Callable[[], None]) -> None:
        self.clock.call_later(self._dice["plan"].randint(least_ms, most_ms) * NS_PER_MS, lambda _: happen())

    def _aim(self) -> None:
        self._kill_at = self.counts["boundaries"] + self._dice["plan"].randint(1, 25)

    def _disconnect(self) -> None:
        line = self._dice["plan"].choice(self.lines)
        self.log(f"*** the stream of {line.exchange.name} falls")
        line.connect(False)
        self._later(50, 4_000, lambda: line.connect(True))

    def _restart_venue(self) -> None:
        line = self._dice["plan"].choice(self.lines)
        self.log(f"*** {line.exchange.name} restarts")
        line.is_up = False
        line.connect(False)
        if self._dice["plan"].random() < 0.5:
            line.exchange.drop_all()

        def back() -> None:
            line.is_up = True
            line.connect(True)

        self._later(200, 5_000, back)

    def _journal_outage(self) -> None:
        self.log("*** the disk is away")
        self.disk.is_writable = False
        self._later(10, 3_000, self._mend_disk)

    def _mend_disk(self) -> None:
        self.log("*** the disk is back")
        self.disk.is_writable = True

    def _stall(self) -> None:
        self.disk.stall_ns = self._dice["plan"].randint(20, 800) * NS_PER_MS
        self._later(10, 500, lambda: setattr(self.disk, "stall_ns", 0))

    def _halt(self) -> None:
        dice = self._dice["plan"]
        strategy, state = dice.choice((None, *STRATEGIES)), dice.choice((TradingState.HALTED, TradingState.REDUCING))
        self._set_trading(strategy, state)
        self._later(200, 6_000, lambda: self._set_trading(strategy, TradingState.ACTIVE))

    def _set_trading(self, strategy: str | None, state: TradingState) -> None:
        """What nobody is there to hear is said again later."""
        if self.daemon is None or not self.daemon.is_ready:
            if not self._is_over:
                self._later(100, 500, lambda: self._set_trading(strategy, state))
            return
        self.log(f"*** trading of {strategy or 'all'}: {state}")
        self.daemon.halt(strategy, state)

    def _step(self) -> None:
        """The market moves until it is over; then it only shows where it is."""
        for exchange in self.exchanges:
            for symbol in exchange.instruments:
                if not self._is_over:
                    exchange.step(symbol)
                self._tell_price(exchange, symbol)
            if not self._is_over:
                self._by_itself(exchange)

    def _tell_price(self, exchange: Exchange, symbol: str) -> None:
        if self.daemon is not None:
            bid, ask = (float(exchange.price(symbol, side)) for side in (Side.SELL, Side.BUY))
            now_ns = self.clock.now_ns()
            self.daemon.tick(TickEvent(exchange.name, symbol, now_ns, now_ns, bid, 10.0, ask, 10.0))

    def _by_itself(self, exchange: Exchange) -> None:
        dice, rates = self._dice["phone"], self.faults.rates
        if dice.random() < rates["unasked"]:
            exchange.misbehave()
        if dice.random() < rates["external"]:
            self._phone(exchange)
        if dice.random() < rates["cash"]:
            exchange.ledger.flow("USDT", _D(dice.randint(-50_000, 80_000)) / 100)

    def _phone(self, exchange: Exchange) -> None:
        dice = self._dice["phone"]
        own = [order for order in exchange.open.values() if not order.client_order_id]
        if own and dice.random() < 0.4:
            order = dice.choice(own)
            exchange.cancel(CancelOrder("", order.command.symbol, order.names[-1]))
            return
        instrument = dice.choice(list(exchange.instruments.values()))
        side = dice.choice((Side.BUY, Side.SELL))
        away = instrument.tick_size * dice.randint(0, 10) * side.sign
        price = None if dice.random() < 0.3 else exchange.price(instrument.symbol, side) - away
        exchange.place(external(instrument, side, instrument.lot_size * dice.randint(1, 500), price))

    def _act_later(self) -> None:
        delay_ns = int(self._dice["trader"].expovariate(1 / _MEAN_ACT_NS))
        self.clock.call_later(delay_ns, lambda _: self._act())

    def _act(self) -> None:
        if self._is_over:
            return
        if self._trader is not None and self.daemon is not None and self.daemon.is_ready:
            self.counts["acts"] += 1
            self._trader.act()
        self._act_later()

    # The end.

    def _calm(self) -> None:
        self.log("*** calm")
        self._is_over, self._kill_at = True, -1
        calm = self.faults.calm()
        for line in self.lines:
            line.faults = line.exchange.faults = calm
            line.is_up = True
            line.connect(True)
        self.disk.is_writable, self.disk.stall_ns = True, 0
        self.start()

    async def _quiet(self, when: str) -> None:
        """What is late arrives, everything is compared once more, and nothing moves after that."""
        try:
            await asyncio.wait_for(self._settled(), _QUIET_WITHIN_S)
        except TimeoutError:
            found = self.daemon.unsettled() if self.daemon else "there is no daemon"
            self.problems.append(f"{when} it did not become quiet within {_QUIET_WITHIN_S} s: {found}")

    async def _settled(self) -> None:
        await asyncio.sleep(LONGEST_TRIP_NS / NS_PER_SECOND)
        while self.daemon is None or not self.daemon.is_ready:
            await asyncio.sleep(1.0)
        self.daemon.resume()
        for exchange in self.exchanges:
            await self.daemon.reconciler.reconcile(exchange.name)
        lines = -1
        while lines != self.log.lines or self.daemon.unsettled():
            lines = self.log.lines
            await asyncio.sleep(_STILL_S)

    async def _restart_twice(self) -> None:
        pictures = []
        for number in (1, 2):
            assert self.daemon is not None
            pictures.append(self.daemon.picture())
            self._end(self.daemon)
            await asyncio.sleep(_STILL_S)
            self.start()
            await self._quiet(f"after restart {number}")
        assert self.daemon is not None
        pictures.append(self.daemon.picture())
        for before, after in zip(pictures, pictures[1:], strict=False):
            if before != after:
                self.problems.append(f"a restart changed {sorted(set(before) ^ set(after))}")
        self._end(self.daemon)
        await asyncio.sleep(_STILL_S)


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
