"""The rest of the market: quotes and takers as a market source has them, put into the engine as orders."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from quantai.core.enums import Side
from quantai.core.numbers import ZERO, round_to_step, to_decimal, truncate_to_step
from quantai.events import (
    FundingRateEvent,
    LiquidationEvent,
    MarketEvent,
    MarkPriceEvent,
    OpenInterestEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TradeEvent,
)
from quantai.events.base import Level
from quantai.loopback.engine import Engine, Market, Order

_SIDES = (Side.BUY, Side.SELL)


class MarketMaker:
    """Keeps the quotes of one market as its source has them.

    At each price it wants what the source shows there; what others took of it comes back with the next book. Quotes
    that grow queue behind those who were there before. Of the takers in a market with margin one in `liquidates_every`
    (0: none) is said to be somebody's liquidation.
    """

    def __init__(self, engine: Engine, market: Market, liquidates_every: int = 0) -> None:
        self._engine = engine
        self._market = market
        self._tick = market.rules.instrument.tick_size
        self._lot = market.rules.instrument.lot_size
        self._wanted: dict[Side, dict[Decimal, Decimal]] = {side: {} for side in _SIDES}
        self._orders: dict[Side, dict[Decimal, list[Order]]] = {side: {} for side in _SIDES}
        self._liquidates_every = liquidates_every if market.rules.instrument.is_margined else 0
        self._takers = 0

    def apply(self, event: MarketEvent) -> None:
        """Do what `event` says happened out there; kinds that move nothing are left out."""
        if isinstance(event, TradeEvent):
            self._trade(event)
        elif isinstance(event, OrderBookDeltaEvent):
            self._quote(
                {side: self._levels(levels) for side, levels in zip(_SIDES, (event.bids, event.asks), strict=True)}
            )
        elif isinstance(event, OrderBookSnapshotEvent):
            self._replace(event)
        elif isinstance(event, MarkPriceEvent):
            self._mark(event)
        elif isinstance(event, FundingRateEvent):
            self._announce(event)
        elif isinstance(event, LiquidationEvent):
            self._liquidate(event)
        elif isinstance(event, OpenInterestEvent):
            self._market.open_interest = to_decimal(event.open_interest)
        self._engine.settle_quote(self._market)

    def _replace(self, event: OrderBookSnapshotEvent) -> None:
        books = {Side.BUY: self._levels(event.bids), Side.SELL: self._levels(event.asks)}
        for side, book in books.items():
            gone = dict.fromkeys(self._wanted[side], ZERO)
            books[side] = gone | book
        self._quote(books)

    def _quote(self, changes: dict[Side, dict[Decimal, Decimal]]) -> None:
        for side, levels in changes.items():
            self._wanted[side].update(levels)
        touched = {side: {*levels, *self._short(side)} for side, levels in changes.items()}
        # Quotes go before quotes come, so that the market never trades with what it no longer wants.
        for side in _SIDES:
            for price in touched[side]:
                self._shrink(side, price)
        for side in _SIDES:
            for price in sorted(touched[side], reverse=side is Side.BUY):
                self._grow(side, price)

    def _short(self, side: Side) -> list[Decimal]:
        """Prices at which others took something."""
        return [price for price, orders in self._orders[side].items() if any(order.filled for order in orders)]

    def _shrink(self, side: Side, price: Decimal) -> None:
        wanted = self._wanted[side].get(price, ZERO)
        orders = [order for order in self._orders[side].pop(price, []) if order.remaining > 0]
        excess = sum((order.remaining for order in orders), ZERO) - wanted
        while excess > 0:
            newest = orders[-1]
            cut = min(excess, newest.remaining)
            newest.quantity -= cut
            self._market.book.reduce(newest, cut)
            excess -= cut
            if newest.remaining <= 0:
                orders.pop()
        for order in orders:
            order.quantity, order.filled = order.remaining, ZERO
        if orders:
            self._orders[side][price] = orders
        if not wanted:
            self._wanted[side].pop(price, None)

    def _grow(self, side: Side, price: Decimal) -> None:
        orders = self._orders[side].get(price, [])
        missing = self._wanted[side].get(price, ZERO) - sum((order.remaining for order in orders), ZERO)
        if missing > 0:
            order = self._engine.rest(self._market, side, price, missing)
            if order.remaining > 0:
                self._orders[side].setdefault(price, []).append(order)

    def _trade(self, event: TradeEvent) -> None:
        quantity = _quantity(event.size, self._lot)
        if quantity > 0 and event.side in _SIDES:
            price = _price(event.price, self._tick)
            self._engine.take(self._market, event.side, price, quantity)
            self._takers += 1
            if self._liquidates_every and self._takers % self._liquidates_every == 0:
                self._engine.liquidate_stranger(self._market, event.side, price, quantity)

    def _liquidate(self, event: LiquidationEvent) -> None:
        """The trades of a recorded liquidation are in the recording, too."""
        quantity = _quantity(event.size, self._lot)
        if quantity > 0 and event.side in _SIDES:
            self._engine.liquidate_stranger(self._market, event.side, _price(event.price, self._tick), quantity)

    def _announce(self, event: FundingRateEvent) -> None:
        """A rate for the next funding; that it is another one than before says that the one before is due."""
        market = self._market
        if 0 < market.next_funding_ns < event.next_funding_ns:
            self._engine.pay_funding(market)
        market.funding_rate = to_decimal(event.rate)
        market.next_funding_ns = event.next_funding_ns

    def _mark(self, event: MarkPriceEvent) -> None:
        index = None if event.index_price is None else to_decimal(event.index_price)
        self._engine.set_mark(self._market, to_decimal(event.mark_price), index)

    def _levels(self, levels: tuple[Level, ...]) -> dict[Decimal, Decimal]:
        tick, lot = self._tick, self._lot
        return {_price(price, tick): _quantity(size, lot) for price, size in levels}


@lru_cache(maxsize=65_536)  # a book comes back to few prices and sizes
def _price(price: float, tick: Decimal) -> Decimal:
    return round_to_step(to_decimal(price), tick)


@lru_cache(maxsize=65_536)
def _quantity(size: float, lot: Decimal) -> Decimal:
    return truncate_to_step(to_decimal(size), lot)
