"""What the simulated exchange knows of one market: quotes whose size can be taken once, and the last trade."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.events import TickEvent


def exact(value: float) -> Decimal:
    """A market price or size as `Decimal`, by its shortest text."""
    return Decimal(repr(value))


class Quote:
    """The displayed best bid and ask. What our own orders took is gone until the venue shows a new quote."""

    __slots__ = ("ask_price", "ask_size", "bid_price", "bid_size", "is_known")

    def __init__(self) -> None:
        self.is_known = False
        self.bid_price = self.ask_price = self.bid_size = self.ask_size = ZERO

    def update(self, tick: TickEvent) -> None:
        """Show what the venue shows now."""
        self.is_known = True
        self.bid_price, self.bid_size = exact(tick.bid_price), exact(tick.bid_size)
        self.ask_price, self.ask_size = exact(tick.ask_price), exact(tick.ask_size)

    def opposite(self, side: Side) -> tuple[Decimal, Decimal]:
        """Price and size that an order of `side` can take: the ask for a buy, the bid for a sell."""
        return (self.ask_price, self.ask_size) if side is Side.BUY else (self.bid_price, self.bid_size)

    def same(self, side: Side) -> tuple[Decimal, Decimal]:
        """Price and size that an order of `side` would queue behind."""
        return (self.bid_price, self.bid_size) if side is Side.BUY else (self.ask_price, self.ask_size)

    def take(self, side: Side, quantity: Decimal) -> None:
        """Remove what an order of `side` took."""
        if side is Side.BUY:
            self.ask_size -= quantity
        else:
            self.bid_size -= quantity
