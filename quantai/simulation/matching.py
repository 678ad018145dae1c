"""Matches the orders resting in one simulated market against what the real (or synthetic) market shows.

Rules, all on the safe side:
- Nothing trades at a price that was not quoted or printed, nor for more than the size shown or printed there; our own fills use
  that size up.
- An order that comes takes the opposite quote at its price; what is left of a market order waits for the next quote.
- A resting limit order trades at its limit, when the opposite quote reaches it, when a trade prints through it, or when trades
  at its price have used up what stood before it (`queue_position`: all of the quoted size, or nothing).
- Where only trades are known, market and marketable orders trade with the next prints; where only bars are, at the next open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.enums import Liquidity, OrderType, Side
from quantai.core.numbers import ZERO
from quantai.events import BarEvent, TickEvent, TradeEvent
from quantai.exchanges.base import SubmitOrder
from quantai.simulation.quotes import Quote, exact


@dataclass(slots=True, eq=False)
class Working:
    """An order in the simulated market. `ahead` is the size before it in its price's queue, None where not known."""

    command: SubmitOrder
    venue_order_id: str
    leaves: Decimal
    is_taking: bool
    ahead: Decimal | None = None

    def accepts(self, price: Decimal) -> bool:
        """Whether the order's limit allows `price`."""
        limit = self.command.price
        return limit is None or (price - limit) * self.command.side.sign <= 0


OnTrade = Callable[[Working, Decimal, Decimal, Liquidity], None]


class Market:
    """One instrument: its quote, its last print and the orders in it, in order of arrival."""

    def __init__(self, on_trade: OnTrade, *, behind_queue: bool) -> None:
        self._on_trade = on_trade
        self._behind_queue = behind_queue
        self.quote = Quote()
        self._tick: TickEvent | None = None
        self.last_trade: Decimal | None = None
        self.orders: dict[str, Working] = {}

    def see(self, tick: TickEvent | None, trade: TradeEvent | None = None) -> None:
        """Show `tick`, unless it is the one shown already, of which we may have taken a part; and the last print."""
        if tick is not None and tick is not self._tick:
            self._tick = tick
            self.quote.update(tick)
        if trade is not None:
            self.last_trade = exact(trade.price)

    def would_take(self, order: Working) -> bool:
        """Whether the order, arriving now, would trade at once as far as is known."""
        if self.quote.is_known:
            return order.accepts(self.quote.opposite(order.command.side)[0])
        return self.last_trade is not None and order.accepts(self.last_trade)

    def available(self, order: Working) -> Decimal:
        """How much of the order the quote shown now could fill."""
        price, size = self.quote.opposite(order.command.side)
        return min(size, order.leaves) if self.quote.is_known and order.accepts(price) else ZERO

    def add(self, order: Working) -> None:
        """Take an order in, and let it take what it can."""
        order.is_taking = order.command.order_type is OrderType.MARKET or self.would_take(order)
        self.orders[order.command.client_order_id] = order
        if order.is_taking and self.quote.is_known:
            self._take(order)
            # What is left of a limit order now stands in the book; only a market order goes on taking.
            order.is_taking = order.command.order_type is OrderType.MARKET
        self._join_queue(order)

    def on_tick(self, tick: TickEvent) -> None:
        """A new quote: what takes goes first, then resting orders that it reaches, in order of price and time."""
        self.see(tick)
        for order in list(self.orders.values()):
            if order.is_taking:
                self._take(order)
        for order in self._by_priority():
            price, size = self.quote.opposite(order.command.side)
            limit = order.command.price
            if limit is not None and size > 0 and order.accepts(price):
                quantity = min(size, order.leaves)
                self.quote.take(order.command.side, quantity)
                self._fill(order, limit, quantity, Liquidity.MAKER)
            else:
                self._join_queue(order)

    def on_trade(self, trade: TradeEvent) -> None:
        """A print: its size fills orders it went through, then those at its price, in order of price and time."""
        price, size = exact(trade.price), exact(trade.size)
        self.last_trade = price
        if not self.quote.is_known:
            size = self._fill_takers(price, size)
        for order in self._by_priority():
            limit = order.command.price
            if size <= 0:
                return
            if limit is None or not order.accepts(price) or trade.side is order.command.side:
                continue
            quantity = min(size, order.leaves) if limit != price else self._past_queue(order, size)
            if quantity > 0:
                size -= quantity
                self._fill(order, limit, quantity, Liquidity.MAKER)

    def on_bar(self, bar: BarEvent) -> None:
        """A whole bar: takers trade at its open, resting orders that its range went through trade at their limit."""
        volume = self._fill_takers(exact(bar.open), exact(bar.volume))
        low, high = exact(bar.low), exact(bar.high)
        for order in self._by_priority():
            limit = order.command.price
            if limit is not None and volume > 0 and (low < limit if order.command.side is Side.BUY else high > limit):
                quantity = min(volume, order.leaves)
                volume -= quantity
                self._fill(order, limit, quantity, Liquidity.MAKER)
        self.last_trade = exact(bar.close)

    def _fill_takers(self, price: Decimal, size: Decimal) -> Decimal:
        for order in list(self.orders.values()):
            if order.is_taking and size > 0 and order.accepts(price):
                quantity = min(size, order.leaves)
                size -= quantity
                self._fill(order, price, quantity, Liquidity.TAKER)
        return size

    def _take(self, order: Working) -> None:
        quantity = self.available(order)
        if quantity > 0:
            price = self.quote.opposite(order.command.side)[0]
            self.quote.take(order.command.side, quantity)
            self._fill(order, price, quantity, Liquidity.TAKER)

    def _fill(self, order: Working, price: Decimal, quantity: Decimal, liquidity: Liquidity) -> None:
        order.leaves -= quantity
        if order.leaves <= 0:
            del self.orders[order.command.client_order_id]
        self._on_trade(order, price, quantity, liquidity)

    def _join_queue(self, order: Working) -> None:
        """Note what stands before the order once the best quote on its side is at its price or worse."""
        if order.ahead is not None or order.command.price is None or not self.quote.is_known:
            return
        best, size = self.quote.same(order.command.side)
        if not self._behind_queue or (best - order.command.price) * order.command.side.sign < 0:
            order.ahead = ZERO
        elif best == order.command.price:
            order.ahead = size

    def _past_queue(self, order: Working, size: Decimal) -> Decimal:
        """How much of a print at the order's price is left for it, after those before it."""
        if order.ahead is None:
            return ZERO if self._behind_queue else min(size, order.leaves)
        beyond = size - order.ahead
        order.ahead = max(order.ahead - size, ZERO)
        return min(max(beyond, ZERO), order.leaves)

    def _by_priority(self) -> Iterator[Working]:
        """Resting limit orders, best price first, then oldest first."""
        resting = [order for order in self.orders.values() if not order.is_taking and order.command.price is not None]
        return iter(sorted(resting, key=_priority))


def _priority(order: Working) -> Decimal:
    price = order.command.price or ZERO
    return -price if order.command.side is Side.BUY else price
