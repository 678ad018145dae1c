"""What a strategy can see: itself, its orders, its positions and the market."""

from __future__ import annotations

import logging
from decimal import Decimal

from quantai.core.errors import OrderError
from quantai.core.numbers import ZERO, Number
from quantai.events import TickEvent
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.strategy.context import StrategyContext


class Sight:
    """The part of a strategy that only looks."""

    _context: StrategyContext
    _logger: logging.Logger
    _routed: dict[tuple[str, str | None], Instrument]

    @property
    def name(self) -> str:
        """The name the strategy has in the configuration."""
        return self._context.name

    @property
    def logger(self) -> logging.Logger:
        """Logs under the strategy's name."""
        return self._logger

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """What the strategy may see and trade, in the order of the configuration."""
        return self._context.instruments

    @property
    def open_orders(self) -> list[Order]:
        """The strategy's orders that may still trade, oldest first."""
        return self._context.orders.open_orders(self.name)

    def order(self, client_order_id: str) -> Order | None:
        """The strategy's order of that id, open or closed; None where it has none, as far back as memory goes."""
        order = self._context.orders.find(client_order_id)
        return order if order is not None and order.strategy == self.name else None

    def now_ns(self) -> int:
        """The time, nanoseconds UTC; simulated in a simulation."""
        return self._context.clock.now_ns()

    def position(self, symbol: str, venue: str | None = None) -> Decimal:
        """The strategy's own signed position in base currency or contracts; summed over venues where none is named."""
        own = self._context.portfolio.position
        if venue is not None:
            return own(venue, symbol, self.name)
        return sum((own(each.venue, symbol, self.name) for each in self.instruments if each.symbol == symbol), ZERO)

    def balance(self, venue: str, currency: str) -> Decimal:
        """What the account at `venue` holds; all strategies share it."""
        return self._context.portfolio.balance(venue, currency)

    def tick(self, symbol: str, venue: str | None = None) -> TickEvent | None:
        """The newest best bid and ask, None before the first."""
        return self._context.market.tick(self.instrument(symbol, venue).venue, symbol)

    def instrument(self, symbol: str, venue: str | None = None) -> Instrument:
        """The instrument an order on `symbol` would go to. Raises `OrderError` where that cannot be told."""
        routed = self._routed.get((symbol, venue))
        if routed is None:
            candidates = self._candidates(symbol, venue)
            routed = self._routed[symbol, venue] = self._context.routing.instrument(self.name, symbol, candidates)
        return routed

    def is_tradable(self, symbol: str, quantity: Number, price: Number | None = None, venue: str | None = None) -> bool:
        """Whether `quantity`, bought or sold (its sign does not matter), is not too small to be sent: on the lot grid,
        and at least the venue's minima at `price`, or at what the instrument is worth now. False while that is unknown.

        Where the order decides which venue it goes to, one that takes it is enough. Raises `OrderError` for an
        instrument that is not the strategy's, `NumberError` for what is no number.
        """
        try:
            possible = [self.instrument(symbol, venue)]
        except OrderError:
            possible = self._candidates(symbol, venue)
            if not possible:
                raise
        return any(self._is_enough(each, quantity, price) for each in possible)

    def _is_enough(self, instrument: Instrument, quantity: Number, price: Number | None) -> bool:
        size = abs(instrument.quantize_quantity(quantity))
        if price is None:
            worth = self._context.market.price(instrument.venue, instrument.symbol)
        else:
            worth = instrument.quantize_price(price)
        if not size or size < instrument.min_quantity or not worth:
            return False
        return instrument.notional(size, worth) >= instrument.min_notional

    def _candidates(self, symbol: str, venue: str | None = None) -> list[Instrument]:
        return [each for each in self.instruments if each.symbol == symbol and venue in (None, each.venue)]
