"""The commands of the engine: place, cancel, amend, and what the market itself does."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import count

from quantai.core.clock import Clock, Timer
from quantai.core.enums import Side
from quantai.core.identifiers import base36
from quantai.core.numbers import ZERO
from quantai.loopback.engine.accounts import Account
from quantai.loopback.engine.execution import Execution
from quantai.loopback.engine.futures import FuturesAccount
from quantai.loopback.engine.liquidation import Liquidation, Liquidator
from quantai.loopback.engine.listener import Change, Listener
from quantai.loopback.engine.market import Market
from quantai.loopback.engine.orders import Kind, Order, OrderRequest, Status, Tif
from quantai.loopback.engine.refusal import Reason, Refused
from quantai.loopback.engine.rules import MarketRules
from quantai.loopback.engine.tape import Trade


class Engine:
    """Markets and accounts. Every command is done when it returns; the listener was told by then.

    `refuses_next` orders are refused, for tests of what follows.
    """

    def __init__(self, clock: Clock, rules: Iterable[MarketRules], listener: Listener) -> None:
        self.clock = clock
        self.markets = {of_market.symbol: Market(of_market) for of_market in rules}
        self.accounts: dict[str, Account] = {}
        self.refuses_next = 0
        self._listener = listener
        self._execution = Execution(clock, listener)
        self._ids = count(1)
        self._countdowns: dict[tuple[str, str], Timer] = {}
        self._liquidator = Liquidator(self.markets, self._execution, self.draft, listener)

    def mark_price(self, symbol: str) -> Decimal | None:
        """What positions are valued at."""
        return self.markets[symbol].reference

    def market(self, symbol: str) -> Market:
        """The market. Raises `Refused` where there is none."""
        market = self.markets.get(symbol)
        if market is None:
            raise Refused(Reason.BAD_SYMBOL, symbol)
        return market

    def check(self, account: Account, request: OrderRequest) -> None:
        """Raise `Refused` where `request` would not be taken."""
        market = self.market(request.symbol)
        if self.refuses_next > 0:
            self.refuses_next -= 1
            raise Refused(Reason.BUSY)
        if not market.is_open:
            raise Refused(Reason.CLOSED, request.symbol)
        market.rules.check(request, market.reference)
        self._check_room(account, market, request)
        if request.client_id and account.open_with(request.symbol, request.client_id) is not None:
            raise Refused(Reason.DUPLICATE, request.client_id)
        if request.trigger is not None:
            price = market.trigger_price(request.trigger)
            if request.trigger.trail is None and price is not None and request.trigger.fires(price):
                raise Refused(Reason.WOULD_TRIGGER, f"{request.trigger.price}")
        else:
            self._check_market(market, request)

    def place(self, account: Account, request: OrderRequest) -> Order:
        """Take an order; it may have traded already when this returns. Raises `Refused`."""
        self.check(account, request)
        market = self.markets[request.symbol]
        order = self.draft(account, request)
        order.client_id = order.client_id or f"loop{base36(order.id)}"
        self._size(market, order)
        if order.account is not None and order.account.reducible(order) == ZERO and request.trigger is None:
            raise Refused(Reason.REDUCE_ONLY, f"{order.quantity}")
        self._execution.hold(market, order)
        account.opened(order)
        self._execution.begin(market, order)
        return order

    def draft(self, account: Account | None, request: OrderRequest) -> Order:
        """An order with an id of its own, which nobody knows yet."""
        now_ns = self.clock.now_ns()
        order = Order(next(self._ids), account, request, request.quantity, request.price, now_ns, request.client_id)
        order.updated_ns = now_ns
        order.working_ns = 0 if request.trigger is not None else now_ns
        return order

    def find(self, account: Account, symbol: str, order_id: int | None, client_id: str) -> Order | None:
        """An order by its id, else the newest by its client id."""
        order = account.orders.get(order_id) if order_id is not None else account.last_with(symbol, client_id)
        return order if order is not None and order.symbol == symbol else None

    def cancel(self, order: Order, cancel_id: str = "") -> None:
        """Cancel an open order. Raises `Refused` where it is not open."""
        if not order.is_open:
            raise Refused(Reason.UNKNOWN_TO_CANCEL, f"{order.id}")
        order.cancel_id = cancel_id or f"cancel{base36(next(self._ids))}"
        self._execution.close(self.markets[order.symbol], order, Status.CANCELED, Change.CANCELED)

    def cancel_all(self, account: Account, symbol: str, *, waiting: bool | None = None) -> list[Order]:
        """Cancel the open orders of one market (with `waiting` only stops that wait, or only the others); which."""
        orders = [
            order
            for order in account.open_orders.get(symbol, {}).values()
            if waiting is None or waiting == (order.status is Status.WAITING)
        ]
        for order in orders:
            self.cancel(order)
        return orders

    def amend(
        self, order: Order, quantity: Decimal, price: Decimal | None, *, keeps_place: bool, client_id: str = ""
    ) -> None:
        """Change an open limit order. With `keeps_place` only its quantity, downwards; else it queues anew, and may
        trade. A quantity not above what was filled cancels it. It goes on under `client_id`, if given.

        Raises `Refused`.
        """
        market = self.market(order.symbol)
        if not order.is_open or order.request.kind is not Kind.LIMIT:
            raise Refused(Reason.UNKNOWN_TO_AMEND, f"{order.id}")
        if quantity == order.quantity and price in (None, order.price):
            raise Refused(Reason.NOTHING_CHANGES)
        if order.amends >= market.rules.max_amends:
            raise Refused(Reason.TOO_MANY_AMENDS, f"{order.amends}")
        market.rules.check_quantity(quantity, Kind.LIMIT)
        if price is not None:
            market.rules.check_price(price, market.reference)
        if client_id and client_id != order.client_id and order.account is not None:
            if order.account.open_with(order.symbol, client_id) is not None:
                raise Refused(Reason.DUPLICATE, client_id)
            if not order.filled < quantity < order.quantity:
                raise Refused(Reason.AMEND_NOT_SMALLER, f"{quantity}")
            order.account.rename(order, client_id)
        if quantity <= order.filled and not keeps_place:
            self.cancel(order)
        elif keeps_place:
            self._execution.shrink(market, order, quantity)
        else:
            self._execution.requeue(market, order, quantity, order.price if price is None else price)

    def count_down(self, account: Account, symbol: str, delay_ns: int) -> None:
        """Cancel what works in `symbol` after `delay_ns`, unless told again before; 0 stops the countdown."""
        self.market(symbol)
        running = self._countdowns.pop((account.name, symbol), None)
        if running is not None:
            running.cancel()
        if delay_ns > 0:
            timer = self.clock.call_later(delay_ns, lambda _due: self._count_down_ended(account, symbol))
            self._countdowns[account.name, symbol] = timer

    def take(self, market: Market, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Somebody out there takes up to `quantity` at `price` or better; what is not in the book trades elsewhere at
        `price`, and is printed all the same.
        """
        request = OrderRequest(symbol=market.symbol, side=side, kind=Kind.LIMIT, quantity=quantity, price=price)
        taker = self.draft(None, request)
        trades = self._execution.match(market, taker, price)
        if taker.remaining > 0:
            now_ns, is_sell = self.clock.now_ns(), side is Side.SELL
            trades.append(Trade(market.tape.next_id(), price, taker.remaining, is_sell, now_ns, 0, taker.id))
        self._execution.print_trades(market, trades)

    def rest(self, market: Market, side: Side, price: Decimal, quantity: Decimal) -> Order:
        """Somebody out there quotes; what it crosses of accounts' orders trades at once."""
        request = OrderRequest(symbol=market.symbol, side=side, kind=Kind.LIMIT, quantity=quantity, price=price)
        order = self.draft(None, request)
        if market.is_crossing(side, price):
            self._execution.print_trades(market, self._execution.match(market, order, price))
        if order.remaining > 0:
            market.book.add(order)
        return order

    def settle_quote(self, market: Market) -> None:
        """Tell of a new best bid or ask, and look at the stops; after anything that changed the book."""
        self._execution.settle(market)

    def set_mark(self, market: Market, mark: Decimal, index: Decimal | None) -> None:
        """A new mark price; accounts whose margin it takes away are liquidated."""
        market.mark, market.index = mark, index or mark
        self._listener.mark_changed(market)
        self._execution.settle(market)
        self._liquidate(market)

    def set_open(self, market: Market, is_open: bool) -> None:
        """Take orders, or no more."""
        if market.is_open is not is_open:
            market.is_open = is_open
            self._listener.status_changed(market)

    def liquidate_stranger(self, market: Market, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Somebody out there was liquidated; what traded for it is told by `take`."""
        now_ns = self.clock.now_ns()
        self._listener.liquidated(market, Liquidation(side, quantity, price, price, quantity, now_ns))

    def open_interest(self, market: Market) -> Decimal:
        """What everybody holds of a contract."""
        held = (
            abs(position.amount)
            for account in self.accounts.values()
            if isinstance(account, FuturesAccount)
            for position in account.positions.values()
            if position.symbol == market.symbol
        )
        return sum(held, market.open_interest)

    def pay_funding(self, market: Market) -> None:
        """Longs pay shorts (or the other way) at the market's funding rate."""
        for account in self.accounts.values():
            if (
                isinstance(account, FuturesAccount)
                and account.pay_funding(market.symbol, market.funding_rate) is not None
            ):
                asset = market.rules.instrument.settlement_currency
                self._listener.account_changed(account, "funding", (asset,), market.symbol)
        self._liquidate(market)

    def deposit(self, account: Account, asset: str, amount: Decimal) -> None:
        """Money comes in from outside, or leaves where negative."""
        account.deposit(asset, amount)
        self._listener.deposited(account, asset, amount)
        self._listener.account_changed(account, "deposit", (asset,))

    def _liquidate(self, market: Market) -> None:
        for account in list(self.accounts.values()):
            if isinstance(account, FuturesAccount):
                self._liquidator.look(account, market.rules.instrument.settlement_currency)

    def _check_room(self, account: Account, market: Market, request: OrderRequest) -> None:
        orders = account.open_orders[request.symbol]
        if len(orders) >= market.rules.max_orders:
            raise Refused(Reason.TOO_MANY_ORDERS, f"{len(orders)}")
        stops = sum(1 for order in orders.values() if order.status is Status.WAITING)
        if request.trigger is not None and stops >= market.rules.max_stops:
            raise Refused(Reason.TOO_MANY_STOPS, f"{stops}")

    def _check_market(self, market: Market, request: OrderRequest) -> None:
        if request.is_post_only and market.is_crossing(request.side, request.price):
            raise Refused(Reason.WOULD_TAKE, f"{request.price}")
        is_whole = request.tif is Tif.FOK and request.tags.get("refuses_fok")
        if is_whole and market.available(request.side, request.price) < request.quantity:
            raise Refused(Reason.UNFILLABLE, f"{request.quantity}")

    def _size(self, market: Market, order: Order) -> None:
        """Give an order by value, or one that closes a position, its quantity."""
        request = order.request
        if request.quote_quantity:
            order.quantity = market.quantity_for(request.side, request.quote_quantity)
            market.rules.check_quantity(order.quantity, Kind.MARKET)
        elif request.closes_position and order.account is not None and request.trigger is None:
            order.quantity = order.account.reducible(order) or ZERO

    def _count_down_ended(self, account: Account, symbol: str) -> None:
        self._countdowns.pop((account.name, symbol), None)
        self.cancel_all(account, symbol, waiting=False)
