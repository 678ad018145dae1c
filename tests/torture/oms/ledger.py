"""What the account at a venue really holds: exact, by arithmetic of its own."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from quantai.core.numbers import ZERO
from quantai.instruments import Instrument

_CENT = Decimal("1e-8")


class Ledger:
    """Cash by currency, one net position a contract. `flows` has the sums of the cash that no trade explains, after
    each change of it.
    """

    def __init__(self) -> None:
        self.cash: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        self.flows: defaultdict[str, list[Decimal]] = defaultdict(lambda: [ZERO])
        self.positions: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        self.costs: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)

    def pay(self, currency: str, cents: int) -> None:
        """A deposit, a withdrawal, funding."""
        amount = Decimal(cents) / 100
        self.cash[currency] += amount
        self.flows[currency].append(self.flows[currency][-1] + amount)

    def trade(self, instrument: Instrument, signed: Decimal, price: Decimal, fee: Decimal, currency: str) -> None:
        """A fill: `signed` is positive for a buy."""
        self.cash[currency] -= fee
        if instrument.is_margined:
            self.cash[instrument.settlement_currency] += self._realize(instrument, signed, price)
        else:
            self.cash[instrument.base_currency] += signed
            self.cash[instrument.settlement_currency] -= signed * price

    def _realize(self, instrument: Instrument, signed: Decimal, price: Decimal) -> Decimal:
        """Venues settle in steps; what is rounded stays in the cost of the rest."""
        symbol = instrument.symbol
        held, cost = self.positions[symbol], self.costs[symbol]
        realized = ZERO
        if held * signed < 0:
            closed = min(abs(held), abs(signed)).copy_sign(held)
            share = cost if closed == held else (cost * closed / held).quantize(_CENT)
            realized = closed * price * instrument.multiplier - share
            self.costs[symbol] -= share
            self.positions[symbol] -= closed
            signed += closed
        self.positions[symbol] += signed
        self.costs[symbol] += signed * price * instrument.multiplier
        return realized

    def worth(self, instrument: Instrument, price: Decimal) -> Decimal:
        """Profit not yet taken at `price`."""
        return self.positions[instrument.symbol] * price * instrument.multiplier - self.costs[instrument.symbol]
