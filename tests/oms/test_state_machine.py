"""Every pair of state and report has an answer, written out."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState as S
from quantai.exchanges.execution import ExecType as E
from quantai.oms.state_machine import AMENDABLE, CANCELABLE, next_state

COLUMNS = {
    "NEW": E.NEW, "TRD": E.TRADE, "CAND": E.CANCELED, "RPLD": E.REPLACED, "REJ": E.REJECTED, "EXP": E.EXPIRED,
    "CREJ": E.CANCEL_REJECTED, "RREJ": E.REPLACE_REJECTED, "UNKN": E.UNKNOWN, "PCAN": E.PENDING_CANCEL,
    "PREP": E.PENDING_REPLACE, "TRIG": E.TRIGGERED, "DENY": E.DENIED,
}  # fmt: skip
STATES = {
    "SUS": S.SUSPENDED, "PNEW": S.PENDING_NEW, "NEW": S.NEW, "PART": S.PARTIALLY_FILLED, "FILL": S.FILLED,
    "PCAN": S.PENDING_CANCEL, "PREP": S.PENDING_REPLACE, "CANC": S.CANCELED, "REJ": S.REJECTED, "EXP": S.EXPIRED,
    "DEN": S.DENIED, "UNK": S.UNKNOWN,
}  # fmt: skip

# Rows are states, columns reports, cells the state after the report; a dash is illegal.
HEADER = "NEW TRD CAND RPLD REJ EXP CREJ RREJ UNKN PCAN PREP TRIG DENY"

# An order of which the venue has confirmed nothing, without fills.
FRESH = """
 SUS    -  SUS CANC  SUS    -  EXP    -    -    -    -    - PNEW  DEN
PNEW  NEW PART CANC    -  REJ  EXP    -    -  UNK PCAN    -    -  DEN
 NEW    - PART CANC  NEW    -  EXP    -    -  UNK PCAN PREP    -    -
PART PART PART CANC  NEW    -  EXP    -    -  UNK PCAN PREP    -    -
FILL FILL FILL    -    -    -    - FILL FILL    -    -    -    -    -
PCAN PCAN PCAN CANC PCAN  REJ  EXP  UNK PCAN PCAN    -    -    -    -
PREP PREP PREP CANC  NEW    -  EXP    -  NEW PREP PCAN    -    -    -
CANC CANC CANC    - CANC    -    - CANC CANC    -    -    -    -    -
 REJ    -  REJ    -    -    -    -  REJ  REJ    -    -    -    -    -
 EXP  EXP  EXP    -  EXP    -    -  EXP  EXP    -    -    -    -    -
 DEN    -  DEN    -    -    -    -    -    -    -    -    -    -    -
 UNK  NEW PART CANC  NEW  REJ  EXP  UNK  UNK    - PCAN    -    -    -
"""

# An order that the venue accepted, without fills.
ACCEPTED = """
 SUS    -  SUS CANC  SUS    -  EXP    -    -    -    -    - PNEW    -
PNEW    - PART CANC    -    -  EXP    -    -  UNK PCAN    -    -    -
 NEW    - PART CANC  NEW    -  EXP    -    -  UNK PCAN PREP    -    -
PART    - PART CANC  NEW    -  EXP    -    -  UNK PCAN PREP    -    -
FILL    - FILL    -    -    -    - FILL FILL    -    -    -    -    -
PCAN    - PCAN CANC PCAN    -  EXP  NEW PCAN PCAN    -    -    -    -
PREP    - PREP CANC  NEW    -  EXP    -  NEW PREP PCAN    -    -    -
CANC    - CANC    - CANC    -    - CANC CANC    -    -    -    -    -
 REJ    -  REJ    -    -    -    -  REJ  REJ    -    -    -    -    -
 EXP    -  EXP    -  EXP    -    -  EXP  EXP    -    -    -    -    -
 DEN    -  DEN    -    -    -    -    -    -    -    -    -    -    -
 UNK  NEW PART CANC  NEW    -  EXP  UNK  UNK    - PCAN    -    -    -
"""

# An accepted order that traded in part.
FILLED = """
 SUS    -  SUS CANC  SUS    -  EXP    -    -    -    -    - PNEW    -
PNEW    - PART CANC    -    -  EXP    -    -  UNK PCAN    -    -    -
 NEW    - PART CANC PART    -  EXP    -    -  UNK PCAN PREP    -    -
