"""A position on its way to flat.

No more is ever sent than the position less all that may still trade on the same side: an order of which nothing is
known is never taken for dead, and never sent a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Protocol

from quantai.core.enums import OrderType, Side
from quantai.core.numbers import ZERO, plain
from quantai.instruments import Instrument, InstrumentType
from quantai.oms.models import Order, OrderRequest
from quantai.ops.control.views import FlattenLine
from quantai.portfolio.portfolio import PositionKey
from quantai.portfolio.position import Position

_MAX_ORDERS = 100


class Orders(Protocol):
    """What flattening needs of the OMS."""

    def submit(self, request: OrderRequest) -> Order:
        """Check and send an order."""
        ...

    def cancel(self, order: Order, cause: str = "") -> None:
        """Ask for an order to be cancelled."""
        ...

    def open_orders(self, strategy: str | None = None, symbol: str | None = None) -> list[Order]:
        """The orders that may still trade."""
        ...


class Holdings(Protocol):
    """What flattening needs of the portfolio."""

    def positions(self) -> Iterator[tuple[PositionKey, Position]]:
        """Every position that ever was, by (strategy, venue, symbol)."""
        ...

    def position(self, venue: str, symbol: str, strategy: str | None = None) -> Decimal:
        """The signed position, of one strategy or of all together."""
        ...

    def balance(self, venue: str, currency: str) -> Decimal:
        """What the account at `venue` holds, in `currency`."""
        ...


class ClosingPosition:
    """Closes what `strategy` holds of `instrument`. `sent` are the orders that did it, oldest first."""

    def __init__(self, strategy: str, instrument: Instrument, orders: Orders, holdings: Holdings, cause: str) -> None:
        self.strategy = strategy
        self.instrument = instrument
        self.sent: list[Order] = []
        self._orders = orders
        self._holdings = holdings
        self._cause = cause
        self._before = self.quantity
        self._problem = ""

    @property
    def quantity(self) -> Decimal:
        """What is held now, signed."""
        return self._holdings.position(self.instrument.venue, self.instrument.symbol, self.strategy)

    def step(self, *, must_wait: bool) -> bool:
        """Send what closes the position, as far as that is safe, or nothing where it `must_wait`; whether there is
        anything to wait for.
        """
        while quantity := self.quantity:
            if self._is_working:
                return True
            if problem := self._stuck():
                self._problem = problem
                return False
            if must_wait:
                return True
            size = self._size(quantity)
            if not size:
                self._problem = self._too_small(quantity)
                return bool(self._may_trade(_closing_side(quantity), self.strategy))
            self._send(quantity, size)
        self._problem = ""
        return self._is_working

    @property
    def _is_working(self) -> bool:
        return bool(self.sent) and self.sent[-1].is_open

    def _stuck(self) -> str:
        """Why no further order is sent: the last one did nothing, and another would do the same."""
        if not self.sent:
            return ""
        last = self.sent[-1]
        if not last.filled_quantity:
            return f"{last.client_order_id} is {last.state}: {last.reason or 'nobody said why'}"
        return f"{_MAX_ORDERS} orders were not enough" if len(self.sent) >= _MAX_ORDERS else ""

    def _may_trade(self, side: Side, strategy: str | None) -> list[Order]:
        """The orders of `strategy`, or of all, that may still trade on `side`."""
        return [
            order
            for order in self._orders.open_orders(strategy, self.instrument.symbol)
            if order.venue == self.instrument.venue and order.side is side and order.working_quantity
        ]

    def _size(self, quantity: Decimal) -> Decimal:
        """How much may be sent now, on the lot grid; 0 where nothing may."""
        instrument, side = self.instrument, _closing_side(quantity)
        size = abs(quantity) - _working(self._may_trade(side, self.strategy))
        if side is Side.SELL and instrument.type is InstrumentType.SPOT:  # fees may have been taken out of the purchase
            held = self._holdings.balance(instrument.venue, instrument.base_currency)
            size = min(size, held - _working(self._may_trade(side, None)))
        if instrument.max_quantity is not None:
            size = min(size, instrument.max_quantity)
        return instrument.quantize_quantity(max(size, ZERO))

    def _too_small(self, quantity: Decimal) -> str:
        held_up = self._may_trade(_closing_side(quantity), self.strategy)
        if held_up:
            names = ", ".join(f"{order.client_order_id} ({order.state})" for order in held_up)
            return f"{names} may still trade as much: nothing is sent a second time"
        venue, coin = self.instrument.venue, self.instrument.base_currency
        lot, held = plain(self.instrument.lot_size), plain(self._holdings.balance(venue, coin))
        return f"too little to close: the lot is {lot}, and {held} {coin} is held at {venue}"

    def _send(self, quantity: Decimal, size: Decimal) -> None:
        instrument = self.instrument
        net = self._holdings.position(instrument.venue, instrument.symbol)
        request = OrderRequest(
            strategy=self.strategy,
            instrument=instrument,
            side=_closing_side(quantity),
            order_type=OrderType.MARKET,
            quantity=size,
            cause=self._cause,
            # A venue knows the account, not its strategies: it would refuse what makes theirs smaller and its own not.
            reduce_only=instrument.is_margined and net * quantity > 0 and abs(net) >= size,
        )
        self.sent.append(self._orders.submit(request))

    def line(self) -> FlattenLine:
        """What became of it so far."""
        return FlattenLine(
            strategy=self.strategy,
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            before=self._before,
            after=self.quantity,
            orders=tuple(order.client_order_id for order in self.sent),
            problem=self._what_is_left(),
        )

    def _what_is_left(self) -> str:
        if self._is_working:
            last = self.sent[-1]
            return f"{last.client_order_id} is {last.state}: it may still trade, nothing is sent a second time"
        return self._problem or ("there was no time left" if self.quantity else "")


def _closing_side(quantity: Decimal) -> Side:
    return Side.SELL if quantity > 0 else Side.BUY


def _working(orders: Iterable[Order]) -> Decimal:
    return sum((order.working_quantity for order in orders), ZERO)
