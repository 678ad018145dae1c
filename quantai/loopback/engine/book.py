"""An order book of real orders: prices best first, at each price the oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sortedcontainers import SortedDict

from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.loopback.engine.orders import Order

Quote = tuple[Decimal, Decimal]


class PriceLevel:
    """The orders at one price, in order of time; `shown` is what the public sees of them."""

    __slots__ = ("orders", "shown")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.shown = ZERO

    def first(self) -> Order:
        """Who trades next."""
        return next(iter(self.orders.values()))


class Book:
    """Both sides of one market. `update_id` counts changes; `changed` are the prices touched since `take_changes`."""

    def __init__(self) -> None:
        self._sides: dict[Side, SortedDict[Decimal, PriceLevel]] = {
            Side.BUY: SortedDict(lambda price: -price),
            Side.SELL: SortedDict(),
        }
        self.changed: dict[Side, dict[Decimal, None]] = {Side.BUY: {}, Side.SELL: {}}
        self.update_id = 1

    def add(self, order: Order) -> None:
        """Put an order at the end of the queue at its price."""
        levels = self._sides[order.side]
        level = levels.get(order.price)
        if level is None:
            level = levels[order.price] = PriceLevel()
        level.orders[order.id] = order
        level.shown += order.show()
        self._touch(order)

    def remove(self, order: Order) -> bool:
        """Take an order out; whether it was there."""
        level = self._sides[order.side].get(order.price)
        if level is None or level.orders.pop(order.id, None) is None:
            return False
        level.shown -= order.shown
        self._tidy(order, level)
        return True

    def reduce(self, order: Order, quantity: Decimal) -> None:
        """An order in the book traded or shrank by `quantity`, which was not more than is shown of it.

        An iceberg whose shown part is used up shows the next, at the end of the queue. `order` has the new numbers.
        """
        level = self._sides[order.side][order.price]
        order.shown -= quantity
        level.shown -= quantity
        if order.remaining <= 0:
            del level.orders[order.id]
        elif order.shown <= 0:
            del level.orders[order.id]
            level.orders[order.id] = order
            level.shown += order.show()
        self._tidy(order, level)

    def has(self, order: Order) -> bool:
        """Whether an order rests here."""
        level = self._sides[order.side].get(order.price)
        return level is not None and order.id in level.orders

    def level(self, side: Side, price: Decimal) -> PriceLevel | None:
        """The orders at a price."""
        found: PriceLevel | None = self._sides[side].get(price)
        return found

    def levels(self, side: Side) -> Iterator[tuple[Decimal, PriceLevel]]:
        """Prices and their orders from the best; do not change the book meanwhile."""
        return iter(self._sides[side].items())

    def best(self, side: Side) -> tuple[Decimal, PriceLevel] | None:
        """The best price of a side and its orders."""
        levels = self._sides[side]
        return levels.peekitem(0) if levels else None

    def quotes(self, side: Side, depth: int | None = None) -> list[Quote]:
        """Price and shown quantity of the best `depth` levels."""
        return [(price, level.shown) for price, level in self._sides[side].items()[:depth]]

    def top(self) -> tuple[Quote | None, Quote | None]:
        """The best bid and ask."""
        return self._top(Side.BUY), self._top(Side.SELL)

    def take_changes(self) -> tuple[list[Quote], list[Quote]]:
        """What changed since this was last asked: prices with what is shown now, 0 where nothing is left."""
        bids, asks = (self._current(side, changed) for side, changed in self.changed.items())
        self.changed = {Side.BUY: {}, Side.SELL: {}}
        return bids, asks

    def _top(self, side: Side) -> Quote | None:
        best = self.best(side)
        return (best[0], best[1].shown) if best is not None else None

    def _current(self, side: Side, changed: dict[Decimal, None]) -> list[Quote]:
        levels = self._sides[side]
        return [(price, levels[price].shown if price in levels else ZERO) for price in changed]

    def _tidy(self, order: Order, level: PriceLevel) -> None:
        if not level.orders:
            del self._sides[order.side][order.price]
        self._touch(order)

    def _touch(self, order: Order) -> None:
        self.changed[order.side][order.price] = None
        self.update_id += 1