PART    - PART CANC PART    -  EXP    -    -  UNK PCAN PREP    -    -
FILL    - FILL    -    -    -    - FILL FILL    -    -    -    -    -
PCAN    - PCAN CANC PCAN    -  EXP PART PCAN PCAN    -    -    -    -
PREP    - PREP CANC PART    -  EXP    - PART PREP PCAN    -    -    -
CANC    - CANC    - CANC    -    - CANC CANC    -    -    -    -    -
 REJ    -  REJ    -    -    -    -  REJ  REJ    -    -    -    -    -
 EXP    -  EXP    -  EXP    -    -  EXP  EXP    -    -    -    -    -
 DEN    -  DEN    -    -    -    -    -    -    -    -    -    -    -
 UNK PART PART CANC PART    -  EXP  UNK  UNK    - PCAN    -    -    -
"""

# An accepted order that traded in full.
COMPLETE = """
 SUS    - FILL CANC  SUS    -  EXP    -    -    -    -    - PNEW    -
PNEW    - FILL CANC    -    -  EXP    -    -  UNK PCAN    -    -    -
 NEW    - FILL CANC FILL    -  EXP    -    -  UNK PCAN PREP    -    -
PART    - FILL CANC FILL    -  EXP    -    -  UNK PCAN PREP    -    -
FILL    - FILL    -    -    -    - FILL FILL    -    -    -    -    -
PCAN    - FILL CANC PCAN    -  EXP FILL PCAN PCAN    -    -    -    -
PREP    - FILL CANC FILL    -  EXP    - FILL PREP PCAN    -    -    -
CANC    - FILL    - CANC    -    - CANC CANC    -    -    -    -    -
 REJ    - FILL    -    -    -    -  REJ  REJ    -    -    -    -    -
 EXP    - FILL    -  EXP    -    -  EXP  EXP    -    -    -    -    -
 DEN    - FILL    -    -    -    -    -    -    -    -    -    -    -
 UNK FILL FILL CANC FILL    -  EXP  UNK  UNK    - PCAN    -    -    -
"""

TABLES = [
    (FRESH, {"is_accepted": False, "has_fills": False, "is_complete": False}),
    (ACCEPTED, {"is_accepted": True, "has_fills": False, "is_complete": False}),
    (FILLED, {"is_accepted": True, "has_fills": True, "is_complete": False}),
    (COMPLETE, {"is_accepted": True, "has_fills": True, "is_complete": True}),
]


def cells(table: str) -> list[tuple[S, E, S | None]]:
    rows = [row.split() for row in table.strip().splitlines()]
    return [
        (STATES[row[0]], COLUMNS[column], STATES.get(cell))
        for row in rows
        for column, cell in zip(HEADER.split(), row[1:], strict=True)
    ]


def test_the_tables_are_whole() -> None:
    assert list(COLUMNS) == HEADER.split()
    assert set(COLUMNS.values()) == set(E)
    assert set(STATES.values()) == set(S)
    for table, _ in TABLES:
        assert {(state, report) for state, report, _ in cells(table)} == {
            (state, report) for state in S for report in E
        }


@pytest.mark.parametrize(("table", "known"), TABLES, ids=["fresh", "accepted", "filled", "complete"])
def test_every_pair_has_its_answer(table: str, known: dict[str, bool]) -> None:
    for state, report, expected in cells(table):
        assert next_state(state, report, **known) is expected, f"{report} on {state}"


@pytest.mark.parametrize("report", [E.REJECTED, E.DENIED])
def test_what_traded_was_not_refused(report: E) -> None:
    for state in S:
        assert next_state(state, report, is_accepted=False, has_fills=True, is_complete=False) is None


def test_a_refused_cancel_of_an_order_that_traded_is_no_doubt_about_it() -> None:
    answer = next_state(S.PENDING_CANCEL, E.CANCEL_REJECTED, is_accepted=False, has_fills=True, is_complete=False)
    assert answer is S.PARTIALLY_FILLED


def test_every_open_order_can_be_cancelled_unless_a_cancel_is_on_its_way() -> None:
    assert set(S) - CANCELABLE == {S.PENDING_CANCEL, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED, S.DENIED}


def test_only_an_order_that_rests_can_be_amended() -> None:
    assert {S.NEW, S.PARTIALLY_FILLED} == AMENDABLE


def test_a_refused_cancel_leaves_the_change_that_is_on_its_way() -> None:
    known = {"is_accepted": True, "has_fills": True, "has_change": True}
    assert next_state(S.PENDING_CANCEL, E.CANCEL_REJECTED, is_complete=False, **known) is S.PENDING_REPLACE
    assert next_state(S.PENDING_CANCEL, E.CANCEL_REJECTED, is_complete=True, **known) is S.FILLED
    assert next_state(S.PENDING_REPLACE, E.REPLACED, is_complete=False, **known) is S.PARTIALLY_FILLED
    assert next_state(S.UNKNOWN, E.CANCEL_REJECTED, is_complete=False, **known) is S.UNKNOWN
