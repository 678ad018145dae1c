"""Every pair of state and report has an answer, written out."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState as S
from quantai.exchanges.base import ExecType as E
from quantai.oms.state_machine import CANCELABLE, next_state

COLUMNS = (E.NEW, E.TRADE, E.CANCELED, E.EXPIRED, E.REJECTED, E.CANCEL_REJECTED, E.UNKNOWN)

# Of an order that was not accepted before and has not traded in full (with a trade: traded a part). None is illegal.
TABLE: dict[S, tuple[S | None, ...]] = {
    S.PENDING_NEW: (S.NEW, S.PARTIALLY_FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, None, S.UNKNOWN),
    S.NEW: (None, S.PARTIALLY_FILLED, S.CANCELED, S.EXPIRED, None, None, S.UNKNOWN),
    S.PARTIALLY_FILLED: (S.PARTIALLY_FILLED, S.PARTIALLY_FILLED, S.CANCELED, S.EXPIRED, None, None, S.UNKNOWN),
    S.FILLED: (S.FILLED, S.FILLED, None, None, None, S.FILLED, None),
    S.PENDING_CANCEL: (S.PENDING_CANCEL, S.PENDING_CANCEL, S.CANCELED, S.EXPIRED, S.REJECTED, S.UNKNOWN, S.UNKNOWN),
    S.PENDING_REPLACE: (None, S.PENDING_REPLACE, S.CANCELED, S.EXPIRED, None, None, S.UNKNOWN),
    S.CANCELED: (None, S.CANCELED, None, None, None, S.CANCELED, None),
    S.REJECTED: (None, S.REJECTED, None, None, None, S.REJECTED, None),
    S.EXPIRED: (None, S.EXPIRED, None, None, None, S.EXPIRED, None),
    S.DENIED: (None, S.DENIED, None, None, None, None, None),
    S.UNKNOWN: (S.NEW, S.PARTIALLY_FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.UNKNOWN, None),
}
PAIRS = [(state, report, row[n]) for state, row in TABLE.items() for n, report in enumerate(COLUMNS)]


def test_the_table_below_is_whole() -> None:
    assert set(TABLE) == set(S)
    assert set(COLUMNS) == set(E)
    assert len(PAIRS) == len(S) * len(E)


@pytest.mark.parametrize(("state", "report", "expected"), PAIRS)
def test_every_pair_has_its_answer(state: S, report: E, expected: S | None) -> None:
    assert next_state(state, report, is_accepted=False, has_fills=False, is_complete=False) is expected


@pytest.mark.parametrize("state", S)
def test_the_last_part_fills_an_order_in_any_state(state: S) -> None:
    assert next_state(state, E.TRADE, is_accepted=True, has_fills=True, is_complete=True) is S.FILLED


@pytest.mark.parametrize("state", S)
def test_a_second_acceptance_is_illegal_but_for_an_order_of_which_nothing_is_known(state: S) -> None:
    answer = next_state(state, E.NEW, is_accepted=True, has_fills=False, is_complete=False)
    assert answer is (S.NEW if state is S.UNKNOWN else None)


@pytest.mark.parametrize(
    ("is_accepted", "has_fills", "expected"),
    [
        (False, False, S.UNKNOWN),
        (True, False, S.NEW),
        (True, True, S.PARTIALLY_FILLED),
        (False, True, S.PARTIALLY_FILLED),
    ],
)
def test_a_refused_cancel_leaves_what_is_known_of_the_order(is_accepted: bool, has_fills: bool, expected: S) -> None:
    answer = next_state(
        S.PENDING_CANCEL, E.CANCEL_REJECTED, is_accepted=is_accepted, has_fills=has_fills, is_complete=False
    )
    assert answer is expected


def test_an_unknown_order_with_fills_comes_back_as_partially_filled() -> None:
    assert next_state(S.UNKNOWN, E.NEW, is_accepted=False, has_fills=True, is_complete=False) is S.PARTIALLY_FILLED


def test_every_open_order_can_be_cancelled_unless_a_cancel_is_on_its_way() -> None:
    assert set(S) - CANCELABLE == {S.PENDING_CANCEL, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED, S.DENIED}
