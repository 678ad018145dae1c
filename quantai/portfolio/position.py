"""One position: exact in `Decimal`, whatever trades come."""

from __future__ import annotations

from decimal import Context, Decimal

from quantai.core.account import PositionRecord
from quantai.core.numbers import ZERO
from quantai.instruments import Instrument

# Average cost divides; the share of cost that a partial close takes is rounded here, and what is rounded stays in the
# cost of the rest, so that realized and unrealized profit always add up exactly. Nothing else here rounds.
_COST_STEP = Decimal("1e-12")
_DIVIDING = Context(prec=56)


class Position:
    """A signed quantity of an instrument at average cost. Money is in its settlement currency; fees are by currency.

    `unpaid_pnl` is what of `realized_pnl` the venue did not pay (see `settlement`).
    """

    __slots__ = ("cost", "fees", "instrument", "quantity", "realized_pnl", "traded_notional", "unpaid_pnl")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.quantity = ZERO
        self.cost = ZERO
        self.realized_pnl = ZERO
        self.fees: dict[str, Decimal] = {}
        self.traded_notional = ZERO
        self.unpaid_pnl = ZERO

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

    def record(self, strategy: str, venue: str, symbol: str) -> PositionRecord:
        """The position as it is now."""
        return PositionRecord(
            strategy, venue, symbol, self.quantity, self.cost, self.realized_pnl, self.traded_notional,
            tuple(self.fees.items()), self.unpaid_pnl,
        )  # fmt: skip

    def restore(self, record: PositionRecord) -> None:
        """Be what the record says."""
        self.quantity, self.cost, self.realized_pnl = record.quantity, record.cost, record.realized_pnl
        self.traded_notional, self.fees = record.traded_notional, dict(record.fees)
        self.unpaid_pnl = record.unpaid_pnl

    def pay_fee(self, amount: Decimal, currency: str) -> None:
        """Count what a fill cost, by currency; a rebate is negative."""
        self.fees[currency] = self.fees.get(currency, ZERO) + amount

    def pay_fee_in_kind(self, amount: Decimal, price: Decimal) -> None:
        """Give so much of what is held as a fee: it is gone as if sold at `price`, and counted as what that brought."""
        traded = self.traded_notional
        self.trade(-amount, price)
        self.traded_notional = traded
        self.pay_fee(self.instrument.value(amount, price), self.instrument.settlement_currency)

    def _cost_of(self, closing: Decimal) -> Decimal:
        if closing == self.quantity:
            return self.cost
        share = _DIVIDING.divide(_DIVIDING.multiply(self.cost, closing), self.quantity)
        return share.quantize(_COST_STEP, context=_DIVIDING)

    @property
    def average_price(self) -> Decimal:
        """The price at which the open quantity would realize nothing, to 12 decimals; 0 when flat."""
        if not self.quantity:
            return ZERO
        size = self.quantity * self.instrument.multiplier
        price = _DIVIDING.divide(-size, self.cost) if self.instrument.inverse else _DIVIDING.divide(self.cost, size)
        return price.quantize(_COST_STEP, context=_DIVIDING)

    def unrealized_pnl(self, price: Decimal) -> Decimal:
        """The profit that closing everything at `price` would realize."""
        return self.instrument.value(self.quantity, price) - self.cost if self.quantity else ZERO
