"""What working orders add up to, counted one by one: slow, plain, and what the fast sums must equal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.enums import OrderState, Side
from quantai.core.numbers import ZERO
from quantai.instruments import Instrument
from quantai.oms.models import Order
from tests.oms.risk.desk import Desk


def working(desk: Desk) -> list[Order]:
    """Orders that may trade at a venue."""
    return [o for o in desk.cache.open_orders() if o.state is not OrderState.SUSPENDED and not o.is_parent]


def works(order: Order) -> Decimal:
    """How much it may trade, however much it traded."""
    return max(order.working_quantity, ZERO)


def prices(order: Order, desk: Desk) -> list[Decimal]:
    """What the order may trade at: its limit, that of a change, or the quote."""
    if order.price is None and not works(order):
        return []
    if order.price is None:
        tick = desk.market.tick(order.venue, order.symbol)
        assert tick is not None
        return [Decimal(repr(tick.ask_price if order.side is Side.BUY else tick.bid_price))]
    changed = [] if order.change is None or order.change.price is None else [order.change.price]
    return [order.price, *changed]


@dataclass
class Recount:
    """The sums of one strategy, or of all, in one instrument."""

    buys: Decimal
    sells: Decimal
    bids: list[Decimal]
    asks: list[Decimal]
    unknown: int
    open_orders: int
    position: Decimal
    notional: Decimal
    profit: Decimal


def recount(desk: Desk, orders: Sequence[Order], instrument: Instrument, strategy: str | None = None) -> Recount:
    """Count again."""
    key = (instrument.venue, instrument.symbol)
    own = [o for o in orders if (o.venue, o.symbol) == key and strategy in (None, o.strategy)]
    buys = sum((works(o) for o in own if o.side is Side.BUY), ZERO)
    sells = sum((works(o) for o in own if o.side is Side.SELL), ZERO)
    position = desk.books.position(*key, strategy)
    market = desk.market.price(*key)
    assert market is not None
    all_prices = [market, *(price for o in own for price in prices(o, desk))]
    dearest = min(all_prices) if instrument.inverse else max(all_prices)
    held = desk.books.held.items()
    cost = sum((h.cost for (_, *where), h in held if where == list(key) and strategy is None), ZERO)
    profit = instrument.value(position, market) - cost if instrument.is_margined else ZERO
    return Recount(
        buys,
        sells,
        sorted(p for o in own if o.side is Side.BUY and o.price is not None for p in prices(o, desk)),
        sorted(p for o in own if o.side is Side.SELL and o.price is not None for p in prices(o, desk)),
        sum(o.state is OrderState.UNKNOWN for o in own),
        len(own),
        position,
        instrument.notional(max(position + buys, sells - position), dearest),
        profit,
    )


def gross(desk: Desk, orders: Sequence[Order], instruments: Iterable[Instrument]) -> Decimal:
    """Gross exposure in base currency."""
    total = ZERO
    for instrument in instruments:
        notional = recount(desk, orders, instrument).notional
        in_base = desk.books.to_base(notional, instrument.settlement_currency, instrument.venue)
        assert in_base is not None
        total += in_base
    return total
