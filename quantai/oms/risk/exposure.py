"""What the account could come to hold in one instrument, were its open orders to fill."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.instruments import Instrument
from quantai.oms.models import Order


@dataclass(slots=True, eq=False)
class Exposure:
    """The net position in an instrument, what open orders may buy and sell of it, and the price at which all that is
    worth most: the market's or that of an order, None where one of them is not known.
    """

    instrument: Instrument
    position: Decimal
    price: Decimal | None
    buys: Decimal = ZERO
    sells: Decimal = ZERO

    def add(self, order: Order, price: Decimal | None) -> None:
        """Count an open order that may trade at `price`."""
        if order.side is Side.BUY:
            self.buys += order.leaves_quantity
        else:
            self.sells += order.leaves_quantity
        self.price = None if self.price is None or price is None else dearer(self.instrument, self.price, price)

    def after(self, side: Side) -> Decimal:
        """How far the position would go to `side`, were all open orders on it to fill; not above 0 where they only
        reduce a position on the other side.
        """
        return self.position + self.buys if side is Side.BUY else self.sells - self.position

    @property
    def notional(self) -> Decimal | None:
        """Of the largest position, long or short, that can come about; None where a price is not known."""
        if self.price is None:
            return None
        return self.instrument.notional(max(self.after(Side.BUY), self.after(Side.SELL)), self.price)


def dearer(instrument: Instrument, one: Decimal, other: Decimal) -> Decimal:
    """The price of two at which a unit is worth more: the higher, of inverse contracts the lower."""
    return min(one, other) if instrument.inverse else max(one, other)
