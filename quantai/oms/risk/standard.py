"""The six standard pre-trade checks. In-flight orders count as if they had traded."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from quantai.core.numbers import ZERO, is_multiple, plain
from quantai.core.params import NonNegative, Positive, Rate
from quantai.oms.models import Order
from quantai.oms.risk.base import RiskCheck, RiskView

_NO_PRICE = "no market price is known yet"


class SufficientCapital(RiskCheck):
    """The account can pay for the order besides those already open: cash for spot, margin for contracts."""

    code = "INSUFFICIENT_CAPITAL"

    max_leverage: Annotated[Decimal, Field(ge=1, le=125)] = Decimal(1)
    """How many times the account's equity margined positions may be worth."""
    fee_buffer: Rate = Decimal("0.001")
    """Kept for fees, as a fraction of notional."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        price = view.reference_price(order)
        if price is None:
            return _NO_PRICE
        if order.instrument.is_margined:
            return self._margin(order, price, view)
        return self._cash(order, price, view)

    def _cash(self, order: Order, price: Decimal, view: RiskView) -> str | None:
        currency, needed = self._needs(order, price)
        reserved = ZERO
        for other in view.pending(order.venue):
            other_price = view.reference_price(other)
            if other.instrument.is_margined or other_price is None:
                continue
            other_currency, amount = self._needs(other, other_price)
            reserved += amount if other_currency == currency else ZERO
        free = view.account.balance(order.venue, currency) - reserved
        if needed > free:
            return f"needs {plain(needed)} {currency}, {plain(free)} is free at {order.venue}"
        return None

    def _needs(self, order: Order, price: Decimal) -> tuple[str, Decimal]:
        """What a spot order takes out of the account until it is done. (An option is sold against its premium's notional.)"""
        quantity = order.leaves_quantity
        if order.side.sign > 0 or order.instrument.type.value == "option":
            notional = order.instrument.notional(quantity, price)
            return order.instrument.settlement_currency, notional * (1 + self.fee_buffer)
        return order.instrument.base_currency, quantity

    def _margin(self, order: Order, price: Decimal, view: RiskView) -> str | None:
        currency = order.instrument.settlement_currency
        used = view.account.margin_notional(order.venue, currency)
        unrealized = view.account.unrealized(order.venue, currency)
        if used is None or unrealized is None:
            return _NO_PRICE
        if self._reduces(order, view):
            return None
        for other in view.pending(order.venue):
            other_price = view.reference_price(other)
            if other.instrument.is_margined and other.instrument.settlement_currency == currency and other_price:
                used += other.instrument.notional(other.leaves_quantity, other_price)
        needed = used + order.instrument.notional(order.quantity, price) * (1 + self.fee_buffer * self.max_leverage)
        capital = (view.account.balance(order.venue, currency) + unrealized) * self.max_leverage
        if needed > capital:
            return f"margined notional would be {plain(needed)} {currency}, the account at {order.venue} carries {plain(capital)}"
        return None

    def _reduces(self, order: Order, view: RiskView) -> bool:
        position = view.account.position(order.venue, order.symbol)
        pending = sum(
            (other.leaves_quantity for other in view.pending(order.venue, order.symbol) if other.side is order.side),
            ZERO,
        )
        return position * order.side.sign < 0 and order.quantity + pending <= abs(position)


class PositionLimit(RiskCheck):
    """The position in an instrument stays within a notional limit, were every open order on that side to fill."""

    code = "POSITION_LIMIT"

    max_notional: Positive
    """In the instrument's settlement currency, for each strategy and instrument."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        price = view.reference_price(order)
        if price is None:
            return _NO_PRICE
        position = view.account.position(order.venue, order.symbol, order.strategy)
        pending = sum(
            (
                other.leaves_quantity
                for other in view.pending(order.venue, order.symbol)
                if other.side is order.side and other.strategy == order.strategy
            ),
            ZERO,
        )
        after = position + order.side.sign * (pending + order.quantity)
        notional = order.instrument.notional(after, price)
        if notional > self.max_notional and abs(after) > abs(position):
            return (
                f"position would be {plain(after)} ({plain(notional)} {order.instrument.settlement_currency}), "
                f"the limit is {plain(self.max_notional)}"
            )
        return None


class MaxOpenOrders(RiskCheck):
    """No more than so many orders open at once, for each strategy and in all."""

    code = "MAX_OPEN_ORDERS"

    per_strategy: Annotated[int, Field(ge=1)] = 50
    total: Annotated[int, Field(ge=1)] = 200

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        strategies = [other.strategy for other in view.orders.open_orders()]
        own = strategies.count(order.strategy)
        if own >= self.per_strategy:
            return f"{own} orders of {order.strategy} are open, the limit is {self.per_strategy}"
        if len(strategies) >= self.total:
            return f"{len(strategies)} orders are open, the limit is {self.total}"
        return None


class PriceValidity(RiskCheck):
    """A limit price is on the tick grid, positive, and not absurdly far from the market."""

    code = "INVALID_PRICE"

    band: Rate = Decimal("0.1")
    """How far from the market a limit may be, as a fraction of the market price."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        if order.price is None:
            return None if view.market.price(order.venue, order.symbol) is not None else _NO_PRICE
        if order.price <= 0:
            return f"price {plain(order.price)} is not positive"
        if not is_multiple(order.price, order.instrument.tick_size):
            return f"price {plain(order.price)} is not a multiple of the tick {plain(order.instrument.tick_size)}"
        market = view.market.price(order.venue, order.symbol)
        if market is None:
            return _NO_PRICE
        if abs(order.price - market) > self.band * abs(market):
            return (
                f"price {plain(order.price)} is more than {plain(self.band * 100)} % from the market at {plain(market)}"
            )
        return None


class QuantityValidity(RiskCheck):
    """The quantity is on the lot grid, within the instrument's limits, and worth the venue's minimum."""

    code = "INVALID_QUANTITY"

    max_order_notional: NonNegative = ZERO
    """The most one order may be worth, in settlement currency; 0 is no limit of ours."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        instrument, quantity = order.instrument, order.quantity
        if quantity <= 0:
            return f"quantity {plain(quantity)} is not positive (the lot is {plain(instrument.lot_size)})"
        if not is_multiple(quantity, instrument.lot_size):
            return f"quantity {plain(quantity)} is not a multiple of the lot {plain(instrument.lot_size)}"
        if quantity < instrument.min_quantity:
            return f"quantity {plain(quantity)} is below the minimum {plain(instrument.min_quantity)}"
        if instrument.max_quantity is not None and quantity > instrument.max_quantity:
            return f"quantity {plain(quantity)} is above the maximum {plain(instrument.max_quantity)}"
        price = view.reference_price(order)
        if price is None:
            return _NO_PRICE
        notional = instrument.notional(quantity, price)
        if notional < instrument.min_notional:
            return f"notional {plain(notional)} is below the venue's minimum {plain(instrument.min_notional)}"
        if self.max_order_notional and notional > self.max_order_notional:
            return f"notional {plain(notional)} is above our maximum {plain(self.max_order_notional)}"
        return None


class ExposureLimit(RiskCheck):
    """All positions together, with every open order filled, stay within a limit in base currency."""

    code = "EXPOSURE_LIMIT"

    max_gross: Positive
    """The sum of all positions' notional, long and short alike."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        exposure = view.account.gross_exposure()
        if exposure is None:
            return _NO_PRICE
        position = view.account.position(order.venue, order.symbol)
        if position * order.side.sign < 0 and order.quantity <= abs(position):
            return None
        for each in [*view.orders.open_orders(), order]:
            price = view.reference_price(each)
            if price is None:
                return _NO_PRICE
            currency = each.instrument.settlement_currency
            notional = view.account.to_base(each.instrument.notional(each.leaves_quantity, price), currency, each.venue)
            if notional is None:
                return f"{currency} has no price in base currency"
            exposure += notional
        if exposure > self.max_gross:
            return f"gross exposure would be {plain(exposure)}, the limit is {plain(self.max_gross)}"
        return None
