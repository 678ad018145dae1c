"""Matches the orders in one simulated market against what the real (or synthetic) market shows.

Rules, all on the safe side:
- Nothing trades at a price that was not quoted or printed, nor for more than the size shown or printed there; our own
  fills use that size up, and it comes back only where the price moves or size is added.
- An order takes the opposite quote at its price, and goes on with every next quote that its limit allows. A limit order
  that meets one its limit does not allow rests from then on.
- A resting order trades at its limit: when the opposite quote reaches it, when a trade prints through it, or when
  trades at its price have used up what stands before it. That is the size quoted there when it joins, and never more
  than is quoted later (`behind_queue`; else nothing stands before it).
- Without quotes, what takes trades with the next print of a taker on its own side; without prints too, at the next
  bar's open, or at its close where it was sent only after the bar began.
- An order amended to a smaller quantity at the same price keeps its place in the queue; any other change is a new
  arrival at the end of it.
- A reduce-only order never trades more than the position that is left to reduce.
- Whether a limit is reached is decided on `float64`, exact for the 15 digits of market data; money is `Decimal`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf, isfinite

import msgspec

from quantai.core.enums import Liquidity, OrderState
from quantai.core.numbers import ZERO, floor_to_step
from quantai.events import BarEvent, TickEvent, TradeEvent
from quantai.exchanges.execution import SubmitOrder
from quantai.simulation.quotes import QuoteSide, exact


@dataclass(slots=True, eq=False)
class Working:
    """An order in the simulated market, sent at `sent_ns`. `ahead` is the size before it in its price's queue, None
    where not known; `is_taking` says that it has not rested yet.
    """

    command: SubmitOrder
    venue_order_id: str
    sent_ns: int = 0
    is_taking: bool = True
    ahead: Decimal | None = None
    ended: OrderState | None = None
    reason: str = ""
    ts_last: int = 0
    leaves: Decimal = field(init=False)
    limit: float = field(init=False)
    sign: int = field(init=False)

    def __post_init__(self) -> None:
        self.leaves = self.command.quantity
        self.sign = self.command.side.sign
        self._set_limit()

    def _set_limit(self) -> None:
        self.limit = inf * self.sign if self.command.price is None else float(self.command.price)

    @property
    def filled(self) -> Decimal:
        """What has traded."""
        return self.command.quantity - self.leaves

    def change(self, quantity: Decimal, price: Decimal | None) -> None:
        """Give it a new total quantity and limit."""
        self.leaves += quantity - self.command.quantity
        self.command = msgspec.structs.replace(self.command, quantity=quantity, price=price)
        self._set_limit()

    def accepts(self, price: float) -> bool:
        """Whether the order's limit allows `price`."""
        return price <= self.limit if self.sign > 0 else price >= self.limit


OnTrade = Callable[[Working, Decimal, Decimal, Liquidity], None]


