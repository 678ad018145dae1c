"""Pre-trade risk: what a check is, what it may ask, and the verdict, which is a type.

A venue can only be given an `Approved`, and only the engine makes one: an unchecked order cannot be sent by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Protocol

from quantai.core.component import Component
from quantai.events import TickEvent
from quantai.oms.models import Order


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

    def gross_exposure(self, venue: str | None = None) -> Decimal | None:
        """The notional of all positions in base currency; None where one has no price."""
        ...

    def margin_notional(self, venue: str, currency: str) -> Decimal | None:
        """The notional of the margined positions settled in `currency`; None where one has no price."""
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


class OpenOrders(Protocol):
    """What the journal tells risk."""

    def open_orders(self) -> Iterable[Order]:
        """Every order that may still trade: those on their way count as those at the venue."""
        ...


@dataclass(frozen=True, slots=True)
class RiskView:
    """Everything a check may look at. Nothing here does any I/O."""

    account: Account
    market: Market
    orders: OpenOrders

    def reference_price(self, order: Order) -> Decimal | None:
        """What the order may cost a unit: its limit, or for a market order what the market asks for now."""
        if order.price is not None:
            return order.price
        tick = self.market.tick(order.venue, order.symbol)
        if tick is None:
            return self.market.price(order.venue, order.symbol)
        return Decimal(repr(tick.ask_price if order.side.sign > 0 else tick.bid_price))

    def pending(self, venue: str, symbol: str | None = None) -> list[Order]:
        """Open orders at `venue`, on `symbol` or on all."""
        return [
            order
            for order in self.orders.open_orders()
            if order.venue == venue and (symbol is None or order.symbol == symbol)
        ]


class RiskCheck(Component):
    """One question asked of every order. Subclass it, name it in YAML; public annotated attributes are its parameters."""

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
        for code, check in self._checks:
            try:
                reason = check.evaluate(order, self._view)
            except Exception as error:
                return Denied(order, code, f"the check failed: {type(error).__name__}: {error}")
            if reason is not None:
                return Denied(order, code, reason)
        return Approved(order)
