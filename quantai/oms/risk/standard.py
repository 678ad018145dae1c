"""The six standard pre-trade checks, without that of capital. In-flight orders count as if they had traded."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from quantai.core.numbers import ZERO, plain
from quantai.core.params import Duration, NonNegative, Positive, Rate, duration_text
from quantai.oms.models import Order
from quantai.oms.risk.base import Looser, RiskCheck
from quantai.oms.risk.exposure import Exposure, Exposures
from quantai.oms.risk.view import RiskView

NO_PRICE = "no market price is known yet"


class PriceValidity(RiskCheck):
    """The price an order would trade at is positive, on the tick grid, and not absurdly far from a fresh market.

    A reducing order may go out on a market that is not fresh any more.
    """

    code = "INVALID_PRICE"
    looser = {"band": Looser.HIGHER, "max_age": Looser.HIGHER_OR_ZERO}

    band: Rate = Decimal("0.1")
    """How far from the market a limit, or the quote a market order takes, may be, as a fraction of the market price."""
    max_age: Duration = 0
    """Deny while nothing was seen of the instrument for longer than this; `0s` is no limit."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        limit, tick = order.price, order.instrument.tick_size
        if limit is not None:
            if limit <= ZERO:
                return f"price {plain(limit)} is not positive"
            if limit % tick:
                return f"price {plain(limit)} is not a multiple of the tick {plain(tick)}"
        price, market = view.price, view.market_price
        if price is None or market is None:
            return NO_PRICE
        distance, allowed = abs(price - market), self.band * market
        view.measure("distance from the market", distance, allowed)
        if distance > allowed:
            return f"price {plain(price)} is more than {plain(self.band * 100)} % from the market at {plain(market)}"
        return None if not self.max_age or view.is_reducing else self._age(view)

    def _age(self, view: RiskView) -> str | None:
        age_ns = view.now_ns - view.seen_ns
        view.measure("age of the market in ns", age_ns, self.max_age)
        if age_ns > self.max_age:
            return f"the market was last seen {duration_text(age_ns)} ago, the limit is {duration_text(self.max_age)}"
        return None


class QuantityValidity(RiskCheck):
    """The quantity is on the lot grid, within the instrument's limits, and worth the venue's minimum."""

    code = "INVALID_QUANTITY"
    looser = {"max_order_notional": Looser.HIGHER_OR_ZERO}
    is_asked_of_reductions = True

    max_order_notional: NonNegative = ZERO
    """The most one order may be worth, in settlement currency; 0 is no limit of ours."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        instrument, quantity = order.instrument, order.quantity
        lot, most = instrument.lot_size, instrument.max_quantity
        if quantity <= ZERO:
            return f"quantity {plain(quantity)} is not positive (the lot is {plain(lot)})"
        if quantity <= order.filled_quantity:
            return f"quantity {plain(quantity)} is not above the {plain(order.filled_quantity)} that traded already"
        if quantity % lot:
            return f"quantity {plain(quantity)} is not a multiple of the lot {plain(lot)}"
        if quantity < instrument.min_quantity:
            return f"quantity {plain(quantity)} is below the minimum {plain(instrument.min_quantity)}"
        if most is not None and quantity > most:
            return f"quantity {plain(quantity)} is above the maximum {plain(most)}"
        if view.worst_price is None:
            return NO_PRICE
        notional = view.exposure.worth(quantity, view.worst_price)
        view.measure("notional, at least", notional, instrument.min_notional)
        if notional < instrument.min_notional:
            return f"notional {plain(notional)} is below the venue's minimum {plain(instrument.min_notional)}"
        if self.max_order_notional:
            view.measure("notional", notional, self.max_order_notional)
            if notional > self.max_order_notional:
                return f"notional {plain(notional)} is above our maximum {plain(self.max_order_notional)}"
        return None


class MaxOpenOrders(RiskCheck):
    """No more than so many orders open at once, of a strategy, an instrument, a venue, and in all.

    Orders that are kept here, and parents, are not counted. A reducing order passes.
    """

    code = "MAX_OPEN_ORDERS"
    looser = dict.fromkeys(("per_strategy", "total", "per_instrument", "per_venue"), Looser.HIGHER)

    per_strategy: Annotated[int, Field(ge=1)] = 50
    """Of one strategy."""
    total: Annotated[int, Field(ge=1)] = 200
    """Of all strategies together."""
    per_instrument: Annotated[int, Field(ge=1)] | None = None
    """On one instrument, of all strategies together; null is no limit."""
    per_venue: Annotated[int, Field(ge=1)] | None = None
    """At one venue, of all strategies together; null is no limit."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        working = view.working
        own = working.by_strategy.get(order.strategy, 0)
        view.measure("open orders of the strategy", own, self.per_strategy)
        view.measure("open orders", working.total, self.total)
        if view.is_reducing:
            return None
        if own >= self.per_strategy:
            return f"{own} orders of {order.strategy} are open, the limit is {self.per_strategy}"
        if working.total >= self.total:
            return f"{working.total} orders are open, the limit is {self.total}"
        if self.per_instrument is not None and view.exposure.open_orders >= self.per_instrument:
            return f"{view.exposure.open_orders} orders on {order.symbol} are open, the limit is {self.per_instrument}"
        if self.per_venue is not None and (there := working.by_venue.get(order.venue, 0)) >= self.per_venue:
            return f"{there} orders at {order.venue} are open, the limit is {self.per_venue}"
        return None


