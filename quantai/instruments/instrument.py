"""What can be traded: its grid, its limits, and how quantity and price become money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from quantai.core.errors import NumberError
from quantai.core.numbers import Grid, Number, plain, round_to_step, to_decimal
from quantai.instruments.symbol import Symbol

# Inverse contracts divide by the price; what they are worth is kept to this many decimals of the settlement currency.
_INVERSE_STEP = Decimal("1e-12")


class InstrumentType(StrEnum):
    """The kinds of instrument, in ccxt's words."""

    SPOT = "spot"
    FUTURE = "future"
    PERPETUAL = "swap"
    OPTION = "option"


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One instrument of one venue.

    `tick_size` is the price grid (quote currency), `lot_size` the quantity grid (base currency or contracts),
    `multiplier` the base units (for `inverse` contracts the quote units) of one contract. Limits are inclusive; a
    minimum of 0 and a maximum of None are none. `expiry_ns` is when a future or option stops trading.

    Raises `NumberError` for sizes and limits that make no sense, `SymbolError` where `symbol` is not ccxt-unified.
    """

    venue: str
    symbol: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    multiplier: Decimal = Decimal(1)
    inverse: bool = False
    expiry_ns: int | None = None

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_size", "multiplier"):
            if to_decimal(getattr(self, name), f"{name} of {self}") <= 0:
                raise NumberError(f"{name} of {self} must be positive, not {getattr(self, name)}")
        for name in ("min_quantity", "min_notional"):
            if to_decimal(getattr(self, name), f"{name} of {self}") < 0:
                raise NumberError(f"{name} of {self} must not be negative, not {getattr(self, name)}")
        if self.max_quantity is not None and to_decimal(self.max_quantity, f"max_quantity of {self}") <= 0:
            raise NumberError(f"max_quantity of {self} must be positive, or None for none, not {self.max_quantity}")
        if self.max_quantity is not None and self.max_quantity < self.min_quantity:
            raise NumberError(f"max_quantity {self.max_quantity} of {self} is below min_quantity {self.min_quantity}")
        if not self.is_margined and self.inverse:
            raise NumberError(f"{self} cannot be inverse: only futures and perpetuals can")

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}"

    @cached_property
    def parts(self) -> Symbol:
        """The symbol taken apart."""
        return Symbol.parse(self.symbol)

    @cached_property
    def type(self) -> InstrumentType:
        """Spot, future, perpetual or option: the symbol says which."""
        parts = self.parts
        if parts.settle is None:
            return InstrumentType.SPOT
        if parts.expiry is None:
            return InstrumentType.PERPETUAL
        return InstrumentType.FUTURE if parts.right is None else InstrumentType.OPTION

    @cached_property
    def base_currency(self) -> str:
        """What is bought and sold."""
        return self.parts.base

    @cached_property
    def settlement_currency(self) -> str:
        """What profit, loss and fees are paid in: the settle currency of a contract, the quote of a spot pair."""
        parts = self.parts
        return parts.settle or parts.quote

    @cached_property
    def is_margined(self) -> bool:
        """Whether only profit and loss change hands (future, perpetual), not the whole price (spot, option premium)."""
        return self.type in (InstrumentType.FUTURE, InstrumentType.PERPETUAL)

    def value(self, quantity: Decimal, price: Decimal) -> Decimal:
        """What a signed `quantity` is worth at `price`, in settlement currency: profit is the value now less the value
        paid.

        An inverse contract is worth `multiplier` quote units, that is `-quantity * multiplier / price` of settlement
        currency owed, so that the same subtraction gives its profit.
        """
        if self.inverse:
            if price <= 0:
                raise NumberError(f"{self}: an inverse contract has no value at price {price}")
            return round_to_step(-quantity * self.multiplier / price, _INVERSE_STEP)
        return quantity * price * self.multiplier

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """The size of a trade as a positive amount of settlement currency."""
        return abs(self.value(quantity, price))

    def quantize_price(self, price: Number) -> Decimal:
        """`price` on the tick grid, to the nearest tick. Raises `NumberError` for what is no finite number."""
        return self._ticks.nearest(to_decimal(price, self._price_name))

    def quantize_quantity(self, quantity: Number) -> Decimal:
        """`quantity` on the lot grid, rounded towards zero so that nobody trades more than asked."""
        return self._lots.truncated(to_decimal(quantity, self._quantity_name))

    @cached_property
    def _ticks(self) -> Grid:
        return Grid(self.tick_size)

    @cached_property
    def _lots(self) -> Grid:
        return Grid(self.lot_size)

    @cached_property
    def _price_name(self) -> str:
        return f"price of {self}"

    @cached_property
    def _quantity_name(self) -> str:
        return f"quantity of {self}"

    def describe(self) -> str:
        """One line for people."""
        return f"{self.type} tick {plain(self.tick_size)} lot {plain(self.lot_size)} {self.settlement_currency}"
