"""What somebody could come to hold, were all working orders to fill: by instrument, and added up.

Nothing here looks at orders one by one: they are counted when they change. What an instrument is worth is worked out
again when its market, its position or its orders changed, and only then.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.data.market import Key, MarketView, Seen
from quantai.events import MarketEvent
from quantai.instruments import Instrument
from quantai.oms.risk.account import Account

# Sums that are added to and taken from for months must stay exact.
_WIDE = Context(prec=100)
add, subtract = _WIDE.add, _WIDE.subtract

# Looking a member up in its class costs ten times a global here.
_BUY, _SELL = Side.BUY, Side.SELL


class Exposure:
    """In one instrument: the position, what working orders may buy and sell, and what all that can be worth at most.

    `bids` and `asks` are the limits of working orders, sorted. `notional` and `profit` (not yet taken, of margined
    instruments) are in settlement currency and None where a price is not known; `Exposures.refresh` brings them up to
    date.
    """

    __slots__ = (
        "_is_plain", "_largest", "_limit", "asks", "bids", "buys", "cost", "dearest", "instrument", "is_dirty",
        "is_margined", "is_traded", "last", "market_buys", "market_sells", "multiplier", "notional", "open_orders",
        "position", "profit", "reducing_buys", "reducing_sells", "seen", "sells", "source", "total", "unknown",
        "unsound",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, seen: Seen, total: Total) -> None:
        self.instrument = instrument
        self.seen = seen
        self.last = seen.last
        self.total = total
        self.multiplier = None if instrument.inverse else instrument.multiplier
        self.is_margined = instrument.is_margined
        self.position = self.cost = self.buys = self.sells = ZERO
        self.market_buys = self.market_sells = self.reducing_buys = self.reducing_sells = ZERO
        self.bids: list[Decimal] = []
        self.asks: list[Decimal] = []
        self.open_orders = self.unknown = self.unsound = 0
        self.dearest: Decimal | None = None
        self.notional: Decimal | None = ZERO
        self.profit: Decimal | None = ZERO
        self.source: MarketEvent | None = None
        self.is_dirty = self.is_traded = True
        self._largest = ZERO
        self._limit: Decimal | None = None
        self._is_plain = False

    def worth(self, quantity: Decimal, price: Decimal) -> Decimal:
        """The notional of a quantity that is not negative at a price that is positive, without asking twice."""
        if self.multiplier is None:
            return self.instrument.notional(quantity, price)
        return quantity * price * self.multiplier

    def notional_with(self, side: Side, quantity: Decimal, price: Decimal | None) -> Decimal | None:
        """What the largest position, long or short, could be worth with `quantity` more at `price`; None where that is
        not known. To be asked after `Exposures.refresh`.
        """
        dearest = self.dearest
        if dearest is None or price is None:
            return None
        buys, sells = self.position + self.buys, self.sells - self.position
        if side is _BUY:
            buys += quantity
        else:
            sells += quantity
        largest = buys if buys > sells else sells
        if self.multiplier is None:
            return self.instrument.notional(largest, min(dearest, price))
        return largest * (dearest if dearest > price else price) * self.multiplier

    def revalue(self, source: MarketEvent | None) -> None:
        """Work out `notional` and `profit` again, at the price in `source`. Where that fails, nothing changes."""
        if self.is_dirty:
            self._add_up()
        market, multiplier = self.seen.price(), self.multiplier
        if self._is_plain and market is not None and market > ZERO and multiplier is not None:
            dearest = market if self._limit is None or market > self._limit else self._limit
            notional = self._largest * dearest * multiplier
            profit = self.position * market * multiplier - self.cost if self.is_margined else ZERO
            self.dearest, self.notional, self.profit, self.source = dearest, notional, profit, source
            self.is_dirty = False
        else:
            self._revalue_with_care(positive(market), source)

    def _revalue_with_care(self, market: Decimal | None, source: MarketEvent | None) -> None:
        """The same where something is not known, or is not worth more the higher the price."""
        dearest = self._worth_most(market)
        if self._largest or self.unsound:
            notional = None if dearest is None else self.worth(self._largest, dearest)
        else:
            notional = ZERO
        self.profit = self._profit(market) if self.is_margined else ZERO
        self.dearest, self.notional, self.source = dearest, notional, source
        self.is_dirty = bool(self.market_buys or self.market_sells)  # these move with the quote, whatever the price is

    def _add_up(self) -> None:
        """What does not move with the market: the largest position, and the limit at which a unit is worth most."""
        buys, sells = self.position + self.buys, self.sells - self.position
        self._largest = buys if buys > sells else sells
        if self.multiplier is None:
            self._limit = min((*self.bids[:1], *self.asks[:1]), default=None)
        else:
            self._limit = max((*self.bids[-1:], *self.asks[-1:]), default=None)
        self._is_plain = not (self.market_buys or self.market_sells or self.unsound)

    def _worth_most(self, price: Decimal | None) -> Decimal | None:
        """The price of the market (`price`) and all working orders at which a unit is worth most; None where one is not
        known.
        """
        if price is None or self.unsound:
            return None
        limit = self._limit
        if limit is not None and (limit < price if self.multiplier is None else limit > price):
            price = limit
        return self._with_quotes(price) if self.market_buys or self.market_sells else price

    def _with_quotes(self, price: Decimal) -> Decimal | None:
        """With what working market orders would trade at."""
        for side, quantity in ((_BUY, self.market_buys), (_SELL, self.market_sells)):
            if quantity:
                at_quote = quote(self.seen, side)
                if at_quote is None:
                    return None
                price = dearer(self.instrument, price, at_quote)
        return price

    def _profit(self, market: Decimal | None) -> Decimal | None:
        if not self.position:
            return -self.cost  # strategies that are long and short of the same
        if market is None:
            return None
        if self.multiplier is None:
            return self.instrument.value(self.position, market) - self.cost
        return self.position * market * self.multiplier - self.cost


class Total:
    """Over the instruments of one venue, settlement currency, and kind (margined or not); `unpriced` and `unvalued` are
    how many have no notional, or no profit, and are not in it.
    """

    __slots__ = ("notional", "profit", "unpriced", "unvalued")

    def __init__(self) -> None:
        self.notional = self.profit = ZERO
        self.unpriced = self.unvalued = 0

    def replace(self, notional: Decimal | None, profit: Decimal | None, by: Exposure) -> None:
        """Count what `by` has now, in place of what it had."""
        if by.notional != notional:
            self.unpriced += (by.notional is None) - (notional is None)
            self.notional = add(subtract(self.notional, notional or ZERO), by.notional or ZERO)
        if by.profit != profit:
            self.unvalued += (by.profit is None) - (profit is None)
            self.profit = add(subtract(self.profit, profit or ZERO), by.profit or ZERO)


class Exposures:
    """All exposures of one strategy, or of the account (`strategy` None). There is one for each instrument that was
    ever asked for: no more than are configured.
    """

    def __init__(self, account: Account, market: MarketView, strategy: str | None = None) -> None:
        self.totals: dict[tuple[str, str, bool], Total] = {}
        self._account = account
        self._market = market
        self._strategy = strategy
        self._by_key: dict[Key, Exposure] = {}

    def of(self, instrument: Instrument) -> Exposure:
        """The exposure in an instrument."""
        key = (instrument.venue, instrument.symbol)
        return self._by_key.get(key) or self._new(instrument, key)

    def total(self, venue: str, currency: str, *, is_margined: bool) -> Total:
        """What the instruments of a venue that settle in a currency add up to."""
        return self.totals.setdefault((venue, currency, is_margined), Total())

    def all(self) -> Iterable[Exposure]:
        """Every exposure, in the order in which they came about."""
        return self._by_key.values()

    def refresh(self) -> None:
        """Bring notionals, profits and totals up to date with the market."""
        for exposure in self._by_key.values():
            last = exposure.last
            source = last[0] or last[1] or last[2] or last[3]
            if source is not exposure.source or exposure.is_dirty:
                if exposure.is_traded:
                    self.take_position(exposure)
                notional, profit = exposure.notional, exposure.profit
                exposure.revalue(source)
                exposure.total.replace(notional, profit, exposure)

    def _new(self, instrument: Instrument, key: Key) -> Exposure:
        total = self.total(instrument.venue, instrument.settlement_currency, is_margined=instrument.is_margined)
        exposure = self._by_key[key] = Exposure(instrument, self._market.seen(*key), total)
        return exposure

    def take_position(self, exposure: Exposure) -> None:
        """Read position and cost again after a fill."""
        instrument = exposure.instrument
        venue, symbol = instrument.venue, instrument.symbol
        exposure.is_traded, exposure.is_dirty = False, True
        exposure.position = self._account.position(venue, symbol, self._strategy)
        if instrument.is_margined and self._strategy is None:
            costs = [held.cost for key, held in self._account.positions() if key[1] == venue and key[2] == symbol]
            exposure.cost = sum(costs, ZERO)


def dearer(instrument: Instrument, one: Decimal, other: Decimal) -> Decimal:
    """The price of two at which a unit is worth more: the higher, of inverse contracts the lower."""
    return one if (one < other) is instrument.inverse else other


def positive(price: Decimal | None) -> Decimal | None:
    """`price` where it is one."""
    return price if price is not None and price > ZERO else None


def quote(seen: Seen, side: Side) -> Decimal | None:
    """What a market order would trade at: the ask for a buy, the bid for a sell, the last price where there never was a
    quote. None where that is no price.
    """
    if seen.last[1] is None:
        return positive(seen.price())
    bid, ask = seen.quotes()
    price = ask if side is _BUY else bid
    return price if price is not None and price > ZERO else None
