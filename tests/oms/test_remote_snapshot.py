"""An answer counts when it is whole, and only then."""

from __future__ import annotations

import pytest

from quantai.events import BalanceStateEvent, PositionStateEvent, StateEvent, StateSentEvent
from quantai.oms.snapshot import SnapshotReader
from tests.oms.world import D


def position(request: int) -> PositionStateEvent:
    return PositionStateEvent("s", request, 1, 1, "alpha", "binance", "BTC/USDT", D(1), D(1), D(0))


def balance(request: int) -> BalanceStateEvent:
    return BalanceStateEvent("s", request, 1, 1, "binance", "USDT", D(1))


def sent(request: int, orders: int, positions: int, balances: int) -> StateSentEvent:
    return StateSentEvent("s", request, 1, 1, orders, positions, balances, "simulated")


def read(*events: StateEvent) -> list[tuple[int, int]]:
    """How many positions and balances each answer had."""
    reader = SnapshotReader()
    answers = [reader.read(event) for event in events]
    return [(len(answer.positions), len(answer.balances)) for answer in answers if answer is not None]


def test_a_whole_answer_comes_with_its_end() -> None:
    assert read(position(1), balance(1), sent(1, 0, 1, 1), sent(2, 0, 0, 0)) == [(1, 1), (0, 0)]


@pytest.mark.parametrize("events", [(balance(1),), (position(1),), (), (position(1), balance(1), balance(1))])
def test_an_answer_that_lacks_something_or_has_too_much_is_none(events: tuple[StateEvent, ...]) -> None:
    assert read(*events, sent(1, 0, 1, 1)) == []


def test_parts_of_an_answer_that_never_ended_are_not_taken_for_another() -> None:
    assert read(position(1), balance(2), sent(2, 0, 1, 1)) == []
    assert read(position(1), balance(1), position(2), balance(2), sent(2, 0, 1, 1)) == [(1, 1)]
