"""One taker against the book, by price and time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.loopback.engine.market import Market
from quantai.loopback.engine.orders import Fill, Order, SelfTrade
from quantai.loopback.engine.tape import Trade

OnFill = Callable[[Order, Fill], None]
OnPrevented = Callable[[Order, Decimal], None]


class Match:
    """Trades `taker` with what rests at `limit` or better (None: at any price).

    `on_fill` is told of each side of each trade that belongs to an account, the maker first, `on_prevented` of orders
    that expire rather than trade with their own account. `trades` is what traded.
    """

    def __init__(
        self,
        market: Market,
        taker: Order,
        limit: Decimal | None,
        now_ns: int,
        on_fill: OnFill,
        on_prevented: OnPrevented,
    ) -> None:
        self._market = market
        self._taker = taker
        self._limit = limit
        self._now_ns = now_ns
        self._on_fill = on_fill
        self._on_prevented = on_prevented
        self.trades: list[Trade] = []

    def run(self) -> None:
        """Trade as far as possible."""
        taker, book = self._taker, self._market.book
        while taker.remaining > 0 and taker.is_open and (best := book.best(taker.side.opposite)) is not None:
            price, level = best
            if self._limit is not None and (price - self._limit) * taker.side.sign > 0:
                return
            maker = level.first()
            if self._is_prevented(maker):
                continue
            quantity = min(taker.remaining, maker.shown, _most(taker), _most(maker))
            if quantity > 0:
                self._trade(maker, price, quantity)
            elif _most(maker) <= 0:
                self._on_prevented(maker, ZERO)  # a reduce-only order with nothing left to reduce
            else:
                return

    def _is_prevented(self, maker: Order) -> bool:
        taker = self._taker
        mode = taker.request.self_trade
        if taker.account is None or maker.account is not taker.account or mode is SelfTrade.ALLOWED:
            return False
        quantity = min(taker.remaining, maker.remaining)
        if mode in (SelfTrade.EXPIRE_MAKER, SelfTrade.EXPIRE_BOTH):
            self._on_prevented(maker, quantity)
        if mode in (SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH):
            self._on_prevented(taker, quantity)
        return True

    def _trade(self, maker: Order, price: Decimal, quantity: Decimal) -> None:
        taker, now_ns = self._taker, self._now_ns
        trade_id = self._market.tape.next_id()
        buyer, seller = (taker, maker) if taker.side is Side.BUY else (maker, taker)
        self.trades.append(Trade(trade_id, price, quantity, buyer is maker, now_ns, buyer.id, seller.id))
        for order in (maker, taker):
            order.filled += quantity
            order.quote_filled += price * quantity
        self._market.book.reduce(maker, quantity)
        for order in (maker, taker):
            if order.account is not None:
                self._on_fill(order, Fill(trade_id, price, quantity, order is maker, now_ns))


def _most(order: Order) -> Decimal:
    most = order.account.reducible(order) if order.account is not None else None
    return order.remaining if most is None else most
