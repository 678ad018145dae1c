"""An account that trades contracts on margin: a wallet, positions, and what both are worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from quantai.core.numbers import ZERO
from quantai.instruments import Symbol
from quantai.loopback.engine.accounts import Account, FeeRates, money
from quantai.loopback.engine.orders import Fill, Order
from quantai.loopback.engine.refusal import Reason, Refused

MarkOf = Callable[[str], Decimal | None]


class PositionSide(StrEnum):
    """Which position an order means: the only one, or in hedge mode one of two."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


@dataclass(frozen=True, slots=True)
class ForcedWords:
    """What the dialect calls the orders of a liquidation: how their client ids begin, and their tags."""

    prefix: str = "forced-"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Position:
    """What is held of one contract: `amount` is negative for a short, `cost` what was paid for it, with its sign."""

    symbol: str
    side: PositionSide
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    updated_ns: int = 0

    @property
    def entry_price(self) -> Decimal:
        """The average price of what is held; 0 without any."""
        return self.cost / self.amount if self.amount else ZERO

    def profit(self, mark: Decimal) -> Decimal:
        """What closing at `mark` would bring."""
        return self.amount * mark - self.cost

    def trade(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Add a signed `quantity`; the profit of what it closed."""
        closed = ZERO  # of what is held, with its sign
        if self.amount * quantity < 0:
            closed = -quantity if abs(quantity) < abs(self.amount) else self.amount
        paid = self.cost if closed == self.amount else money(self.cost * closed / self.amount)
        profit = closed * price - paid
        self.amount += quantity
        self.cost += (quantity + closed) * price - paid
        self.realized += profit
        return profit


class FuturesAccount(Account):
    """One wallet of each asset, which is the margin of all positions in it; `mark_of` gives the mark prices by symbol.

    Isolated margin is kept as a setting, and makes no difference.
    """

    maintenance_rate = Decimal("0.004")
    """Of the notional at the mark price: at or below so much margin everything is closed by force."""

    def __init__(
        self,
        name: str,
        balances: Mapping[str, Decimal],
        mark_of: MarkOf,
        fees: FeeRates | None = None,
        forced: ForcedWords | None = None,
    ) -> None:
        super().__init__(name, fees or FeeRates(Decimal("0.0002"), Decimal("0.0005")))
        self.wallet: dict[str, Decimal] = defaultdict(Decimal, balances)
        self.positions: dict[tuple[str, PositionSide], Position] = {}
        self.leverage: dict[str, int] = defaultdict(lambda: 20)
        self.margin_type: dict[str, str] = defaultdict(lambda: "cross")
        self.is_hedged = False
        self.forced = forced or ForcedWords()
        self._mark_of = mark_of

    def deposit(self, asset: str, amount: Decimal) -> None:
        self.wallet[asset] += amount

    def assets_of(self, order: Order) -> Iterable[str]:
        return (_settle(order.symbol),)

    def position(self, symbol: str, side: str = PositionSide.BOTH) -> Position:
        """The position, made where there was none."""
        key = (symbol, PositionSide(side))
        return self.positions.setdefault(key, Position(*key))

    def hold(self, order: Order, cost: Decimal) -> None:
        if order.request.is_reduce_only or order.request.closes_position:
            return
        opening = max(order.remaining - self._closable(order), ZERO)
        if not opening:
            return
        margin = cost * opening / order.remaining / self.leverage[order.symbol]
        available = self.available(_settle(order.symbol))
        if margin > available:
            raise Refused(Reason.INSUFFICIENT, f"margin {margin} wanted, {available} available")
        order.held += margin

    def release(self, order: Order) -> None:
        order.held = ZERO

    def settle(self, order: Order, fill: Fill) -> Fill:
        asset = _settle(order.symbol)
        before = order.remaining + fill.quantity
        order.held = order.held * order.remaining / before if before else ZERO
        position = self.position(order.symbol, order.request.position_side)
        realized = position.trade(order.side.sign * fill.quantity, fill.price)
        position.updated_ns = fill.ts_ns
        fee = money(fill.quote * self.fees.of(fill.is_maker))
        self.wallet[asset] += realized - fee
        return replace(fill, fee=fee, fee_asset=asset, realized=realized)

    def reducible(self, order: Order) -> Decimal | None:
        is_limited = order.request.is_reduce_only or order.request.closes_position
        return self._closable(order) if is_limited else None

    def profit(self, asset: str) -> Decimal:
        """What all positions would bring at their mark prices."""
        return sum((held.profit(self.mark(held)) for held in self.held(asset)), ZERO)

    def position_margin(self, asset: str) -> Decimal:
        """What the positions bind."""
        return sum((self.notional(held) / self.leverage[held.symbol] for held in self.held(asset)), ZERO)

    def margin_balance(self, asset: str) -> Decimal:
        """What there would be if all positions were closed at their mark prices."""
        return self.wallet[asset] + self.profit(asset)

    def maintenance_margin(self, asset: str) -> Decimal:
        """The least that the positions must leave of the margin balance."""
        return sum((self.notional(held) * self.maintenance_rate for held in self.held(asset)), ZERO)

    def is_exhausted(self, asset: str) -> bool:
        """Whether something is held, and its margin is gone."""
        return bool(self.held(asset)) and self.margin_balance(asset) <= self.maintenance_margin(asset)

    def liquidation_price(self, position: Position) -> Decimal:
        """The mark price at which the margin is gone, all others as they are; not above 0 where there is none."""
        return self._price_at(position, self.maintenance_rate)

    def bankruptcy_price(self, position: Position) -> Decimal:
        """The price at which closing the position leaves nothing, all others at their mark prices."""
        return self._price_at(position, ZERO)

    def order_margin(self, asset: str) -> Decimal:
        """What the open orders bind."""
        of_asset = (orders for symbol, orders in self.open_orders.items() if _settle(symbol) == asset)
        return sum((order.held for orders in of_asset for order in orders.values()), ZERO)

    def available(self, asset: str) -> Decimal:
        """What new orders may use."""
        return self.margin_balance(asset) - self.position_margin(asset) - self.order_margin(asset)

    def mark(self, position: Position) -> Decimal:
        """The mark price of a position, its entry price before there is one."""
        return self._mark_of(position.symbol) or position.entry_price

    def notional(self, position: Position) -> Decimal:
        """What a position is worth at its mark price, without its sign."""
        return abs(position.amount) * self.mark(position)

    def pay_funding(self, symbol: str, rate: Decimal) -> Decimal | None:
        """Pay (or get) funding for what is held; how much the wallet changed, None where nothing is held."""
        held = [position for position in self.held(_settle(symbol)) if position.symbol == symbol]
        if not held:
            return None
        paid = sum((money(position.amount * self.mark(position) * rate) for position in held), ZERO)
        self.wallet[_settle(symbol)] -= paid
        return -paid

    def held(self, asset: str) -> list[Position]:
        """The positions that are settled in `asset`."""
        return [held for held in self.positions.values() if held.amount and _settle(held.symbol) == asset]

    def _price_at(self, position: Position, rate: Decimal) -> Decimal:
        """Where the margin balance is `rate` of the notional of everything held: both are straight lines."""
        asset = _settle(position.symbol)
        others = self.margin_balance(asset) - position.profit(self.mark(position))
        others -= rate * sum((self.notional(held) for held in self.held(asset) if held is not position), ZERO)
        return (position.cost - others) / (position.amount - abs(position.amount) * rate)

    def _closable(self, order: Order) -> Decimal:
        amount = self.position(order.symbol, order.request.position_side).amount
        return abs(amount) if amount * order.side.sign < 0 else ZERO


def _settle(symbol: str) -> str:
    parts = Symbol.parse(symbol)
    return parts.settle or parts.quote
