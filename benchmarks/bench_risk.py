"""Risk: every shipped check on an order, 10 instruments with positions and quotes, 100 open orders."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from decimal import Decimal

from benchmarks.figures import Figure, heading, show
from quantai.core.account import AccountChange, BalanceRecord, PositionRecord
from quantai.core.clock import SimulatedClock
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.data.market import MarketView
from quantai.events import TickEvent
from quantai.events.bus import MemoryEventBus
from quantai.instruments import Instrument, InstrumentCatalogue
from quantai.oms.cache import OrderCache
from quantai.oms.models import Order
from quantai.oms.risk import RISK_CHECKS, Approved, RiskCheck, RiskEngine, RiskView, TradingStates
from quantai.portfolio.portfolio import Portfolio

_ORDERS = 1_000
_ROUNDS = 9
_NOW_NS = 1_767_261_600_000_000_000
_TARGET_US = 20.0
_INSTRUMENTS = [
    Instrument(
        venue="okx",
        symbol=f"C{n}/USDT" if n % 2 else f"C{n}/USDT:USDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        min_notional=Decimal(1),
    )
    for n in range(10)
]
_PARAMS: dict[str, dict[str, object]] = {
    "price_validity": {"band": "10%", "max_age": "5m"},
    "quantity_validity": {"max_order_notional": 10**6},
    "max_open_orders": {"per_strategy": 1000, "total": 1000, "per_instrument": 1000, "per_venue": 1000},
    "position_limit": {"max_notional": 10**9},
    "exposure_limit": {"max_gross": 10**9},
    "sufficient_capital": {"max_leverage": 3},
    "order_rate": {"per_strategy": 100_000, "total": 100_000},
    "daily_loss": {"max_loss": 10**6},
    "drawdown": {"max_rate": "50%"},
    "duplicate_order": {"window": "20ms"},
    "self_trade": {},
    "stale_market": {"max_silence": "5m"},
    "unknown_order": {},
}


def checks(names: Sequence[str]) -> list[RiskCheck]:
    """Shipped checks, with limits that nothing reaches."""
    made = [RISK_CHECKS.find(name)(**_PARAMS[name]) for name in names]
    for name, check in zip(names, made, strict=True):
        check.bind(name)
    return made


class Desk:
    """The books, the market and the orders."""

    def __init__(self, asked: Sequence[RiskCheck]) -> None:
        self.clock = SimulatedClock(_NOW_NS)
        self.market = MarketView()
        self.cache = OrderCache()
        portfolio = Portfolio(
            bus=MemoryEventBus(self.clock), clock=self.clock, market=self.market,
            catalogue=InstrumentCatalogue(_INSTRUMENTS), base_currency="USDT", balances={},
        )  # fmt: skip
        portfolio.restore(_account())
        states = TradingStates(
            self.clock,
            post=lambda event: None,
            put=lambda key, value, then: None,
            cancel_all=lambda strategy, reason: None,
        )
        self.engine = RiskEngine(asked, RiskView(portfolio, self.market, self.cache, self.clock), states)
        for instrument in _INSTRUMENTS:
            self.quote(instrument, 0)
        for n in range(100):
            self.cache.keep(_order(f"open{n}", _INSTRUMENTS[n % 10], n // 10, Side.BUY if n % 20 < 10 else Side.SELL))

    def quote(self, instrument: Instrument, turn: int) -> None:
        """A new best bid and ask."""
        now_ns, bid = self.clock.now_ns(), (1000 + turn % 7) / 10
        self.market.update(
            TickEvent(instrument.venue, instrument.symbol, now_ns, now_ns, bid, 1.0, round(bid + 0.1, 1), 1.0)
        )

    def times_ns(self, moves: int) -> list[int]:
        """How long each order took, with so many quotes changed before each."""
        orders = [_order(f"new{n}", _INSTRUMENTS[n % 10], n % 40, Side.BUY) for n in range(_ORDERS)]
        found = []
        gc.disable()
        for turn, order in enumerate(orders):
            self.clock.set_time(self.clock.now_ns() + 1_000_000)
            for move in range(moves):
                self.quote(_INSTRUMENTS[(turn + move) % 10], turn)
            started_ns = time.perf_counter_ns()
            verdict = self.engine.check(order)
            found.append(time.perf_counter_ns() - started_ns)
            assert isinstance(verdict, Approved), verdict
        gc.enable()
        return sorted(found)


def _account() -> AccountChange:
    positions = tuple(
        PositionRecord(f"s{n % 3}", each.venue, each.symbol, Decimal(5), Decimal(500), Decimal(0), Decimal(500))
        for n, each in enumerate(_INSTRUMENTS)
    )
    return AccountChange(positions, (BalanceRecord("okx", "USDT", Decimal(10**7)),))


def _order(client_order_id: str, instrument: Instrument, step: int, side: Side) -> Order:
    price = Decimal(100) - side.sign * Decimal(step + 10) / 10
    return Order(
        client_order_id, f"s{step % 3}", instrument, side, OrderType.LIMIT, Decimal("0.5"), price, TimeInForce.GTC, "",
        _NOW_NS, ts_last=_NOW_NS,
    )  # fmt: skip


def figures() -> list[Figure]:
    """All checks together, with more or less of the market moving between two orders; then each by itself."""
    found = []
    for moves, what in ((0, "no quote"), (1, "one quote"), (10, "every quote")):
        times = _best(list(_PARAMS), moves)
        name = f"all {len(_PARAMS)} checks, {what} changed since the last order"
        median = _us(times, 0.5)
        found.append(
            Figure.at_most(f"{name}: median", median, "µs", _TARGET_US)
            if not moves
            else Figure(f"{name}: median", median, "µs")
        )
        found.append(Figure(f"{name}: p99", _us(times, 0.99), "µs"))
    nothing = _us(_best([], 1), 0.5)
    found.append(Figure("the engine without checks: median", nothing, "µs"))
    for name in _PARAMS:
        found.append(Figure(f"{name} adds", _us(_best([name], 1), 0.5) - nothing, "µs"))
    return found


def _best(names: Sequence[str], moves: int) -> list[int]:
    """The times of the best of some rounds: others use the machine too."""
    return min((Desk(checks(names)).times_ns(moves) for _ in range(_ROUNDS)), key=lambda times: times[len(times) // 2])


def _us(times_ns: Sequence[int], part: float) -> float:
    return times_ns[int(len(times_ns) * part)] / 1_000


def main() -> None:
    """Show the figures."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
