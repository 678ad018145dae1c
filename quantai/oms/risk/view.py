"""Everything a check may look at. The engine turns it to one order at a time; nothing in it does I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from quantai.core.clock import Clock
from quantai.core.enums import Side, TradingState
from quantai.core.numbers import ZERO
from quantai.data.market import MarketView
from quantai.oms.cache import OrderCache
from quantai.oms.models import Order
from quantai.oms.risk.account import Account
from quantai.oms.risk.exposure import Exposure, Exposures, dearer, quote
from quantai.oms.risk.working import WorkingOrders

_BUY = Side.BUY


class RiskNumber(msgspec.Struct, frozen=True, gc=False):
    """What a check compared: `value` with `limit`. `code` names the check's type, `name` is as configured."""

    code: str
    name: str
    what: str
    value: Decimal | int
    limit: Decimal | int


Measured = tuple[tuple[str, str], str, Decimal | int, Decimal | int]
"""A `RiskNumber` in the making: code and name, what, value, limit. Most are never asked for."""


def numbers_of(measured: Sequence[Measured]) -> tuple[RiskNumber, ...]:
    """The same by name."""
    return tuple(RiskNumber(*asked, what, value, limit) for asked, what, value, limit in measured)


class Breach(msgspec.Struct, frozen=True, gc=False):
    """A loss, of a strategy or (None) of the account, went beyond its limit. `state` is what to make of trading."""

    name: str
    code: str
    strategy: str | None
    value: Decimal
    limit: Decimal
    state: TradingState


class RiskView:
    """The books, the market and the working orders, and what they mean for the order that is asked about.

    `quantity` is what it would still trade. `market_price` is what the instrument is worth, `quote` what a market
    order would trade at, `price` the limit, or the quote of a market order; `worst_price` is the price at which the
    order would be worth most: its limit, or the quote where it would trade at that (a sell below the bid trades at
    the bid). Each is positive, or None where it is not known.

    `strategy_after` and `account_after` say how far the position would go to the order's side, were the order and all
    that works there to fill; `is_reducing` that the strategy's own position would only get smaller. `exposure` is the
    account's in the instrument, `own` the strategy's.
    """

    __slots__ = (
        "_clock",
        "_is_fresh",
        "_is_seeded",
        "_measured",
        "_notional",
        "_places",
        "_seen_ns",
        "account",
        "account_after",
        "asked",
        "exposure",
        "is_reducing",
        "market",
        "market_price",
        "measured",
        "now_ns",
        "on_breach",
        "orders",
        "own",
        "price",
        "put",
        "quantity",
        "quote",
        "strategy_after",
        "working",
        "worst_price",
    )  # fmt: skip

    def __init__(self, account: Account, market: MarketView, orders: OrderCache, clock: Clock | None = None) -> None:
        """Without a clock the time is the order's own."""
        self.account = account
        self.market = market
        self.orders = orders
        self.working = WorkingOrders(account, market, orders.open_orders())
        self.on_breach: Callable[[Breach], object] = lambda breach: None
        self.put: Callable[[str, str], object] = lambda key, value: None
        self.asked = ("", "")
        self.measured: list[Measured] = []
        self._clock = clock
        self._is_seeded = False
        self._places: dict[tuple[str, str, str], tuple[Exposure, Exposure]] = {}
        self._seen_ns = -1
        self._is_fresh = False
        self._measured: Exposure | None = None
        self._notional: Decimal | None = None
        self.now_ns = 0
        self.quantity = self.strategy_after = self.account_after = ZERO
        self.market_price: Decimal | None = None
        self.quote: Decimal | None = None
        self.price: Decimal | None = None
        self.worst_price: Decimal | None = None
        self.is_reducing = False
        self.exposure: Exposure
        self.own: Exposure
        orders.on_change(self.working.keep)

    def measure(self, what: str, value: Decimal | int, limit: Decimal | int) -> None:
        """Remember what the check that is asked now compares, for whoever wants the order explained."""
        self.measured.append((self.asked, what, value, limit))

    def begin(self, order: Order) -> None:
        """Turn to `order`, which must not be counted among the working ones."""
        self.measured = []
        self._is_fresh = False
        self._measured = None
        self._seen_ns = -1
        self.now_ns = max(order.ts_submitted, order.ts_last) if self._clock is None else self._clock.now_ns()
        filled = order.filled_quantity
        self.quantity = quantity = order.quantity - filled if filled else order.quantity
        if not self._is_seeded:
            self._seed()
        place = (order.strategy, order.venue, order.symbol)
        self.exposure, self.own = exposure, own = self._places.get(place) or self._find(place, order)
        self._price(order, exposure)
        if exposure.is_traded:
            self.working.account.take_position(exposure)
        if own.is_traded:
            self.working.strategy(order.strategy).take_position(own)
        is_buy = order.side is _BUY
        if is_buy:
            self.account_after = exposure.position + exposure.buys + quantity
            self.strategy_after = after = own.position + own.buys + quantity
        else:
            self.account_after = exposure.sells - exposure.position + quantity
            self.strategy_after = after = own.sells - own.position + quantity
        if order.reduce_only:  # such orders stand for one another (a stop and a target): they cannot all fill
            after -= own.reducing_buys if is_buy else own.reducing_sells
        self.is_reducing = after <= ZERO < quantity

    @property
    def seen_ns(self) -> int:
        """`ts_init` of the newest event of the instrument; 0 where there was none."""
        if self._seen_ns < 0:
            self._seen_ns = self.exposure.seen.newest_ns()
        return self._seen_ns

    def exposures(self, *, of_strategy: str | None = None) -> Exposures:
        """All exposures, of a strategy or (None) of the account, up to date with the market."""
        if of_strategy is not None:
            exposures = self.working.strategy(of_strategy)
            exposures.refresh()
            return exposures
        if not self._is_fresh:
            self.working.account.refresh()
            self._is_fresh = True
        return self.working.account

    def notional_after(self, side: Side, exposure: Exposure) -> Decimal | None:
        """What the largest position in the instrument could be worth with the order; None where that is not known."""
        if exposure is not self._measured:
            self._notional, self._measured = exposure.notional_with(side, self.quantity, self.price), exposure
        return self._notional

    def _find(self, place: tuple[str, str, str], order: Order) -> tuple[Exposure, Exposure]:
        account, own = self.working.account, self.working.strategy(order.strategy)
        return self._places.setdefault(place, (account.of(order.instrument), own.of(order.instrument)))

    def _seed(self) -> None:
        """Know every position, also those without orders."""
        self._is_seeded = True
        for (strategy, _, _), held in self.account.positions():
            self.working.account.of(held.instrument)
            self.working.strategy(strategy).of(held.instrument)

    def _price(self, order: Order, exposure: Exposure) -> None:
        limit, side, market = order.price, order.side, exposure.seen.price()
        self.market_price = market if market is not None and market > ZERO else None
        self.quote = at_quote = quote(exposure.seen, side)
        if limit is None and order.at_venue and order.trigger_price is not None and at_quote is not None:
            # A stop that the venue keeps trades when the market is there.
            self.price = self.worst_price = dearer(order.instrument, at_quote, order.trigger_price)
        elif limit is None or limit <= ZERO:
            self.price = self.worst_price = at_quote if limit is None else None
        elif at_quote is not None and (limit >= at_quote if side is _BUY else limit <= at_quote):
            self.price, self.worst_price = limit, dearer(order.instrument, limit, at_quote)
        else:
            self.price = self.worst_price = limit
