"""The order state machine: one table. States and reports are FIX's (OrdStatus, ExecType).

`next_state` answers for every pair. None means illegal: the order stays as it is, the report is counted and logged. A
trade is legal in every state, because a fill is always booked, whenever it comes.
"""

from __future__ import annotations

from quantai.core.enums import OrderState as S
from quantai.exchanges.base import ExecType

_OPEN = tuple(state for state in S if state.is_open)

_TRANSITIONS: dict[ExecType, dict[S, S]] = {
    ExecType.NEW: {
        S.PENDING_NEW: S.NEW,
        S.UNKNOWN: S.NEW,
        # The acceptance was overtaken by a fill or by our own cancel: it tells the venue's id, nothing else.
        S.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        S.PENDING_CANCEL: S.PENDING_CANCEL,
        S.FILLED: S.FILLED,
    },
    # What has not traded in full stays what it is, but for the states that a trade proves to be over.
    ExecType.TRADE: {state: state for state in S}
    | dict.fromkeys((S.PENDING_NEW, S.NEW, S.UNKNOWN), S.PARTIALLY_FILLED),
    ExecType.CANCELED: dict.fromkeys(_OPEN, S.CANCELED),
    ExecType.EXPIRED: dict.fromkeys(_OPEN, S.EXPIRED),
    ExecType.REJECTED: dict.fromkeys((S.PENDING_NEW, S.PENDING_CANCEL, S.UNKNOWN), S.REJECTED),
    # An order that closed while our cancel was on its way makes the venue refuse the cancel: nothing is wrong.
    ExecType.CANCEL_REJECTED: {
        S.PENDING_CANCEL: S.NEW,
        S.UNKNOWN: S.UNKNOWN,
        S.FILLED: S.FILLED,
        S.CANCELED: S.CANCELED,
        S.REJECTED: S.REJECTED,
        S.EXPIRED: S.EXPIRED,
    },
    # Also of a cancel: an order of which nothing is known can be cancelled again.
    ExecType.UNKNOWN: {state: S.UNKNOWN for state in _OPEN if state is not S.UNKNOWN},
}

CANCELABLE = frozenset(_OPEN) - {S.PENDING_CANCEL}


def next_state(state: S, report: ExecType, *, is_accepted: bool, has_fills: bool, is_complete: bool) -> S | None:
    """The state after `report`; None where it is illegal.

    `is_accepted` says whether the venue accepted the order before, `has_fills` and `is_complete` whether anything, or
    all of it, has traded, this report included.
    """
    target = _TRANSITIONS[report].get(state)
    if target is None or (report is ExecType.NEW and is_accepted and state is not S.UNKNOWN):
        return None
    if report is ExecType.TRADE and is_complete:
        return S.FILLED
    if target is S.NEW and has_fills:
        return S.PARTIALLY_FILLED
    if report is ExecType.CANCEL_REJECTED and target is S.NEW and not is_accepted:
        return S.UNKNOWN  # the cancel was refused, and nothing proves yet that the order arrived
    return target
