"""What the account could come to hold, were its open orders to fill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.numbers import ZERO
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.oms.risk.base import RiskView, dearer


@dataclass(slots=True, eq=False)
class Exposure:
    """One instrument of the account: its net position, what open orders may buy and sell, and the dearest price of
    theirs and the market's.
    """

    instrument: Instrument
    position: Decimal
    price: Decimal | None
    buys: Decimal = ZERO
    sells: Decimal = ZERO

    def add(self, order: Order, price: Decimal | None) -> None:
        """Count an open order; `price` is None where it is not known."""
        if order.side.sign > 0:
            self.buys += order.leaves_quantity
        else:
            self.sells += order.leaves_quantity
        self.price = None if self.price is None or price is None else dearer(self.instrument, self.price, price)

    @property
    def notional(self) -> Decimal | None:
        """Of the largest position, long or short, that can come about; None where a price is not known."""
        quantity = max(self.position + self.buys, self.sells - self.position)
        if not quantity:
            return ZERO
        return None if self.price is None else self.instrument.notional(quantity, self.price)


def exposures(order: Order, view: RiskView, venue: str | None = None) -> Iterable[Exposure]:
    """Of every instrument (of one venue, or of all) with a position or an open order, as if `order` were open too."""
    found: dict[tuple[str, str], Exposure] = {}
    for instrument, position in view.account.net_positions():
        if venue in (None, instrument.venue):
            key = (instrument.venue, instrument.symbol)
            found[key] = Exposure(instrument, position, view.market.price(*key))
    for each in (*view.orders.open_orders(), order):
        if venue in (None, each.venue):
            key = (each.venue, each.symbol)
            if key not in found:
                found[key] = Exposure(each.instrument, ZERO, view.market.price(*key))
            found[key].add(each, view.price_of(each))
    return found.values()
