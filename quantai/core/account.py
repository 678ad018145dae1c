"""What an account holds, as records: the portfolio makes them, the journal keeps them, neither knows the other."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantai.core.numbers import ZERO


class PositionRecord(msgspec.Struct, frozen=True, gc=False):
    """A strategy's position in an instrument: signed quantity, and money in the settlement currency.

    `fees` are what was paid so far, by currency. `unpaid_pnl` is what of `realized_pnl` the venue did not put into the
    balance; negative where it put in more.
    """

    strategy: str
    venue: str
    symbol: str
    quantity: Decimal
    cost: Decimal
    realized_pnl: Decimal
    traded_notional: Decimal
    fees: tuple[tuple[str, Decimal], ...] = ()
    unpaid_pnl: Decimal = ZERO


class BalanceRecord(msgspec.Struct, frozen=True, gc=False):
    """What the account at a venue holds of one currency."""

    venue: str
    currency: str
    amount: Decimal


class AccountChange(msgspec.Struct, frozen=True, gc=False):
    """What something made of the account: the records that it changed, each as it is now."""

    positions: tuple[PositionRecord, ...] = ()
    balances: tuple[BalanceRecord, ...] = ()
