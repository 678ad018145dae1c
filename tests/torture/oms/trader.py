"""A strategy that does anything, at random."""

from __future__ import annotations

import random
from decimal import Decimal

from msgspec.structs import replace

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.instruments import Instrument
from quantai.oms.contingent import ContingentOrders
from quantai.oms.models import Order, OrderRequest
from quantai.oms.order_manager import OrderManager
from quantai.oms.parents import RoutedOrders
from quantai.oms.routing import RouteRequest
from tests.torture.oms.exchange import Exchange

STRATEGIES = ("one", "two")
_RESTING = (TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.POST_ONLY, TimeInForce.IOC, TimeInForce.FOK)


class Trader:
    """Acts on one daemon's orders, knowing what the market is."""

    def __init__(
        self,
        orders: OrderManager,
        contingent: ContingentOrders,
        routed: RoutedOrders,
        exchanges: list[Exchange],
        dice: random.Random,
        *,
        has_families: bool,
    ) -> None:
        """`has_families` says whether there are orders with children: brackets, OCO pairs, routed ones."""
        self._orders = orders
        self._contingent = contingent
        self._routed = routed
        self._exchanges = exchanges
        self._dice = dice
        self._has_families = has_families
        self.refused = 0

    def act(self) -> None:
        """Do one thing."""
        strategy = self._dice.choice(STRATEGIES)
        own = self._orders.open_orders(strategy)
        act = self._dice.choices(
            (self._submit, self._batch, self._stop, self._amend, self._cancel, self._cancel_all, self._route,
             self._bracket),
            (35, 5, 5, 20, 18, 1, 8 * self._has_families, 8 * self._has_families),
        )[0]  # fmt: skip
        try:
            act(strategy, own)
        except OrderError:
            self.refused += 1

    def _submit(self, strategy: str, own: list[Order]) -> None:
        self._orders.submit(self._request(strategy))

    def _batch(self, strategy: str, own: list[Order]) -> None:
        self._orders.submit_all([self._request(strategy) for _ in range(self._dice.randint(2, 4))])

    def _route(self, strategy: str, own: list[Order]) -> None:
        """An order that may go to any venue that lists the instrument, or to several."""
        request = self._request(strategy)
        symbol = request.instrument.symbol
        listed = [each.instruments[symbol] for each in self._exchanges if symbol in each.instruments]
        asked = RouteRequest(
            strategy, symbol, request.side, request.order_type, request.quantity, request.price, request.time_in_force
        )
        self._routed.submit(asked, listed)

    def _stop(self, strategy: str, own: list[Order]) -> None:
        """A few ticks beyond the market, which comes there soon."""
        request = self._request(strategy)
        trigger = self._beyond(request, self._dice.randint(1, 15))
        order_type = OrderType.STOP if request.price is None else OrderType.STOP_LIMIT
        self._orders.submit(replace(request, order_type=order_type, trigger_price=trigger))

    def _bracket(self, strategy: str, own: list[Order]) -> None:
        request = self._request(strategy)
        if self._dice.random() < 0.3 and request.price is not None:
            self._contingent.oco(request, self._beyond(request, self._dice.randint(1, 15)))
        else:
            profit = self._beyond(request, self._dice.randint(3, 20))
            self._contingent.bracket(request, profit, self._beyond(request, -self._dice.randint(3, 20)))

    def _beyond(self, request: OrderRequest, ticks: int) -> Decimal:
        """A price so many ticks worse for the order than the market."""
        exchange = self._exchange(request.instrument)
        market = exchange.price(request.instrument.symbol, request.side)
        return market + request.instrument.tick_size * ticks * request.side.sign

    def _exchange(self, instrument: Instrument) -> Exchange:
        return next(each for each in self._exchanges if each.name == instrument.venue)

    def _amend(self, strategy: str, own: list[Order]) -> None:
        limits = [order for order in own if order.price is not None and not order.parent_order_id]
        if not limits:
            self._submit(strategy, own)
            return
        order = self._dice.choice(limits)
        exchange = self._exchange(order.instrument)
        quantity = self._lots(order.instrument) if self._dice.random() < 0.6 else None
        price = self._price(exchange, order.instrument, order.side) if self._dice.random() < 0.6 else None
        self._orders.amend(order, quantity, price)

    def _cancel(self, strategy: str, own: list[Order]) -> None:
        if own:
            self._orders.cancel(self._dice.choice(own))

    def _cancel_all(self, strategy: str, own: list[Order]) -> None:
        self._orders.cancel_all(strategy)

    def _request(self, strategy: str) -> OrderRequest:
        dice = self._dice
        exchange = dice.choice(self._exchanges)
        instrument = dice.choice(list(exchange.instruments.values()))
        side = dice.choice((Side.BUY, Side.SELL))
        price = None if dice.random() < 0.25 else self._price(exchange, instrument, side)
        return OrderRequest(
            strategy, instrument, side, OrderType.MARKET if price is None else OrderType.LIMIT,
            self._lots(instrument), price, TimeInForce.GTC if price is None else dice.choice(_RESTING),
            reduce_only=instrument.is_margined and dice.random() < 0.1,
        )  # fmt: skip

    def _lots(self, instrument: Instrument) -> Decimal:
        return instrument.lot_size * self._dice.randint(1, 1_500)

    def _price(self, exchange: Exchange, instrument: Instrument, side: Side) -> Decimal:
        """Near the market: mostly it rests, sometimes it takes."""
        away = self._dice.randint(-3, 12)
        return exchange.price(instrument.symbol, side) - instrument.tick_size * away * side.sign
