"""What goes wrong at some moment, whatever is sent then: streams, venues, disks, and people."""

from __future__ import annotations

import random
from collections.abc import Callable

from quantai.core.clock import NS_PER_MS, SimulatedClock
from quantai.core.enums import Side, TradingState
from quantai.exchanges.execution import CancelOrder
from tests.torture.oms.disk import Disk
from tests.torture.oms.exchange import Exchange
from tests.torture.oms.faults import Faults
from tests.torture.oms.log import Log
from tests.torture.oms.trader import STRATEGIES
from tests.torture.oms.venue import Line
from tests.torture.oms.venue_order import external

SetTrading = Callable[[str | None, TradingState], bool]
"""Halts, restricts or resumes a strategy or (None) all; whether anybody was there to do it."""


class Trouble:
    """Plans it, and lets it happen. `crash` aims at the daemon."""

    def __init__(
        self,
        clock: SimulatedClock,
        lines: list[Line],
        disk: Disk,
        faults: Faults,
        dice: random.Random,
        log: Log,
        crash: Callable[[], None],
        set_trading: SetTrading,
    ) -> None:
        self._clock = clock
        self._lines = lines
        self._disk = disk
        self._faults = faults
        self._dice = dice
        self._log = log
        self._crash = crash
        self._set_trading = set_trading
        self.is_over = False

    def plan(self, duration_ns: int) -> None:
        """Choose the moments, from now on."""
        kinds: dict[str, Callable[[], None]] = {
            "disconnect": self._disconnect,
            "restart": self._restart_venue,
            "crash": self._crash,
            "journal": self._take_disk,
            "stall": self._stall,
            "halt": self._halt,
        }
        for kind, happen in kinds.items():
            for _ in range(self._faults.times[kind]):
                self._clock.call_later(self._dice.randrange(duration_ns), self._unless_over(happen))

    def end(self) -> None:
        """Everything works from now on, and nobody does anything any more."""
        self.is_over = True
        calm = self._faults.calm()
        for line in self._lines:
            line.faults = line.exchange.faults = calm
            line.is_up = line.exchange.is_calm = True
            line.connect(True)
        self._disk.is_writable, self._disk.stall_ns = True, 0

    def step(self, exchange: Exchange) -> None:
        """What may happen at a venue at any time, without us."""
        if self._dice.random() < self._faults.rates["unasked"]:
            exchange.misbehave()
        if self._dice.random() < self._faults.rates["external"]:
            self._phone(exchange)
        if self._dice.random() < self._faults.rates["cash"]:
            exchange.ledger.pay("USDT", self._dice.randint(-50_000, 80_000))

    def _unless_over(self, happen: Callable[[], None]) -> Callable[[int], None]:
        return lambda due_ns: None if self.is_over else happen()

    def _later(self, least_ms: int, most_ms: int, happen: Callable[[], None]) -> None:
        self._clock.call_later(self._dice.randint(least_ms, most_ms) * NS_PER_MS, self._unless_over(happen))

    def _disconnect(self) -> None:
        line = self._dice.choice(self._lines)
        self._log(f"*** the stream of {line.exchange.name} falls")
        line.connect(False)
        self._later(50, 4_000, lambda: line.connect(True))

    def _restart_venue(self) -> None:
        line = self._dice.choice(self._lines)
        self._log(f"*** {line.exchange.name} restarts")
        line.is_up = False
        line.connect(False)
        if self._dice.random() < 0.5:
            line.exchange.drop_all()
        self._later(200, 5_000, lambda: self._bring_back(line))

    @staticmethod
    def _bring_back(line: Line) -> None:
        line.is_up = True
        line.connect(True)

    def _take_disk(self) -> None:
        self._log("*** the disk is away")
        self._disk.is_writable = False
        self._later(10, 3_000, self._mend_disk)

    def _mend_disk(self) -> None:
        self._log("*** the disk is back")
        self._disk.is_writable = True

    def _stall(self) -> None:
        self._disk.stall_ns = self._dice.randint(20, 800) * NS_PER_MS
        self._later(10, 500, lambda: setattr(self._disk, "stall_ns", 0))

    def _halt(self) -> None:
        strategy = self._dice.choice((None, *STRATEGIES))
        self._say(strategy, self._dice.choice((TradingState.HALTED, TradingState.REDUCING)))
        self._later(200, 6_000, lambda: self._say(strategy, TradingState.ACTIVE))

    def _say(self, strategy: str | None, state: TradingState) -> None:
        """What nobody is there to hear is said again."""
        if not self._set_trading(strategy, state):
            self._later(100, 500, lambda: self._say(strategy, state))

    def _phone(self, exchange: Exchange) -> None:
        """The user trades without us."""
        dice = self._dice
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