class Market:
    """One instrument: its quote, its last price and the orders in it, in order of arrival."""

    def __init__(self, on_trade: OnTrade, *, lot_size: Decimal, behind_queue: bool) -> None:
        self._on_trade = on_trade
        self._lot_size = lot_size
        self._behind_queue = behind_queue
        self._bid, self._ask = QuoteSide(), QuoteSide()
        self._has_quotes = False
        self._last_price: float | None = None
        self.orders: dict[str, Working] = {}
        self.position = ZERO
        """What our orders traded, signed: what reduce-only orders may reduce."""
        self.reducing: set[str] = set()
        """The ids of the reduce-only orders here."""

    @property
    def is_idle(self) -> bool:
        """Whether it matters to nobody what happens here."""
        return not (self.orders or self._bid.is_worn or self._ask.is_worn)

    def see(self, tick: TickEvent | None, last_price: float | None = None) -> None:
        """Show the newest quote, and the last price there was."""
        if tick is not None:
            self._has_quotes = True
            self._bid.show(tick.bid_price, tick.bid_size)
            self._ask.show(tick.ask_price, tick.ask_size)
        if last_price is not None:
            self._last_price = last_price

    def would_take(self, order: Working) -> bool:
        """Whether the order, arriving now, could trade at once; where no market is known, it could."""
        opposite = self._opposite(order)
        price = opposite.price if opposite.size else self._last_price
        return price is None or order.accepts(price)

    def available(self, order: Working) -> Decimal:
        """How much of the order the quote shown now could fill."""
        opposite = self._opposite(order)
        return self._fillable(order, opposite.available) if opposite.size and order.accepts(opposite.price) else ZERO

    def add(self, order: Working) -> None:
        """Take an order in, and let it take what it can."""
        order.is_taking = self.would_take(order)
        order.ahead = None if self._behind_queue else ZERO
        self.orders[order.command.client_order_id] = order
        if order.command.reduce_only:
            self.reducing.add(order.command.client_order_id)
        if self._has_quotes and self._is_reached(order):
            self._take_quote(order)

    def remove(self, client_order_id: str) -> Working | None:
        """Take an order out; None where it is not here."""
        self.reducing.discard(client_order_id)
        return self.orders.pop(client_order_id, None)

    def amend(self, order: Working, quantity: Decimal, price: Decimal | None) -> None:
        """Change an order that is here. Only a smaller quantity alone keeps its place in the queue."""
        keeps_place = price == order.command.price and quantity <= order.command.quantity
        order.change(quantity, price)
        if not keeps_place:
            self.remove(order.command.client_order_id)
            self.add(order)

    def reducible(self, order: Working) -> Decimal:
        """How much of the position an order could close."""
        return max(-self.position * order.sign, ZERO)

    def no_longer_reducing(self) -> list[Working]:
        """The reduce-only orders that are larger than what is left to reduce."""
        orders = [self.orders[client_order_id] for client_order_id in sorted(self.reducing)]
        return [order for order in orders if order.leaves > self.reducible(order)]

    def on_tick(self, tick: TickEvent) -> None:
        """A new quote: what takes goes first, then resting orders that it reaches, in order of price and time."""
        self.see(tick)
        for order in _in_turn([order for order in self.orders.values() if self._is_reached(order)]):
            self._take_quote(order)

    def _is_reached(self, order: Working) -> bool:
        """Whether the opposite quote is one the order can trade with. If its limit is not met the order rests."""
        opposite = self._opposite(order)
        if not opposite.size:
            return False
        if order.accepts(opposite.price):
            return True
        order.is_taking = False
        self._note_queue(order)
        return False

    def _take_quote(self, order: Working) -> None:
        opposite = self._opposite(order)
        quantity = self._fillable(order, opposite.available)
        if quantity > 0:
            opposite.take(quantity)
            self._fill(order, opposite.price, quantity)

    def on_trade(self, trade: TradeEvent) -> None:
        """A print: its size fills orders it went through, then those at its price, in order of price and time."""
        if not (0.0 < trade.price < inf and 0.0 < trade.size < inf):
            return
        self._last_price = trade.price
        reached = [order for order in self.orders.values() if self._is_printed(order, trade)]
        if not reached:
            return
        size = exact(trade.size)
        for order in _in_turn(reached):
            quantity = self._fillable(order, size if order.is_taking else self._past_queue(order, trade.price, size))
            if quantity > 0:
                size -= quantity
                self._fill(order, trade.price, quantity)

    def _is_printed(self, order: Working, trade: TradeEvent) -> bool:
        """Whether the order can have a part in a trade: resting against its taker, or without quotes taking with it."""
        if not order.is_taking:
            return order.accepts(trade.price) and trade.side is not order.command.side
        if self._has_quotes or trade.side is order.command.side.opposite:
            return False
        order.is_taking = order.accepts(trade.price)
        return order.is_taking

    def on_bar(self, bar: BarEvent) -> None:
        """A whole bar. What was sent after it began cannot have traded at its open, low or high: it gets the close."""
        if not (all(map(isfinite, (bar.open, bar.high, bar.low, bar.close))) and bar.low > 0 and 0 < bar.volume < inf):
            return
        self._last_price = bar.close
        left = exact(bar.volume)
        began_ns = bar.ts_init - bar.interval_ns
        for order in _in_turn(list(self.orders.values())):
            is_early = order.sent_ns <= began_ns
            price = bar.open if is_early else bar.close
            if order.is_taking and not order.accepts(price):
                order.is_taking = False
            if not order.is_taking:
                price = (bar.low if order.sign > 0 else bar.high) if is_early else bar.close
                if not order.accepts(price) or price == order.limit:
                    continue
            quantity = self._fillable(order, left)
            if quantity > 0:
                left -= quantity
                self._fill(order, price, quantity)

    def _fill(self, order: Working, price: float, quantity: Decimal) -> None:
        """At `price` for an order that takes, at its limit for one that rests."""
        order.leaves -= quantity
        self.position += quantity * order.sign
        if order.leaves <= 0:
            self.remove(order.command.client_order_id)
        limit = order.command.price
        if order.is_taking or limit is None:
            self._on_trade(order, exact(price), quantity, Liquidity.TAKER)
        else:
            self._on_trade(order, limit, quantity, Liquidity.MAKER)

    def _fillable(self, order: Working, size: Decimal) -> Decimal:
        """What an order can trade of `size`: all that is left of it, or whole lots."""
        if order.command.reduce_only:
            size = min(size, self.reducible(order))
        return order.leaves if size >= order.leaves else floor_to_step(size, self._lot_size)

    def _note_queue(self, order: Working) -> None:
        """What stands before a resting order: nothing in front of the best price, at most what is shown at it."""
        same = self._bid if order.sign > 0 else self._ask
        if order.ahead == ZERO or not same.size:
            return
        if (same.price - order.limit) * order.sign < 0:
            order.ahead = ZERO
        elif same.price == order.limit and (order.ahead is None or order.ahead > same.size):
            order.ahead = exact(same.size)

    def _past_queue(self, order: Working, price: float, size: Decimal) -> Decimal:
        """How much of a print reaches the order: all of one through its price, of one at it what the queue leaves."""
        if price != order.limit:
            return size
        if order.ahead is None:
            return ZERO
        beyond = size - order.ahead
        order.ahead = max(-beyond, ZERO)
        return max(beyond, ZERO)

    def _opposite(self, order: Working) -> QuoteSide:
        return self._ask if order.sign > 0 else self._bid


def _in_turn(orders: list[Working]) -> list[Working]:
    """What takes, as it came; then what rests, the best limit first and the oldest of a price."""
    if len(orders) > 1:
        orders.sort(key=lambda order: (not order.is_taking, 0.0 if order.is_taking else -order.limit * order.sign))
    return orders
