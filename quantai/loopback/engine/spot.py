"""An account that owns what it trades. Fees are paid from what a trade brings in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.instruments import Symbol
from quantai.loopback.engine.accounts import Account, Balance, FeeRates, money
from quantai.loopback.engine.orders import Fill, Kind, Order
from quantai.loopback.engine.refusal import Reason, Refused


class SpotAccount(Account):
    """Balances, free and locked. What an order holds is in the currency that it gives away."""

    def __init__(self, name: str, balances: Mapping[str, Decimal], fees: FeeRates | None = None) -> None:
        super().__init__(name, fees or FeeRates())
        self.balances: dict[str, Balance] = defaultdict(Balance)
        for asset, amount in balances.items():
            self.deposit(asset, amount)

    def deposit(self, asset: str, amount: Decimal) -> None:
        self.balances[asset].free += amount

    def assets_of(self, order: Order) -> Iterable[str]:
        symbol = Symbol.parse(order.symbol)
        return (symbol.base, symbol.quote)

    def hold(self, order: Order, cost: Decimal) -> None:
        amount = cost if order.side is Side.BUY else order.remaining
        balance = self.balances[self._given(order)]
        if amount > balance.free:
            raise Refused(Reason.INSUFFICIENT, f"{amount} {self._given(order)} wanted, {balance.free} free")
        balance.free -= amount
        balance.locked += amount
        order.held += amount

    def release(self, order: Order) -> None:
        self._unlock(order, order.held)

    def settle(self, order: Order, fill: Fill) -> Fill:
        base, quote = self.assets_of(order)
        rate = self.fees.of(fill.is_maker)
        if order.side is Side.BUY:
            given, taken, amount = fill.quote, fill.quantity, base
        else:
            given, taken, amount = fill.quantity, fill.quote, quote
        # A buy that trades below its limit needs less than was set aside: the rest of that part is freed here.
        self._unlock(order, min(order.held, self._held_for(order, fill)))
        self.balances[self._given(order)].free -= given
        fee = money(taken * rate)
        self.balances[amount].free += taken - fee
        return replace(fill, fee=fee, fee_asset=amount)

    def _held_for(self, order: Order, fill: Fill) -> Decimal:
        if order.side is Side.BUY and order.request.kind is Kind.LIMIT:
            return order.price * fill.quantity
        return fill.quote if order.side is Side.BUY else fill.quantity

    def _unlock(self, order: Order, amount: Decimal) -> None:
        if amount > ZERO:
            balance = self.balances[self._given(order)]
            balance.locked -= amount
            balance.free += amount
            order.held -= amount

    def _given(self, order: Order) -> str:
        base, quote = self.assets_of(order)
        return quote if order.side is Side.BUY else base
