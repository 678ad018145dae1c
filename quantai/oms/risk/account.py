"""What the portfolio tells risk. Money is in base currency where nothing else is said."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from quantai.instruments import Instrument


class Holding(Protocol):
    """A strategy's position in an instrument: signed, and what it cost in settlement currency."""

    instrument: Instrument
    quantity: Decimal
    cost: Decimal


class Worth(Protocol):
    """What everything is worth: `total` of what has a price, and how many holdings have none."""

    @property
    def total(self) -> Decimal: ...

    @property
    def unpriced(self) -> int: ...


class Made(Protocol):
    """What a strategy made, realized and not, after fees."""

    @property
    def pnl(self) -> Decimal: ...


class Account(Protocol):
    """The books."""

    def balance(self, venue: str, currency: str) -> Decimal:
        """What the account holds, in `currency`."""
        ...

    def position(self, venue: str, symbol: str, strategy: str | None = None) -> Decimal:
        """The signed position, of one strategy or of all."""
        ...

    def positions(self) -> Iterable[tuple[tuple[str, str, str], Holding]]:
        """Every position, by strategy, venue and symbol."""
        ...

    def to_base(self, amount: Decimal, currency: str, venue: str) -> Decimal | None:
        """`amount` in base currency; None where there is no price."""
        ...

    def value(self) -> Worth:
        """Everything held, at market prices."""
        ...

    def strategy_value(self, strategy: str) -> Made | None:
        """What a strategy made since its first fill; None where something has no price."""
        ...
