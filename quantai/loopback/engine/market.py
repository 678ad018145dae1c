"""The state of one market."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO, truncate_to_step
from quantai.loopback.engine.book import Book, Quote
from quantai.loopback.engine.orders import Order, Trigger
from quantai.loopback.engine.rules import MarketRules
from quantai.loopback.engine.tape import Tape


class Market:
    """Book, tape, prices and waiting stops of one symbol. `is_open` is whether orders are taken."""

    def __init__(self, rules: MarketRules) -> None:
        self.rules = rules
        self.book = Book()
        self.tape = Tape()
        self.stops: dict[int, Order] = {}
        self.is_open = True
        self.mark: Decimal | None = None
        self.index: Decimal | None = None
        self.funding_rate = ZERO
        self.next_funding_ns = 0
        self.open_interest = rules.instrument.lot_size * 10_000_000
        """What others than the accounts here hold of it."""
        self.quote: tuple[Quote | None, Quote | None] = (None, None)

    @property
    def symbol(self) -> str:
        """The ccxt-unified symbol."""
        return self.rules.symbol

    @property
    def middle(self) -> Decimal | None:
        """Halfway between the best bid and ask."""
        bid, ask = self.book.top()
        return (bid[0] + ask[0]) / 2 if bid and ask else None

    @property
    def reference(self) -> Decimal | None:
        """What price bands are measured from: the mark price, else the last trade, else the middle."""
        return self.mark or self.tape.last or self.middle

    def trigger_price(self, trigger: Trigger) -> Decimal | None:
        """The price that a trigger looks at."""
        return self.reference if trigger.uses_mark else self.tape.last or self.reference

    def is_crossing(self, side: Side, price: Decimal) -> bool:
        """Whether a limit order would trade at once."""
        best = self.book.best(side.opposite)
        return best is not None and (best[0] - price) * side.sign <= 0

    def available(self, side: Side, limit: Decimal | None) -> Decimal:
        """What rests on the other side at `limit` or better, hidden parts too."""
        total = ZERO
        for price, level in self.book.levels(side.opposite):
            if limit is not None and (price - limit) * side.sign > 0:
                break
            total += sum((order.remaining for order in level.orders.values()), ZERO)
        return total

    def cost_of(self, side: Side, quantity: Decimal) -> Decimal:
        """What a market order would cost; what the book cannot give is left out."""
        cost = ZERO
        for price, level in self.book.levels(side.opposite):
            for order in level.orders.values():
                part = min(order.remaining, quantity)
                cost += part * price
                quantity -= part
            if quantity <= 0:
                break
        return cost

    def quantity_for(self, side: Side, quote: Decimal) -> Decimal:
        """How much can be traded for `quote`, on the lot grid."""
        quantity = ZERO
        for price, level in self.book.levels(side.opposite):
            for order in level.orders.values():
                part = min(order.remaining, truncate_to_step(quote / price, self.rules.instrument.lot_size))
                quantity += part
                quote -= part * price
                if part < order.remaining:
                    return quantity
        return quantity
