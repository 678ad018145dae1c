"""One position: exact in `Decimal`, whatever trades come."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.numbers import ZERO
from quantai.instruments import Instrument

# Average cost divides; the share of cost that a partial close takes is rounded here, and what is rounded stays in the cost
# of the rest, so that realized and unrealized profit always add up exactly.
_COST_STEP = Decimal("1e-12")


class Position:
    """A signed quantity of an instrument at average cost. Money is in its settlement currency; fees are by currency."""

    __slots__ = ("cost", "fees", "instrument", "quantity", "realized_pnl", "traded_notional")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.quantity = ZERO
        self.cost = ZERO
        self.realized_pnl = ZERO
        self.fees: dict[str, Decimal] = {}
        self.traded_notional = ZERO

    def trade(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Add a signed `quantity` at `price`; the profit that it realized, before fees.

        A trade through zero closes all of the position and opens the other side with the rest.
        """
        self.traded_notional += self.instrument.notional(quantity, price)
        realized = ZERO
        if self.quantity * quantity < 0:
            closing = min(abs(quantity), abs(self.quantity)).copy_sign(self.quantity)
            share = self._cost_of(closing)
            realized = self.instrument.value(closing, price) - share
            self.realized_pnl += realized
            self.cost -= share
            self.quantity -= closing
            quantity += closing
        if quantity:
            self.cost += self.instrument.value(quantity, price)
            self.quantity += quantity
        return realized

    def pay_fee(self, amount: Decimal, currency: str) -> None:
        """Count what a fill cost, by currency; a rebate is negative."""
        self.fees[currency] = self.fees.get(currency, ZERO) + amount

    def _cost_of(self, closing: Decimal) -> Decimal:
        if closing == self.quantity:
            return self.cost
        return (self.cost * closing / self.quantity).quantize(_COST_STEP)

    @property
    def average_price(self) -> Decimal:
        """The price at which the open quantity would realize nothing; 0 when flat."""
        if not self.quantity:
            return ZERO
        if self.instrument.inverse:
            return -self.quantity * self.instrument.multiplier / self.cost
        return self.cost / (self.quantity * self.instrument.multiplier)

    def unrealized_pnl(self, price: Decimal) -> Decimal:
        """The profit that closing everything at `price` would realize."""
        return self.instrument.value(self.quantity, price) - self.cost if self.quantity else ZERO
