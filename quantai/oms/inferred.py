"""Fills that were inferred, and what is known of them since. All of it is in trade ids, which every journal keeps.

A venue may say that an order has traded, and list no fill for it: then that quantity is booked as one fill. A fill that
it tells later, and that its word was about already, confirms that quantity: the position is right, and stays as it is.
Price and fee of it are known only now; the comparison of balances puts the cash right, before or after.
"""

from __future__ import annotations

import re
from decimal import Decimal

from quantai.core.numbers import ZERO, plain
from quantai.exchanges.execution import ExecutionReport
from quantai.oms.models import INFERRED, Order
from quantai.oms.soundness import is_sound

_NUMBER = r"(\d+(?:\.\d+)?)"
_INFERRED = re.compile(rf"{INFERRED}{_NUMBER}-{_NUMBER}-(\d+)-.*", re.DOTALL)
_CONFIRMS = re.compile(rf"confirms-{_NUMBER}-(.*)", re.DOTALL)


def inferred_id(quantity: Decimal, filled: Decimal, ts_ns: int, name: str) -> str:
    """The trade id of `quantity` that was inferred of the order `name`, when the venue said at `ts_ns`, by its clock,
    that `filled` had traded: the same word has the same id.
    """
    return f"{INFERRED}{plain(quantity)}-{plain(filled)}-{ts_ns}-{name}"


def confirming_id(quantity: Decimal, trade_id: str) -> str:
    """What the fill `trade_id` is kept as, of which `quantity` was inferred before."""
    return f"confirms-{plain(quantity)}-{trade_id}"


def confirmed_trades(order: Order) -> set[str]:
    """The venue's ids of the fills that were inferred before they were told."""
    return {found[2] for found in map(_CONFIRMS.fullmatch, order.trade_ids) if found}


def confirmed_by(order: Order, report: ExecutionReport) -> Decimal:
    """How much of a fill was inferred before: nothing of one that came to be after the venue's word, as its cumulative
    quantity says, or its time where it has none; and nothing of one that is inferred itself.
    """
    if not report.trade_id or report.trade_id.startswith(INFERRED):
        return ZERO
    left, known, known_ns = ZERO, ZERO, 0
    for trade_id in order.trade_ids:
        if found := _INFERRED.fullmatch(trade_id):
            left += Decimal(found[1])
            known, known_ns = max(known, Decimal(found[2])), max(known_ns, int(found[3]))
        elif found := _CONFIRMS.fullmatch(trade_id):
            left -= Decimal(found[1])
    filled = report.filled_quantity
    is_before = filled <= known if filled is not None and is_sound(filled) else report.ts_event <= known_ns
    return min(report.quantity, max(left, ZERO)) if is_before else ZERO
