"""Risk without an order manager: books, a market, orders and the checks under test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from quantai.core.clock import SimulatedClock
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.numbers import ZERO
from quantai.data.market import MarketView
from quantai.events import Event, PortfolioValueEvent
from quantai.instruments import Instrument
from quantai.oms.cache import OrderCache
from quantai.oms.models import Order
from quantai.oms.risk import RISK_CHECKS, Denied, RiskCheck, RiskEngine, RiskView, TradingStates
from quantai.oms.risk.desk import RiskDesk
from tests.oms.settings import Settings
from tests.oms.world import BTC, INVERSE, PERP, SPOT, START_NS, D, tick

BUY, SELL = Side.BUY, Side.SELL


@dataclass
class Held:
    """A position."""

    instrument: Instrument
    quantity: Decimal
    cost: Decimal


@dataclass
class Value:
    """What everything is worth, or what a strategy made."""

    total: Decimal = ZERO
    unpriced: int = 0

    @property
    def pnl(self) -> Decimal:
        return self.total


@dataclass
class Books:
    """An account that is what a test says. All money is in base currency, but BTC, which is worth `btc_price`."""

    held: dict[tuple[str, str, str], Held] = field(default_factory=dict)
    balances: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    equity: Value = field(default_factory=Value)
    made: dict[str, Value | None] = field(default_factory=dict)
    btc_price: Decimal | None = Decimal(100)
    asked: int = 0

    def hold(self, strategy: str, instrument: Instrument, quantity: str, cost: str = "0") -> None:
        """Set a position."""
        self.held[strategy, instrument.venue, instrument.symbol] = Held(instrument, D(quantity), D(cost))

    def balance(self, venue: str, currency: str) -> Decimal:
        return self.balances.get((venue, currency), ZERO)

    def position(self, venue: str, symbol: str, strategy: str | None = None) -> Decimal:
        found = [
            each.quantity
            for (owner, *where), each in self.held.items()
            if where == [venue, symbol] and strategy in (None, owner)
        ]
        return sum(found, ZERO)

    def positions(self) -> list[tuple[tuple[str, str, str], Held]]:
        return list(self.held.items())

    def to_base(self, amount: Decimal, currency: str, venue: str) -> Decimal | None:
        if currency != "BTC" or not amount:
            return amount
        return None if self.btc_price is None else amount * self.btc_price

    def value(self) -> Value:
        self.asked += 1
        return self.equity

    def strategy_value(self, strategy: str) -> Value | None:
        self.asked += 1
        return self.made.get(strategy, Value())


class Desk:
    """The whole of risk, with quotes at 100 everywhere."""

    def __init__(self, *checks: RiskCheck, price: float = 100.0) -> None:
        self.clock = SimulatedClock(START_NS)
        self.market = MarketView()
        self.books = Books()
        self.cache = OrderCache()
        self.said: list[Event] = []
        self.settings = Settings()
        self.cancelled: list[tuple[str | None, str]] = []
        self.states = TradingStates(
            self.clock,
            post=self.said.append,
            put=self.settings.put,
            cancel_all=lambda strategy, reason: self.cancelled.append((strategy, reason)),
        )
        self.view = RiskView(self.books, self.market, self.cache, self.clock)
        self.engine = RiskEngine(checks, self.view, self.states)
        self.risk = RiskDesk(self.engine, self.states, self.clock, post=self.said.append, put=self.settings.put)
        self._ids = 0
        for instrument in (SPOT, PERP, INVERSE, BTC) if price else ():
            self.quote(instrument, price, price)

    def quote(self, instrument: Instrument, bid: float, ask: float) -> None:
        """A new best bid and ask."""
        self.market.update(tick(instrument, bid, ask, ts_ns=self.clock.now_ns()))

    def wait(self, ns: int) -> None:
        """Let time pass."""
        self.clock.set_time(self.clock.now_ns() + ns)

    def order(
        self,
        side: Side = BUY,
        quantity: str = "1",
        price: str | None = "100",
        *,
        instrument: Instrument = SPOT,
        strategy: str = "alpha",
        reduce_only: bool = False,
        parent: str = "",
        time_in_force: TimeInForce = TimeInForce.GTC,
    ) -> Order:
        """An order that nobody knows yet."""
        self._ids += 1
        now_ns = self.clock.now_ns()
        return Order(
            f"o{self._ids}", strategy, instrument, side, OrderType.LIMIT if price else OrderType.MARKET, D(quantity),
            D(price) if price else None, time_in_force, "", now_ns, ts_last=now_ns, reduce_only=reduce_only,
            parent_order_id=parent,
        )  # fmt: skip

    def rest(self, order: Order, state: OrderState = OrderState.NEW) -> Order:
        """Let an order work."""
        order.state = state
        self.cache.keep(order)
        return order

    def no(self, order: Order) -> str:
        """Why risk denies an order: its code and reason; empty where it does not."""
        verdict = self.engine.check(order)
        return f"{verdict.code}: {verdict.reason}" if isinstance(verdict, Denied) else ""

    def send(self, order: Order) -> str:
        """The same, and an order that passes works."""
        why = self.no(order)
        if not why:
            self.rest(order, OrderState.PENDING_NEW)
        return why

    def value(self, equity: str | None = None, unpriced: int = 0, **made: str | None) -> None:
        """Value the portfolio: what the account is worth, and what strategies made."""
        if equity is not None:
            self.books.equity = Value(D(equity), unpriced)
        self.books.made |= {name: None if pnl is None else Value(D(pnl)) for name, pnl in made.items()}
        now_ns = self.clock.now_ns()
        self.hear(PortfolioValueEvent(now_ns, now_ns, "USDT", self.books.equity.total, ZERO, ZERO, unpriced))

    def hear(self, event: Event) -> None:
        """Tell every check that listens to such events."""
        for check in self.engine.checks:
            if any(event.topic_prefix.startswith(topic.removesuffix(".*")) for topic in check.topics):
                check.on_event(event, self.view)


def check(kind: str, name: str = "", /, **params: object) -> RiskCheck:
    """A check as YAML would declare it."""
    made = RISK_CHECKS.find(kind)(**params)
    if name:
        made.bind(name)
    return made


def whys(desk: Desk, orders: Sequence[Order]) -> list[str]:
    """What each of several orders is told, sent one after another."""
    return [desk.send(order) for order in orders]
