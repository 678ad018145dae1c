"""The class that strategies are made from. The same strategy runs in simulation, paper and live.

    class Momentum(BaseStrategy):
        quantity: Positive = Decimal("0.01")        # a parameter: set it in YAML or on the command line

        async def on_tick(self, tick: TickEvent) -> None:
            await self.buy(tick.symbol, quantity=self.quantity)

A handler may be `def` or `async def`. A strategy gets just the events it has handlers for, of its own instruments.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from inspect import get_annotations
from typing import Any

from quantai.core.clock import Timer
from quantai.core.component import Component
from quantai.core.enums import Side, TimeInForce
from quantai.core.errors import ConfigError, OrderError
from quantai.core.numbers import Number
from quantai.core.params import parse_duration
from quantai.instruments import Instrument
from quantai.oms.contingent import Bracket, ContingentOrders
from quantai.oms.models import Order, OrderRequest
from quantai.strategy.context import StrategyContext
from quantai.strategy.handlers import Handlers
from quantai.strategy.requests import amendment, make_request, route_request
from quantai.strategy.sight import Sight


class BaseStrategy(Handlers, Sight, Component):
    """Subclass it; annotated public attributes are parameters, `on_...` methods are handlers."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse parameters that would hide what every strategy has, such as `name` or `position`."""
        super().__init_subclass__(**kwargs)
        for name in get_annotations(cls):
            if hasattr(BaseStrategy, name) and not name.startswith("_"):
                raise ConfigError(
                    f"{cls.__name__} cannot have a parameter {name!r}: BaseStrategy.{name} is something else"
                )

    def bind(self, context: StrategyContext) -> None:
        """Called once by the runner, before `on_start`."""
        self._context = context
        self._routed: dict[tuple[str, str | None], Instrument] = {}
        self._logger = logging.getLogger(f"strategy.{context.name}")

    # What a strategy can do

    def buy(
        self,
        symbol: str,
        quantity: Number,
        price: Number | None = None,
        *,
        venue: str | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
        trigger_price: Number | None = None,
        reduce_only: bool = False,
        at_venue: bool = False,
        options: Mapping[str, Number] | None = None,
    ) -> Order:
        """Buy at the market, or at `price` or better. Price and quantity are put on the instrument's grid.

        With a `trigger_price` the order is kept here, `SUSPENDED`, until the market is there or above (for a sell: or
        below); then it is sent. `at_venue` gives it to the venue at once, which watches its own market, also while no
        daemon runs; a simulated venue keeps no stops, so there it is kept here all the same. `reduce_only` lets the
        venue only make a position smaller. `options` are what only this venue knows, by its own names; a simulated one
        heeds none.

        The order is on its way (or denied: see `order.state`) when this returns; `await` is allowed and waits for
        nothing. Raises `OrderError` for an instrument that is not the strategy's, for what its venue does not take, or
        once it is stopped, and `NumberError` for what is no number.
        """
        return self._submit(
            Side.BUY, symbol, quantity, price, venue=venue, time_in_force=time_in_force, trigger_price=trigger_price,
            reduce_only=reduce_only, at_venue=at_venue, options=options,
        )  # fmt: skip

    def sell(
        self,
        symbol: str,
        quantity: Number,
        price: Number | None = None,
        *,
        venue: str | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
        trigger_price: Number | None = None,
        reduce_only: bool = False,
        at_venue: bool = False,
        options: Mapping[str, Number] | None = None,
    ) -> Order:
        """Sell at the market, or at `price` or better; otherwise as `buy`."""
        return self._submit(
            Side.SELL, symbol, quantity, price, venue=venue, time_in_force=time_in_force, trigger_price=trigger_price,
            reduce_only=reduce_only, at_venue=at_venue, options=options,
        )  # fmt: skip

    def submit_all(self, requests: Sequence[OrderRequest]) -> list[Order]:
        """Send several orders at once, in one message where the venue has one; each is made with `request`."""
        return self._context.orders.submit_all(requests)

    def bracket(
        self,
        side: Side | str,
        symbol: str,
        quantity: Number,
        price: Number | None = None,
        *,
        take_profit: Number,
        stop_loss: Number,
        venue: str | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
        reduce_only: bool = False,
    ) -> Bracket:
        """Enter at the market, or at `price` or better, with a limit and a stop to get out, of which one cancels the
        other. Both are for what the entry has filled. `reduce_only` is for the two exits.

        Raises as `buy`, and `OrderError` where the entry's price is not between the two.
        """
        entry = self.request(side, symbol, quantity, price, venue=venue, time_in_force=time_in_force)
        put = entry.instrument.quantize_price
        return self._contingent.bracket(entry, put(take_profit), put(stop_loss), reduce_only=reduce_only)

    def oco(
        self,
        side: Side | str,
        symbol: str,
        quantity: Number,
        *,
        price: Number,
        trigger_price: Number,
        venue: str | None = None,
        reduce_only: bool = False,
    ) -> tuple[Order, Order]:
        """Place a limit at `price` and a stop at `trigger_price`: what one trades, the other trades less.

        Raises as `buy`, and `OrderError` where the two do not stand on either side of the market.
        """
        limit = self.request(side, symbol, quantity, price, venue=venue, reduce_only=reduce_only)
        return self._contingent.oco(limit, limit.instrument.quantize_price(trigger_price))

    def request(
        self,
        side: Side | str,
        symbol: str,
        quantity: Number,
        price: Number | None = None,
        *,
        venue: str | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
        trigger_price: Number | None = None,
        reduce_only: bool = False,
        at_venue: bool = False,
        options: Mapping[str, Number] | None = None,
    ) -> OrderRequest:
        """What `buy` and `sell` send, for `submit_all`. Raises as they do."""
        self._check_running()
        return make_request(
            strategy=self.name, instrument=self.instrument(symbol, venue), side=side, quantity=quantity, price=price,
            time_in_force=time_in_force, trigger_price=trigger_price, reduce_only=reduce_only, cause=self._cause(),
            at_venue=at_venue, options=options,
        )  # fmt: skip

    def amend(self, order: Order, quantity: Number | None = None, price: Number | None = None) -> None:
        """Ask for another total quantity (what has traded included) or another limit; until the venue confirms, the
        order may trade as it was.

        Raises `OrderError` for an order that cannot be amended now, and for the quantity of one that belongs to
        another: that follows by itself.
        """
        self._check_running()
        change = amendment(order, quantity, price)
        self._context.orders.amend(order, *change, self._cause())

    def cancel(self, order: Order) -> None:
        """Ask for an order to be cancelled; what became of it comes as an order event."""
        self._context.orders.cancel(order, self._cause())

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel all open orders of this strategy, or those on `symbol`."""
        self._context.orders.cancel_all(self.name, symbol, self._cause())

    def every(self, interval: str, name: str = "") -> Timer:
        """Call `on_timer` at every whole multiple of `interval` (such as `5s`); cancel the timer to stop."""
        return self._context.set_timer(name or interval, parse_duration(interval))

    def _submit(
        self,
        side: Side,
        symbol: str,
        quantity: Number,
        price: Number | None,
        *,
        venue: str | None,
        time_in_force: TimeInForce | str,
        trigger_price: Number | None,
        reduce_only: bool,
        at_venue: bool,
        options: Mapping[str, Number] | None,
    ) -> Order:
        is_for_any = venue is trigger_price is None and not (at_venue or options)
        if is_for_any and self._is_routed_by_order(symbol):
            self._check_running()
            wish = route_request(
                strategy=self.name,
                symbol=symbol,
                side=side,
                quantity=quantity,
                price=price,
                time_in_force=time_in_force,
                reduce_only=reduce_only,
            )
            return self._context.routing.submit(wish, self._candidates(symbol), self._cause())
        return self._context.orders.submit(
            self.request(
                side, symbol, quantity, price, venue=venue, time_in_force=time_in_force,
                trigger_price=trigger_price, reduce_only=reduce_only, at_venue=at_venue, options=options,
            )
        )  # fmt: skip

    def _is_routed_by_order(self, symbol: str) -> bool:
        """Whether several venues are possible, and which of them depends on the order."""
        if (symbol, None) in self._routed or len(self._candidates(symbol)) < 2:
            return False
        try:
            self.instrument(symbol)
        except OrderError:
            return True
        return False

    @property
    def _contingent(self) -> ContingentOrders:
        contingent = self._context.contingent
        if contingent is None:
            raise OrderError(
                f"{self.name} runs in a daemon that does not execute orders, and brackets and OCO pairs are kept where "
                "that is done: run the strategy there, or place a stop with trigger_price=..."
            )
        return contingent

    def _check_running(self) -> None:
        if self._context.is_stopped():
            raise OrderError(f"{self.name} is stopped and may not trade any more")

    def _cause(self) -> str:
        cause = self._context.cause()
        return cause.reference if cause is not None else ""
