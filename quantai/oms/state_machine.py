"""The order state machine: one table. States and reports are FIX's (OrdStatus, ExecType).

`next_state` answers for every pair. None means illegal: the order stays as it is, the report is counted and logged. A trade is
legal in every state, because a fill is always booked, whenever it comes.
"""

from __future__ import annotations

from quantai.core.enums import OrderState as S
from quantai.exchanges.base import ExecType

_TRANSITIONS: dict[ExecType, dict[S, S]] = {
    ExecType.NEW: {
        S.PENDING_NEW: S.NEW,
        S.UNKNOWN: S.NEW,
        # The acceptance was overtaken by a fill or by our own cancel: it tells the venue's id, nothing else.
        S.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        S.PENDING_CANCEL: S.PENDING_CANCEL,
        S.FILLED: S.FILLED,
    },
    ExecType.TRADE: {
        S.PENDING_NEW: S.PARTIALLY_FILLED,
        S.NEW: S.PARTIALLY_FILLED,
        S.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        S.UNKNOWN: S.PARTIALLY_FILLED,
        S.PENDING_CANCEL: S.PENDING_CANCEL,
        S.PENDING_REPLACE: S.PENDING_REPLACE,
        S.FILLED: S.FILLED,
        S.CANCELED: S.CANCELED,
        S.REJECTED: S.REJECTED,
        S.EXPIRED: S.EXPIRED,
        S.DENIED: S.DENIED,
    },
    ExecType.CANCELED: dict.fromkeys(
        (S.PENDING_NEW, S.NEW, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE, S.UNKNOWN), S.CANCELED
    ),
    ExecType.EXPIRED: dict.fromkeys(
        (S.PENDING_NEW, S.NEW, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE, S.UNKNOWN), S.EXPIRED
    ),
    ExecType.REJECTED: dict.fromkeys((S.PENDING_NEW, S.PENDING_CANCEL, S.UNKNOWN), S.REJECTED),
    # An order that closed while our cancel was on its way makes the venue refuse the cancel: nothing changes, nothing is wrong.
    ExecType.CANCEL_REJECTED: {
        S.PENDING_CANCEL: S.NEW,
        S.FILLED: S.FILLED,
        S.CANCELED: S.CANCELED,
        S.REJECTED: S.REJECTED,
        S.EXPIRED: S.EXPIRED,
    },
    ExecType.UNKNOWN: {S.PENDING_NEW: S.UNKNOWN, S.PENDING_CANCEL: S.PENDING_CANCEL},
}

CANCELABLE = frozenset({S.PENDING_NEW, S.NEW, S.PARTIALLY_FILLED, S.PENDING_REPLACE, S.UNKNOWN})


def next_state(state: S, report: ExecType, *, has_fills: bool, is_complete: bool) -> S | None:
    """The state after `report`; None where it is illegal.

    `has_fills` and `is_complete` say whether anything, or all of the order, has traded, this report included.
    """
    target = _TRANSITIONS[report].get(state)
    if target is None:
        return None
    if report is ExecType.TRADE and is_complete:
        return S.FILLED
    if target is S.NEW and has_fills:
        return S.PARTIALLY_FILLED
    return target
