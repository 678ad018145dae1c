"""What working orders add up to: kept up to date as each of them changes, so that a check never looks at all of them.

An order works while it may trade at a venue: on its way, resting, being cancelled, or with nobody knowing. What an
amendment on its way may add counts. Orders that are kept here, and parents, do not work: children do.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from quantai.core.enums import OrderState, Side
from quantai.core.numbers import ZERO
from quantai.data.market import MarketView
from quantai.instruments import Instrument, InstrumentType
from quantai.oms.models import Order
from quantai.oms.risk.account import Account
from quantai.oms.risk.exposure import Exposure, Exposures, add, dearer

_BUY, _SELL, _SPOT = Side.BUY, Side.SELL, InstrumentType.SPOT
_SUSPENDED, _UNKNOWN = OrderState.SUSPENDED, OrderState.UNKNOWN


class Working(NamedTuple):
    """What one working order counts for. `prices` are its limit, and the one that an amendment would give it."""

    instrument: Instrument
    strategy: str
    side: Side
    quantity: Decimal
    filled: Decimal
    prices: tuple[Decimal, ...]
    is_unknown: bool
    reduce_only: bool
    is_sound: bool


class Purse:
    """What working limit orders take out of one currency at one venue: notional that is paid in full, notional of which
    only fees are paid, and units of a spot holding that are sold.
    """

    __slots__ = ("fees_of", "paid", "units")

    def __init__(self) -> None:
        self.paid = self.fees_of = self.units = ZERO


class WorkingOrders:
    """Takes every order that changes, and tells the sums."""

    def __init__(self, account: Account, market: MarketView, orders: Iterable[Order] = ()) -> None:
        self.account = Exposures(account, market)
        self.total = 0
        self.by_strategy: defaultdict[str, int] = defaultdict(int)
        self.by_venue: defaultdict[str, int] = defaultdict(int)
        self.purses: defaultdict[tuple[str, str], Purse] = defaultdict(Purse)
        self.at_market: dict[Exposure, None] = {}
        self._account = account
        self._market = market
        self._strategies: dict[str, Exposures] = {}
        self._counted: dict[str, Working] = {}
        for order in orders:
            self.keep(order)

    def strategy(self, name: str) -> Exposures:
        """The exposures of one strategy."""
        return self._strategies.get(name) or self._strategies.setdefault(
            name, Exposures(self._account, self._market, name)
        )

    def keep(self, order: Order) -> None:
        """Count `order` as it is now."""
        before = self._counted.pop(order.client_order_id, None)
        now = _working(order)
        if order.filled_quantity != (ZERO if before is None else before.filled):
            self._mark_traded(order)
        if now is not None:
            self._counted[order.client_order_id] = now
        if now != before:
            if before is not None:
                self._count(before, -1)
            if now is not None:
                self._count(now, 1)

    def take_out(self, client_order_id: str) -> Working | None:
        """Stop counting an order for a moment; None where it does not count."""
        found = self._counted.get(client_order_id)
        if found is not None:
            self._count(found, -1)
        return found

    def put_back(self, working: Working) -> None:
        """Count again what was taken out."""
        self._count(working, 1)

    def _mark_traded(self, order: Order) -> None:
        for exposures in (self.account, self.strategy(order.strategy)):
            exposure = exposures.of(order.instrument)
            exposure.is_dirty = exposure.is_traded = True

    def _count(self, order: Working, sign: int) -> None:
        self.total += sign
        self.by_strategy[order.strategy] += sign
        self.by_venue[order.instrument.venue] += sign
        quantity = order.quantity if sign > 0 else order.quantity.copy_negate()
        for exposures in (self.account, self.strategy(order.strategy)):
            _expose(exposures.of(order.instrument), order, quantity, sign)
        if order.prices:
            self._pay(order, sign)
            return
        exposure = self.account.of(order.instrument)
        if exposure.market_buys or exposure.market_sells:
            self.at_market[exposure] = None
        else:
            self.at_market.pop(exposure, None)

    def _pay(self, order: Working, sign: int) -> None:
        instrument = order.instrument
        purse = self.purses[instrument.venue, pays_in(instrument, order.side)]
        if is_spot_sale(instrument, order.side):
            purse.units = add(purse.units, order.quantity * sign)
            return
        price = order.prices[0]
        for other in order.prices[1:]:
            price = dearer(instrument, price, other)
        notional = instrument.notional(order.quantity, price) * sign
        if is_paid_in_full(instrument, order.side):
            purse.paid = add(purse.paid, notional)
        else:
            purse.fees_of = add(purse.fees_of, notional)


def _working(order: Order) -> Working | None:
    """What the order counts for now; None where it does not."""
    state = order.state
    if not state.is_open or state is _SUSPENDED or order.is_parent:
        return None
    quantity, prices = order.working_quantity, _prices(order)
    is_sound = quantity.is_finite() and (not prices or (_is_price(prices[0]) and _is_price(prices[-1])))
    return Working(
        order.instrument, order.strategy, order.side,
        max(quantity, ZERO) if is_sound else ZERO,  # more may have traded than an amendment will make of it
        order.filled_quantity, prices if is_sound else (), state is _UNKNOWN, order.reduce_only, is_sound,
    )  # fmt: skip


def _is_price(number: Decimal) -> bool:
    return number.is_finite() and number > ZERO


def _prices(order: Order) -> tuple[Decimal, ...]:
    if order.price is None:
        return ()
    if order.change is None or order.change.price is None:
        return (order.price,)
    return order.price, order.change.price


def _expose(exposure: Exposure, order: Working, quantity: Decimal, sign: int) -> None:
    exposure.is_dirty = True
    exposure.open_orders += sign
    exposure.unknown += sign * order.is_unknown
    exposure.unsound += sign * (not order.is_sound)
    limits = exposure.bids if order.side is _BUY else exposure.asks
    for price in order.prices:
        if sign > 0:
            insort(limits, price)
        else:
            del limits[bisect_left(limits, price)]
    if order.side is _BUY:
        exposure.buys = add(exposure.buys, quantity)
        if not order.prices:
            exposure.market_buys = add(exposure.market_buys, quantity)
        if order.reduce_only:
            exposure.reducing_buys = add(exposure.reducing_buys, quantity)
    else:
        exposure.sells = add(exposure.sells, quantity)
        if not order.prices:
            exposure.market_sells = add(exposure.market_sells, quantity)
        if order.reduce_only:
            exposure.reducing_sells = add(exposure.reducing_sells, quantity)


def is_spot_sale(instrument: Instrument, side: Side) -> bool:
    """Whether what is given away is the base currency itself."""
    return side is _SELL and instrument.type is _SPOT


def is_paid_in_full(instrument: Instrument, side: Side) -> bool:
    """Whether the whole price is paid, not only fees: bought spot and options."""
    return side is _BUY and not instrument.is_margined


def pays_in(instrument: Instrument, side: Side) -> str:
    """The currency that an order takes money out of."""
    return instrument.base_currency if is_spot_sale(instrument, side) else instrument.settlement_currency
