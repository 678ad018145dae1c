"""What an order would meet at a venue, step by step, and what each step costs. Market data: floats, for scores only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from quantai.events.base import Level

BPS = 1e-4

# Beyond what is visible the book is assumed to go on for so many times its visible size before it ends.
_ASSUMED_RUNGS = 20


class Rates(NamedTuple):
    """What trading at a venue costs besides its prices, as fractions of notional. `overhead` is everything but fees."""

    taker: float
    maker: float
    overhead: float


class Rung(NamedTuple):
    """`size` that may be had at `price`; `cost` is what a unit of it costs (a sale: less what it brings), everything
    included. Those of a later `stage` are only tried when those before are used up.
    """

    stage: int
    cost: float
    size: float
    price: float
    slippage: float = 0.0
    """How much of the price is assumed, not seen."""
    fee: float = 0.0
    queue: float = 0.0


def taking(levels: Sequence[Level], sign: int, quantity: float, rates: Rates, slippage: float) -> list[Rung]:
    """The rungs of an order that takes what there is: `levels`, then what is assumed behind them, each further visible
    size `slippage` (a fraction) worse. The last rung holds anything.
    """
    rungs: list[Rung] = []
    charge = rates.taker + rates.overhead
    visible = 0.0
    for price, size in levels:
        rungs.append(Rung(0, sign * price + price * charge, size, price, 0.0, rates.taker))
        visible += size
        if visible >= quantity:
            break
    last = rungs[-1].price
    left, step = quantity - visible, 1

    def assumed(size: float) -> Rung:
        worse = last * slippage * step
        price = last + sign * worse
        return Rung(0, sign * price + price * charge, size, price, worse, rates.taker)

    while left > visible and step < _ASSUMED_RUNGS:
        rungs.append(assumed(visible))
        left -= visible
        step += 1
    return [*rungs, assumed(math.inf)]


def limited(levels: Sequence[Level], sign: int, limit: float, rates: Rates) -> list[Rung]:
    """The rungs of what a limit order takes at once, at its limit or better."""
    charge = rates.taker + rates.overhead
    return [
        Rung(0, sign * price + price * charge, size, price, 0.0, rates.taker)
        for price, size in levels
        if sign * price <= sign * limit
    ]


def resting(sign: int, limit: float, fee: float, overhead: float, queue: float) -> Rung:
    """The rung of what does not trade at once: it holds anything, at the limit."""
    return Rung(1, sign * limit + limit * (fee + overhead + queue), math.inf, limit, 0.0, fee, queue)


def parts_of(
    rungs: Sequence[Rung], quantity: float, sign: int, best: float, overheads: dict[str, float]
) -> dict[str, float]:
    """What `quantity` costs on these rungs, by kind, in basis points of the `best` price there is anywhere."""
    value = slippage = fees = queue = 0.0
    left = quantity
    for rung in rungs:
        size = min(left, rung.size)
        traded = size * rung.price
        value += traded
        slippage += size * rung.slippage
        fees += traded * rung.fee
        queue += traded * rung.queue
        left -= size
    unit = quantity * best * BPS
    parts = {
        "price": (sign * (value - quantity * best) - slippage) / unit,
        "slippage": slippage / unit,
        "fee": fees / unit,
        "queue": queue / unit,
    }
    for name, rate in overheads.items():
        parts[name] = rate * value / unit
    return parts
