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


class Place:
    """Where the orders of a strategy in an instrument are counted, and what they are paid from, bought or sold.

    Those of the same key count here also when its filters changed; what a contract is of stays under its name.
    """

    __slots__ = ("account", "buys_from", "instrument", "own", "sells_from", "strategy", "venue")

    def __init__(self, instrument: Instrument, strategy: str, sums: WorkingOrders) -> None:
        self.instrument = instrument
        self.strategy = strategy
        self.venue = instrument.venue
        self.account = sums.account.of(instrument)
        self.own = sums.strategy(strategy).of(instrument)
        self.buys_from = sums.purses[instrument.venue, pays_in(instrument, _BUY)]
        self.sells_from = sums.purses[instrument.venue, pays_in(instrument, _SELL)]


class Working(NamedTuple):
    """What one working order counts for. `prices` are its limit, and the one that an amendment would give it."""

    place: Place
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
        self._places: dict[tuple[str, str, str], Place] = {}
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
        now = self._working(order)
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
        place = self._place(order)
        for exposure in (place.account, place.own):
            exposure.is_dirty = exposure.is_traded = True

    def _place(self, order: Order) -> Place:
        key = (order.strategy, order.venue, order.symbol)
        return self._places.get(key) or self._places.setdefault(key, Place(order.instrument, order.strategy, self))

    def _working(self, order: Order) -> Working | None:
        """What the order counts for now; None where it does not."""
        state = order.state
        if not state.is_open or state is _SUSPENDED or order.is_parent:
            return None
        quantity, prices = order.working_quantity, _prices(order)
        is_sound = quantity.is_finite() and (not prices or (_is_price(prices[0]) and _is_price(prices[-1])))
        return Working(
            self._place(order), order.side,
            max(quantity, ZERO) if is_sound else ZERO,  # more may have traded than an amendment will make of it
            order.filled_quantity, prices if is_sound else (), state is _UNKNOWN, order.reduce_only, is_sound,
        )  # fmt: skip

    def _count(self, order: Working, sign: int) -> None:
        place = order.place
        self.total += sign
        self.by_strategy[place.strategy] += sign
        self.by_venue[place.venue] += sign
        quantity = order.quantity if sign > 0 else order.quantity.copy_negate()
        _expose(place.account, order, quantity, sign)
        _expose(place.own, order, quantity, sign)
        if order.prices:
            _pay(order, quantity)
        elif place.account.market_buys or place.account.market_sells:
            self.at_market[place.account] = None
        else:
            self.at_market.pop(place.account, None)


def _pay(order: Working, quantity: Decimal) -> None:
    """Take `quantity`, which may be negative, of a limit order out of its purse."""
    instrument, side = order.place.instrument, order.side
    purse = order.place.buys_from if side is _BUY else order.place.sells_from
    if is_spot_sale(instrument, side):
        purse.units = add(purse.units, quantity)
        return
    price = order.prices[0]
    for other in order.prices[1:]:
        price = dearer(instrument, price, other)
    notional = instrument.notional(order.quantity, price)
    if quantity < ZERO:
        notional = notional.copy_negate()
    if is_paid_in_full(instrument, side):
        purse.paid = add(purse.paid, notional)
    else:
        purse.fees_of = add(purse.fees_of, notional)


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
