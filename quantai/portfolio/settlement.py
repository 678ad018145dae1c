"""What a trade in a margined contract brings into the balance.

The venue's balance changes by the venue's own figure, so that figure is booked wherever the venue tells one: then the
balance here is the venue's to the last digit. A strategy's profit is counted here, at its own average cost. Both differ

- by the venue's rounding;
- where several strategies, or somebody outside, hold the same contract: the venue averages what all of them hold;
- where the venue keeps long and short apart, and here they are netted;
- where fills come late, until they are here.

So the difference is kept with the position, as profit that is realized and not paid, and is a part of equity: equity
stays what was traded, whatever the venue pays earlier or later than it is earned here. In the end the sums meet.
"""

from __future__ import annotations

import logging
from decimal import Decimal

from quantai.core.numbers import plain
from quantai.events import FillEvent
from quantai.portfolio.position import Position

logger = logging.getLogger(__name__)

_MOST_TURNOVERS = 100


def settle(position: Position, fill: FillEvent, realized: Decimal) -> Decimal:
    """What `fill` brings, before its fee, where `realized` is what it realized by what is known here; the difference is
    kept in `position`.

    A figure that lies further from ours than a hundred times what the fill is worth is a mistake of somebody's: average
    prices that far apart are none. Ours is booked then, and the comparison of balances puts right what that gets wrong.
    """
    told = fill.realized_pnl
    if told is None:
        return realized
    most = _MOST_TURNOVERS * position.instrument.notional(fill.quantity, fill.price)
    if not (told.is_finite() and abs(told - realized) <= most):
        logger.error(
            "%s says that fill %s of %s realized %s, which cannot be: %s is booked, as counted here",
            fill.venue, fill.trade_id, fill.client_order_id, told, plain(realized),
        )  # fmt: skip
        return realized
    position.unpaid_pnl += realized - told
    return told
