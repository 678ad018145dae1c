"""The six standard pre-trade checks. In-flight orders count as if they had traded; what only reduces risk passes."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from quantai.core.enums import OrderType
from quantai.core.numbers import ZERO, is_multiple, plain
from quantai.core.params import Duration, NonNegative, Positive, Rate, duration_text
from quantai.instruments import InstrumentType
from quantai.oms.models import Order
from quantai.oms.risk.base import RiskCheck, RiskView

_NO_PRICE = "no market price is known yet"


class SufficientCapital(RiskCheck):
    """The account can pay for the order besides those already open: cash for spot, margin for contracts.

    One currency of one venue must carry both: what spot orders would pay out of it, and what margined positions would
    need of it. Profit not yet taken is margin, but does not pay for spot; a loss not yet taken counts for both.
    """

    code = "INSUFFICIENT_CAPITAL"

    max_leverage: Annotated[Decimal, Field(ge=1, le=125)] = Decimal(1)
    """How many times the account's equity margined positions may be worth."""
    fee_buffer: Rate = Decimal("0.001")
    """Kept for fees, as a fraction of notional."""
    slippage_buffer: Rate = Decimal("0.005")
    """Kept for a market order to trade worse than the quote, as a fraction of notional."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        instrument, venue = order.instrument, order.venue
        if instrument.type is not InstrumentType.SPOT and view.only_reduces(order):
            return None
        if instrument.type is InstrumentType.OPTION and order.side.sign < 0:
            return f"sells more {order.symbol} than is held: what a short option can lose is not known here"
        currency = self._currency(order)
        cash = self._cash(order, currency, view)
        margined = self._margined(order, currency, view)
        unrealized = view.account.unrealized(venue, currency)
        if cash is None or margined is None or unrealized is None:
            return _NO_PRICE
        capital = view.account.balance(venue, currency)
        capital += unrealized if instrument.is_margined else min(unrealized, ZERO)
        if (capital - cash) * self.max_leverage < margined:
            return (
                f"open orders and this one need {plain(cash)} {currency} and make margined positions of "
                f"{plain(margined)}, {venue} has {plain(capital)} at leverage {plain(self.max_leverage)}"
            )
        return None

    @staticmethod
    def _currency(order: Order) -> str:
        """What the order is paid in: a spot sell gives the base currency away."""
        instrument = order.instrument
        is_spot_sell = instrument.type is InstrumentType.SPOT and order.side.sign < 0
        return instrument.base_currency if is_spot_sell else instrument.settlement_currency

    def _cash(self, order: Order, currency: str, view: RiskView) -> Decimal | None:
        """What open orders and this one would pay in `currency`; None where one has no price."""
        total = ZERO
        for each in (*view.orders.open_orders(), order):
            if each.venue == order.venue and self._currency(each) == currency:
                price = view.price_of(each)
                if price is None:
                    return None
                total += self._pays(each, price)
        return total

    def _pays(self, order: Order, price: Decimal) -> Decimal:
        quantity, instrument = order.leaves_quantity, order.instrument
        if instrument.type is InstrumentType.SPOT and order.side.sign < 0:
            return quantity
        fees = self.fee_buffer + (self.slippage_buffer if order.order_type is OrderType.MARKET else ZERO)
        is_paid_in_full = not instrument.is_margined and order.side.sign > 0
        return instrument.notional(quantity, price) * (1 + fees if is_paid_in_full else fees)

    @staticmethod
    def _margined(order: Order, currency: str, view: RiskView) -> Decimal | None:
        """The notional of all margined positions that could come about in `currency`; None where one has no price."""
        total = ZERO
        for (venue, _), exposure in view.exposures(order).items():
            instrument = exposure.instrument
            if venue == order.venue and instrument.is_margined and instrument.settlement_currency == currency:
                notional = exposure.notional
                if notional is None:
                    return None
                total += notional
        return total


class PositionLimit(RiskCheck):
    """The position in an instrument stays within a notional limit, were every open order on that side to fill."""

    code = "POSITION_LIMIT"

    max_notional: Positive
    """In the instrument's settlement currency, for each strategy and instrument."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        after = view.strategy_after(order)
        if after <= 0:
            return None
        price = view.worst_price(order)
        if price is None:
            return _NO_PRICE
        notional = order.instrument.notional(after, price)
        if notional > self.max_notional:
            worth = f"{plain(notional)} {order.instrument.settlement_currency}"
            position = plain(after * order.side.sign)
            return f"position would be {position} ({worth}), the limit is {plain(self.max_notional)}"
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
    """The price an order would trade at is positive, on the tick grid, and not absurdly far from a fresh market."""

    code = "INVALID_PRICE"

    band: Rate = Decimal("0.1")
    """How far from the market a limit, or the quote a market order takes, may be, as a fraction of the market price."""
    max_age: Duration = 0
    """Deny while nothing was seen of the instrument for longer than this; `0s` is no limit."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        if order.price is not None:
            if order.price <= 0:
                return f"price {plain(order.price)} is not positive"
            if not is_multiple(order.price, order.instrument.tick_size):
                return f"price {plain(order.price)} is not a multiple of the tick {plain(order.instrument.tick_size)}"
        price = view.price_of(order)
        market = view.market.price(order.venue, order.symbol)
        seen_ns = view.market.seen_ns(order.venue, order.symbol)
        if price is None or market is None or seen_ns is None:
            return _NO_PRICE
        if abs(price - market) > self.band * abs(market):
            return f"price {plain(price)} is more than {plain(self.band * 100)} % from the market at {plain(market)}"
        if self.max_age and order.ts_submitted - seen_ns > self.max_age:
            age = duration_text(order.ts_submitted - seen_ns)
            return f"the market was last seen {age} ago, the limit is {duration_text(self.max_age)}"
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
        price = view.worst_price(order)
        if price is None:
            return _NO_PRICE
        notional = instrument.notional(quantity, price)
        if notional < instrument.min_notional:
            return f"notional {plain(notional)} is below the venue's minimum {plain(instrument.min_notional)}"
        if self.max_order_notional and notional > self.max_order_notional:
            return f"notional {plain(notional)} is above our maximum {plain(self.max_order_notional)}"
        return None


class ExposureLimit(RiskCheck):
    """All positions of the account together, were open orders to fill for the worst, stay within a limit."""

    code = "EXPOSURE_LIMIT"

    max_gross: Positive
    """In base currency: the sum of the notional of each instrument's net position, long and short alike."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        if view.only_reduces(order):
            return None
        gross = ZERO
        for exposure in view.exposures(order).values():
            notional, instrument = exposure.notional, exposure.instrument
            if notional is None:
                return f"{instrument} has no price"
            amount = view.account.to_base(notional, instrument.settlement_currency, instrument.venue)
            if amount is None:
                return f"{instrument.settlement_currency} has no price in base currency"
            gross += amount
        if gross > self.max_gross:
            return f"gross exposure would be {plain(gross)}, the limit is {plain(self.max_gross)}"
        return None
