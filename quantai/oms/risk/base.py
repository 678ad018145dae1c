"""Pre-trade risk: what a check is, what it may ask, and the verdict, which is a type.

A venue can only be given an `Approved`, and only the engine makes one: an unchecked order cannot be sent by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import ClassVar, Protocol

from quantai.core.component import Component
from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.events import TickEvent
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.oms.risk.exposure import Exposure, dearer


@dataclass(frozen=True, slots=True)
class Approved:
    """Risk let the order pass."""

    order: Order


@dataclass(frozen=True, slots=True)
class Denied:
    """Risk said no: `code` is stable and names the check, `reason` has the numbers."""

    order: Order
    code: str
    reason: str


Verdict = Approved | Denied


class Account(Protocol):
    """What the portfolio tells risk."""

    def balance(self, venue: str, currency: str) -> Decimal:
        """What the account holds, in `currency`."""
        ...

    def position(self, venue: str, symbol: str, strategy: str | None = None) -> Decimal:
        """The signed position, of one strategy or of all."""
        ...

    def net_positions(self) -> Iterable[tuple[Instrument, Decimal]]:
        """Every instrument the account has a position in, all strategies together, signed."""
        ...

    def unrealized(self, venue: str, currency: str) -> Decimal | None:
        """Profit not yet taken on margined positions settled in `currency`; None where one has no price."""
        ...

    def to_base(self, amount: Decimal, currency: str, venue: str) -> Decimal | None:
        """`amount` in base currency; None where there is no price."""
        ...


class Market(Protocol):
    """What the market view tells risk."""

    def price(self, venue: str, symbol: str) -> Decimal | None:
        """What the instrument is worth now; None where nothing was seen yet."""
        ...

    def tick(self, venue: str, symbol: str) -> TickEvent | None:
        """The newest best bid and ask."""
        ...

    def seen_ns(self, venue: str, symbol: str) -> int | None:
        """When anything was last seen of the instrument, nanoseconds UTC; None where nothing was."""
        ...


class OpenOrders(Protocol):
    """What the journal tells risk."""

    def open_orders(self) -> Iterable[Order]:
        """Every order that may still trade: those on their way count as those at the venue."""
        ...


@dataclass(slots=True)
class RiskView:
    """Everything a check may look at, at one moment: the engine makes a new view for each order. Nothing does I/O."""

    account: Account
    market: Market
    orders: OpenOrders
    _exposures: dict[tuple[str, str], Exposure] = field(default_factory=dict, init=False)

    def price_of(self, order: Order) -> Decimal | None:
        """The order's limit; for a market order the opposite quote, None where there is none."""
        return self.quote(order) if order.price is None else order.price

    def worst_price(self, order: Order) -> Decimal | None:
        """The price at which the order would be worth most: its limit, or the quote where it would trade at that (a
        sell below the bid trades at the bid). None where not known.
        """
        limit, quote = order.price, self.quote(order)
        if limit is None:
            return quote
        would_rest = quote is None or (quote - limit) * order.side.sign > 0
        return limit if quote is None or would_rest else dearer(order.instrument, limit, quote)

    def quote(self, order: Order) -> Decimal | None:
        """The ask for a buy, the bid for a sell; the last price where there is no quote. It must be positive."""
        tick = self.market.tick(order.venue, order.symbol)
        if tick is None:
            return self.market.price(order.venue, order.symbol)
        price = tick.ask_price if order.side is Side.BUY else tick.bid_price
        return Decimal(repr(price)) if isfinite(price) and price > 0 else None

    def strategy_after(self, order: Order) -> Decimal:
        """How far the strategy's own position would go to the order's side, were it and all open there to fill."""
        strategy, side, venue, symbol, going = order.strategy, order.side, order.venue, order.symbol, order.quantity
        for each in self.orders.open_orders():
            if each.side is side and each.symbol == symbol and each.venue == venue and each.strategy == strategy:
                going += each.leaves_quantity
        return going + self.account.position(venue, symbol, strategy) * side.sign

    def exposures(self, order: Order) -> dict[tuple[str, str], Exposure]:
        """By venue and symbol, of every instrument with a position or an open order, as if `order` were open too."""
        found = self._exposures
        if not found:
            for instrument, position in self.account.net_positions():
                self._expose(instrument, position)
            for each in self.orders.open_orders():
                self._add(each)
            self._add(order)
        return found

    def _expose(self, instrument: Instrument, position: Decimal) -> Exposure:
        key = (instrument.venue, instrument.symbol)
        exposure = self._exposures[key] = Exposure(instrument, position, self.market.price(*key))
        return exposure

    def _add(self, order: Order) -> None:
        exposure = self._exposures.get((order.venue, order.symbol)) or self._expose(order.instrument, ZERO)
        exposure.add(order, self.price_of(order))

    def only_reduces(self, order: Order) -> bool:
        """Whether the order, with all that is open on its side, makes the account's position smaller and no more."""
        return self.exposures(order)[order.venue, order.symbol].after(order.side) <= 0


class RiskCheck(Component):
    """One question asked of every order. Subclass it and name it in YAML; annotated attributes are its parameters."""

    code: ClassVar[str] = ""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        """Why `order` must not be sent, with the numbers; None lets it pass. What cannot be known denies."""
        return f"{type(self).__name__} does not define evaluate()"


class RiskEngine:
    """Asks every check, in order; the first no is the verdict. A check that fails denies."""

    def __init__(self, checks: Iterable[RiskCheck], view: RiskView) -> None:
        self._checks = [(check.code or type(check).__name__, check) for check in checks]
        self._view = view

    def check(self, order: Order) -> Verdict:
        """The verdict on `order`."""
        view = RiskView(self._view.account, self._view.market, self._view.orders)
        for code, check in self._checks:
            try:
                reason = check.evaluate(order, view)
            except Exception as error:
                return Denied(order, code, f"the check failed: {type(error).__name__}: {error}")
            if reason is not None:
                return Denied(order, code, reason)
        return Approved(order)
