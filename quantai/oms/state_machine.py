"""The order state machine: one table. States and reports are FIX's (OrdStatus, ExecType).

`next_state` answers for every pair. None means illegal: the order stays as it is, the report is counted and logged. A
trade is legal in every state, because a fill is always booked, whenever it comes.
"""

from __future__ import annotations

from quantai.core.enums import OrderState as S
from quantai.exchanges.execution import ExecType

_OPEN = tuple(state for state in S if state.is_open)
_AT_VENUE = tuple(state for state in _OPEN if state is not S.SUSPENDED)
_ENDED = (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED)


def _stays(*states: S) -> dict[S, S]:
    return {state: state for state in states}


_TRANSITIONS: dict[ExecType, dict[S, S]] = {
    # An acceptance that was overtaken by a fill, a command of ours or the end tells the venue's id, nothing else.
    ExecType.NEW: _stays(S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE, S.FILLED, S.CANCELED, S.EXPIRED)
    | dict.fromkeys((S.PENDING_NEW, S.UNKNOWN), S.NEW),
    # What has not traded in full stays what it is, but for the states that a trade proves to be over.
    ExecType.TRADE: _stays(*S) | dict.fromkeys((S.PENDING_NEW, S.NEW, S.UNKNOWN), S.PARTIALLY_FILLED),
    ExecType.CANCELED: dict.fromkeys(_OPEN, S.CANCELED),
    ExecType.EXPIRED: dict.fromkeys(_OPEN, S.EXPIRED),
    ExecType.REJECTED: dict.fromkeys((S.PENDING_NEW, S.PENDING_CANCEL, S.UNKNOWN), S.REJECTED),
    # Also unasked: venues reduce orders by themselves, to prevent self-trades say.
    # One that was overtaken by the end tells what the order was then.
    ExecType.REPLACED: _stays(S.PENDING_CANCEL, S.SUSPENDED, S.CANCELED, S.EXPIRED)
    | dict.fromkeys((S.PENDING_REPLACE, S.NEW, S.PARTIALLY_FILLED, S.UNKNOWN), S.NEW),
    # An order that closed while our command was on its way makes the venue refuse the command: nothing is wrong.
    ExecType.CANCEL_REJECTED: _stays(S.UNKNOWN, *_ENDED) | {S.PENDING_CANCEL: S.NEW},
    ExecType.REPLACE_REJECTED: _stays(S.UNKNOWN, S.PENDING_CANCEL, *_ENDED) | {S.PENDING_REPLACE: S.NEW},
    # Of a cancel or a change without an answer nothing is known either: it stays pending, and is asked for.
    ExecType.UNKNOWN: _stays(S.PENDING_CANCEL, S.PENDING_REPLACE)
    | dict.fromkeys((S.PENDING_NEW, S.NEW, S.PARTIALLY_FILLED), S.UNKNOWN),
    ExecType.PENDING_CANCEL: {state: S.PENDING_CANCEL for state in _AT_VENUE if state is not S.PENDING_CANCEL},
    ExecType.PENDING_REPLACE: dict.fromkeys((S.NEW, S.PARTIALLY_FILLED), S.PENDING_REPLACE),
    ExecType.TRIGGERED: {S.SUSPENDED: S.PENDING_NEW},
    ExecType.DENIED: dict.fromkeys((S.PENDING_NEW, S.SUSPENDED), S.DENIED),
}

CANCELABLE = frozenset(_OPEN) - {S.PENDING_CANCEL}
AMENDABLE = frozenset(_TRANSITIONS[ExecType.PENDING_REPLACE])


def next_state(
    state: S, report: ExecType, *, is_accepted: bool, has_fills: bool, is_complete: bool, has_change: bool = False
) -> S | None:
    """The state after `report`; None where it is illegal.

    `is_accepted` says whether the venue accepted the order before, `has_fills` and `is_complete` whether anything, or
    all of it, has traded, this report included; `has_change` whether a change of it is on its way.
    """
    target = _TRANSITIONS[report].get(state)
    if target is None or _contradicts(state, report, is_accepted=is_accepted, has_fills=has_fills):
        return None
    if is_complete and (report is ExecType.TRADE or target is S.NEW):
        return S.FILLED
    if target is not S.NEW:
        return target
    if has_change and report is ExecType.CANCEL_REJECTED:
        return S.PENDING_REPLACE  # the venue owes the other answer still
    if has_fills:
        return S.PARTIALLY_FILLED
    if report is ExecType.CANCEL_REJECTED and not is_accepted:
        return S.UNKNOWN  # the cancel was refused, and nothing proves yet that the order arrived
    return S.NEW


def _contradicts(state: S, report: ExecType, *, is_accepted: bool, has_fills: bool) -> bool:
    """Whether what is known already makes the report impossible, or tells it a second time."""
    if report is ExecType.NEW:
        return is_accepted and state is not S.UNKNOWN
    return report in (ExecType.REJECTED, ExecType.DENIED) and (is_accepted or has_fills)
