"""What becomes of an order once it is taken: it waits, trades, rests, ends."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.clock import Clock
from quantai.core.numbers import ZERO
from quantai.loopback.engine.accounts import Account
from quantai.loopback.engine.futures import FuturesAccount
from quantai.loopback.engine.listener import Change, Listener
from quantai.loopback.engine.market import Market
from quantai.loopback.engine.matching import Match
from quantai.loopback.engine.orders import Fill, Kind, Order, Status, Tif
from quantai.loopback.engine.refusal import Reason, Refused
from quantai.loopback.engine.tape import Trade


class Execution:
    """Moves orders through their states and tells the listener each step."""

    def __init__(self, clock: Clock, listener: Listener) -> None:
        self._clock = clock
        self._listener = listener

    def hold(self, market: Market, order: Order) -> None:
        """Set aside what an order may cost. Raises `Refused`."""
        account, request = order.account, order.request
        if account is None or (request.trigger is not None and request.kind is Kind.MARKET):
            return  # what a stop at market will cost is known when it wakes up
        is_limit = request.kind is Kind.LIMIT
        cost = order.price * order.remaining if is_limit else market.cost_of(order.side, order.remaining)
        account.hold(order, cost)

    def begin(self, market: Market, order: Order) -> None:
        """An order was taken: tell of it, then let it wait or work."""
        if order.request.trigger is not None:
            order.status = Status.WAITING
            market.stops[order.id] = order
        if order.request.tif is Tif.GTD:
            order.timer = self._clock.call_at(
                order.request.good_till_ns,
                lambda _due: self.close(market, order, Status.EXPIRED, Change.EXPIRED),
            )
        self._tell(order, Change.NEW)
        self._tell_account(order)
        if order.status is not Status.WAITING:
            self._work(market, order)
        self.settle(market)

    def match(self, market: Market, taker: Order, limit: Decimal | None) -> list[Trade]:
        """Trade `taker` as far as possible; what traded, which is still to be printed."""
        run = Match(
            market,
            taker,
            limit,
            self._clock.now_ns(),
            self._filled,
            lambda order, quantity: self._prevented(market, order, quantity),
        )
        run.run()
        return run.trades

    def print_trades(self, market: Market, trades: list[Trade]) -> None:
        """Tell the public."""
        if trades:
            self._listener.traded(market, trades, market.tape.add(trades))

    def force(self, market: Market, order: Order) -> None:
        """A liquidation: the book gives what it has at the order's price or better, the insurance fund the rest at that
        price, which nobody prints.
        """
        self._tell(order, Change.NEW)
        self.print_trades(market, self.match(market, order, order.price))
        if order.remaining > 0:
            fill = Fill(market.tape.next_id(), order.price, order.remaining, False, self._clock.now_ns())
            order.filled += fill.quantity
            order.quote_filled += fill.quote
            self._filled(order, fill)
        self.settle(market)

    def close(self, market: Market, order: Order, status: Status, change: Change) -> None:
        """An open order ends without trading."""
        self._finish(market, order, status, change)
        self.settle(market)

    def shrink(self, market: Market, order: Order, quantity: Decimal) -> None:
        """Less of an order, which keeps its place in the queue. Raises `Refused`."""
        if not order.filled < quantity < order.quantity:
            raise Refused(Reason.AMEND_NOT_SMALLER, f"{quantity} of {order.quantity}")
        order.quantity = quantity
        if market.book.has(order):
            market.book.reduce(order, order.shown - min(order.shown, order.remaining))
        self._hold_again(market, order)
        order.amends += 1
        self._tell(order, Change.AMENDED)
        self._tell_account(order)
        self.settle(market)

    def requeue(self, market: Market, order: Order, quantity: Decimal, price: Decimal) -> None:
        """Another price or quantity, at the end of the queue; it may trade. Raises `Refused`, the order as it was."""
        before = order.quantity, order.price
        is_resting = market.book.remove(order)
        order.quantity, order.price = quantity, price
        try:
            self._hold_again(market, order)
        except Refused:
            order.quantity, order.price = before
            self._hold_again(market, order)
            if is_resting:
                market.book.add(order)
            raise
        order.amends += 1
        self._tell(order, Change.AMENDED)
        if is_resting:
            self._work(market, order)
        self.settle(market)

    def settle(self, market: Market) -> None:
        """After a change: wake the stops whose price has come, and tell of another best bid or ask."""
        while (woken := self._next_stop(market)) is not None:
            self._wake(market, woken)
        top = market.book.top()
        if top != market.quote:
            market.quote = top
            self._listener.quote_changed(market)

    def _next_stop(self, market: Market) -> Order | None:
        for order in market.stops.values():
            trigger = order.request.trigger
            price = market.trigger_price(trigger) if trigger is not None else None
            if trigger is not None and price is not None and trigger.fires(price):
                return order
        return None

    def _wake(self, market: Market, order: Order) -> None:
        del market.stops[order.id]
        order.status = Status.NEW
        order.working_ns = self._clock.now_ns()
        account = order.account
        if account is not None and order.request.closes_position:
            order.quantity = account.reducible(order) or ZERO
        self._tell(order, Change.TRIGGERED)
        try:
            if order.request.kind is Kind.MARKET:
                cost = market.cost_of(order.side, order.remaining)
                if account is not None:
                    account.hold(order, cost)
        except Refused as refused:
            order.reason = str(refused)
            self._finish(market, order, Status.EXPIRED, Change.EXPIRED)
        else:
            self._work(market, order)

    def _work(self, market: Market, order: Order) -> None:
        """Trade what can be traded, then rest or end."""
        request = order.request
        limit = order.price if request.kind is Kind.LIMIT else None
        if request.tif is not Tif.FOK or market.available(order.side, limit) >= order.remaining:
            self.print_trades(market, self.match(market, order, limit))
        if not order.is_open:
            return
        if request.kind is Kind.LIMIT and request.tif in (Tif.GTC, Tif.GTD):
            market.book.add(order)
        else:
            self._finish(market, order, Status.EXPIRED, Change.EXPIRED)

    def _filled(self, order: Order, fill: Fill) -> None:
        account = order.account
        assert account is not None
        fill = account.settle(order, fill)
        order.fills.append(fill)
        order.updated_ns = fill.ts_ns
        order.status = Status.FILLED if order.remaining <= 0 else Status.PARTIALLY_FILLED
        account.fills.append((order, fill))
        if not order.is_open:
            self._end(order)
        self._listener.order_changed(order, Change.TRADE, fill)
        self._tell_account(order)

    def _prevented(self, market: Market, order: Order, quantity: Decimal) -> None:
        order.prevented += quantity
        status = Status.EXPIRED_IN_MATCH if quantity else Status.EXPIRED
        self._finish(market, order, status, Change.PREVENTED if quantity else Change.EXPIRED)

    def _finish(self, market: Market, order: Order, status: Status, change: Change) -> None:
        market.book.remove(order)
        market.stops.pop(order.id, None)
        order.status = status
        self._end(order)
        self._tell(order, change)
        self._tell_account(order)

    def _hold_again(self, market: Market, order: Order) -> None:
        if order.account is not None:
            order.account.release(order)
        self.hold(market, order)

    def _end(self, order: Order) -> None:
        if order.account is not None:
            order.account.closed(order)

    def _tell(self, order: Order, change: Change) -> None:
        if order.account is not None:
            order.updated_ns = self._clock.now_ns()
            self._listener.order_changed(order, change)

    def _tell_account(self, order: Order) -> None:
        account: Account | None = order.account
        is_news = account is not None and (not isinstance(account, FuturesAccount) or order.fills)
        if account is not None and is_news:
            self._listener.account_changed(account, "order", account.assets_of(order), order.symbol)