class PositionLimit(RiskCheck):
    """The position in an instrument stays within a notional limit, were every open order on that side to fill.

    A reducing order passes.
    """

    code = "POSITION_LIMIT"
    looser = {"max_notional": Looser.HIGHER}

    max_notional: Positive
    """In the instrument's settlement currency, for each instrument."""
    per: Literal["strategy", "account"] = "strategy"
    """Whose position: each strategy's own, or that of all together."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        after = view.strategy_after if self.per == "strategy" else view.account_after
        if after <= ZERO or view.is_reducing:
            return None
        if view.worst_price is None:
            return NO_PRICE
        notional = view.exposure.worth(after, view.worst_price)
        view.measure("position", notional, self.max_notional)
        if notional > self.max_notional:
            worth = f"{plain(notional)} {order.instrument.settlement_currency}"
            position = plain(after * order.side.sign)
            return f"position would be {position} ({worth}), the limit is {plain(self.max_notional)}"
        return None


class ExposureLimit(RiskCheck):
    """All positions together, were open orders to fill for the worst, stay within a limit. A reducing order passes, and
    one that makes the account's position smaller.
    """

    code = "EXPOSURE_LIMIT"
    looser = {"max_gross": Looser.HIGHER}

    max_gross: Positive
    """In base currency: the sum of the notional of each instrument's net position, long and short alike."""
    per: Literal["account", "venue", "instrument", "strategy"] = "account"
    """What is summed: all instruments, those of one venue, one of them, or the positions of each strategy by itself."""

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        is_own = self.per == "strategy"
        if view.is_reducing or (view.strategy_after if is_own else view.account_after) <= ZERO:
            return None
        exposures = view.exposures(of_strategy=order.strategy if is_own else None)
        gross = self._gross(exposures, view.own if is_own else view.exposure, order, view)
        if isinstance(gross, str):
            return gross
        view.measure("gross exposure", gross, self.max_gross)
        if gross > self.max_gross:
            return f"gross exposure would be {plain(gross)}, the limit is {plain(self.max_gross)}"
        return None

    def _gross(self, exposures: Exposures, own: Exposure, order: Order, view: RiskView) -> Decimal | str:
        """In base currency, with the order; or why that is not known."""
        after = view.notional_after(order.side, own)
        if after is None:
            return f"{order.instrument} has no price"
        gross, before, per = ZERO, own.notional or ZERO, self.per
        for (venue, currency, _), total in exposures.totals.items():
            amount, unpriced = total.notional, total.unpriced
            if total is own.total:
                if per == "instrument":
                    amount, unpriced = after, 0
                else:
                    amount += after - before
            elif per == "instrument" or (per == "venue" and venue != order.venue):
                continue
            if unpriced:
                return f"{_unpriced(exposures)} has no price"
            in_base = view.account.to_base(amount, currency, venue)
            if in_base is None:
                return f"{currency} has no price in base currency"
            gross += in_base
        return gross


def _unpriced(exposures: Exposures) -> str:
    return ", ".join(str(each.instrument) for each in exposures.all() if each.notional is None)
