"""Checks of the flow of orders: how many, the same again, against each other, and while one is unknown."""

from __future__ import annotations

from collections import defaultdict, deque
from functools import partial
from typing import Annotated

from pydantic import Field

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import Side, TimeInForce
from quantai.core.numbers import plain
from quantai.core.params import PositiveDuration, duration_text
from quantai.oms.models import Order
from quantai.oms.risk.base import Looser, RiskCheck
from quantai.oms.risk.view import RiskView

_Count = Annotated[int, Field(ge=1, le=100_000)]

# Of so many orders `DuplicateOrder` knows when they were sent; of more, the older half is forgotten.
_MAX_REMEMBERED = 10_000

_BUY, _POST_ONLY = Side.BUY, TimeInForce.POST_ONLY


class OrderRate(RiskCheck):
    """No more than so many orders and changes within a sliding window, of a strategy and in all. Only what every check
    let pass counts. A reducing order passes, and counts.
    """

    code = "ORDER_RATE"
    looser = {"per_strategy": Looser.HIGHER, "total": Looser.HIGHER, "window": Looser.LOWER}

    per_strategy: _Count = 10
    """Of one strategy."""
    total: _Count = 50
    """Of all strategies together."""
    window: PositiveDuration = NS_PER_SECOND
    """How long an order counts."""

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._all: deque[int] = deque(maxlen=self.total)
        self._own: defaultdict[str, deque[int]] = defaultdict(partial(deque[int], maxlen=self.per_strategy))

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        now_ns = view.now_ns
        since_ns = now_ns - self.window
        all_ns, own_ns = self._all, self._own[order.strategy]
        while all_ns and not since_ns < all_ns[0] <= now_ns:  # a clock that was set back counts anew
            all_ns.popleft()
        while own_ns and not since_ns < own_ns[0] <= now_ns:
            own_ns.popleft()
        own, total = len(own_ns), len(all_ns)
        view.measure("orders of the strategy in the window", own, self.per_strategy)
        view.measure("orders in the window", total, self.total)
        if view.is_reducing:
            return None
        if own >= self.per_strategy:
            return f"{own} orders of {order.strategy} went out within {self._window}, the limit is {self.per_strategy}"
        if total >= self.total:
            return f"{total} orders went out within {self._window}, the limit is {self.total}"
        return None

    @property
    def _window(self) -> str:
        return duration_text(self.window)

    def on_approved(self, order: Order, view: RiskView) -> None:
        self._all.append(view.now_ns)
        self._own[order.strategy].append(view.now_ns)


_Same = tuple[str, str, str, bool, str, str]


class DuplicateOrder(RiskCheck):
    """Not the same order again (strategy, instrument, side, price, quantity) while the first is open and young.

    Children of one parent are meant to be alike, and pass. So does an exit that only reduces: a stop that was released,
    or a leg of a bracket. Two brackets may be alike, and each has its own position to protect.
    """

    code = "DUPLICATE_ORDER"
    looser = {"window": Looser.LOWER}

    window: Annotated[PositiveDuration, Field(le=60 * NS_PER_SECOND)] = NS_PER_SECOND
    """How young."""

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._newest: dict[_Same, tuple[int, str, str]] = {}
        self._asked: _Same = ("", "", "", False, "", "")
        self.forgotten = 0

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        self._asked = _same(order)
        found = self._newest.get(self._asked)
        if found is None:
            return None
        sent_ns, client_order_id, parent = found
        age_ns = view.now_ns - sent_ns
        is_meant = client_order_id == order.client_order_id or (parent and parent == order.parent_order_id)
        if is_meant or not 0 <= age_ns < self.window or _is_exit(order, view):
            return None
        former = view.orders.get(client_order_id)
        if former is not None and not former.is_open:
            return None
        view.measure("age of the same order in ns", age_ns, self.window)
        price = "the market" if order.price is None else plain(order.price)
        return (
            f"{client_order_id} is the same ({order.side} {plain(order.quantity)} {order.symbol} at {price}), "
            f"sent {duration_text(age_ns)} ago; the limit is {duration_text(self.window)}"
        )

    def on_approved(self, order: Order, view: RiskView) -> None:
        self._newest[self._asked] = (view.now_ns, order.client_order_id, order.parent_order_id)
        if len(self._newest) > _MAX_REMEMBERED:
            self._forget(view.now_ns - self.window)

    def _forget(self, since_ns: int) -> None:
        """Those that are too old to matter; if that is not enough, the older half."""
        young = {same: sent for same, sent in self._newest.items() if sent[0] > since_ns}
        surplus = len(young) - _MAX_REMEMBERED // 2
        if surplus > 0:
            self.forgotten += surplus
            newest = sorted(young.items(), key=lambda item: item[1][0])[surplus:]
            young = dict(newest)
        self._newest = young


def _is_exit(order: Order, view: RiskView) -> bool:
    """Whether this is a stop that goes out, or a leg of a bracket, and only makes the position smaller."""
    return view.is_reducing and (order.trigger_price is not None or order.parent_order_id != "")


def _same(order: Order) -> _Same:
    """Numbers as text, which on one grid is the same for the same number: a new `Decimal` takes long to hash."""
    return order.strategy, order.venue, order.symbol, order.side is _BUY, str(order.price), str(order.quantity)


class SelfTrade(RiskCheck):
    """No order that would trade with one of our own, of any strategy, at the same venue.

    An own order counts until the venue says that it is gone, also while it is being cancelled. A market order is judged
    by the quote. What is post-only would be refused by the venue, so it passes; so does what reduces and is flagged
    reduce-only, or is an exit that was kept here (a stop, a leg of a bracket): getting out is worth more than a fee.
    """

    code = "SELF_TRADE"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        if order.time_in_force is _POST_ONLY or (order.reduce_only and view.is_reducing) or _is_exit(order, view):
            return None
        is_buy = order.side is _BUY
        others = view.exposure.asks if is_buy else view.exposure.bids
        if not others:
            return None
        best = others[0] if is_buy else others[-1]
        price = view.price
        if price is None:
            return f"own orders rest on the other side, up to {plain(best)}, and there is no quote"
        view.measure("price, own orders rest at", price, best)
        if price >= best if is_buy else price <= best:
            return f"would trade at {plain(price)} with an own order that rests at {plain(best)}"
        return None


class UnknownOrder(RiskCheck):
    """No new order on an instrument while nobody knows what became of one there. A reducing order passes: what is not
    known counts as if it could trade.
    """

    code = "UNKNOWN_ORDER"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        unknown = view.exposure.unknown
        view.measure("unknown orders", unknown, 0)
        if not unknown or view.is_reducing:
            return None
        return f"{unknown} orders on {order.symbol} are unknown; their venue is being asked"
