"""A venue's words: both directions, and never a guess."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import OrderState, Side
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.words import States, Words

SIDES = Words("side", {"buy": Side.BUY, "bid": Side.BUY, "sell": Side.SELL})
STATES = States("state", {"open": OrderState.NEW, "gone": OrderState.CANCELED})


def test_words_mean_what_the_table_says_and_the_first_of_several_is_used() -> None:
    assert [SIDES[word] for word in ("buy", "bid", "sell")] == [Side.BUY, Side.BUY, Side.SELL]
    assert SIDES.word(Side.BUY) == "buy"
    with pytest.raises(KeyError):
        SIDES.word(Side.UNKNOWN)


def test_a_word_that_is_not_known_is_no_answer() -> None:
    with pytest.raises(MalformedReply, match="the side 'short'"):
        SIDES["short"]
    with pytest.raises(MalformedReply, match="order 5 has the state 'x{40}', which"):
        STATES.of("x" * 1_000, Decimal(0), "order 5")


@pytest.mark.parametrize(
    ("word", "filled", "state"),
    [
        ("open", "0", OrderState.NEW),
        ("open", "0.1", OrderState.PARTIALLY_FILLED),
        ("gone", "0.1", OrderState.CANCELED),
    ],
)
def test_an_open_order_that_has_traded_is_partially_filled(word: str, filled: str, state: OrderState) -> None:
    assert STATES.of(word, Decimal(filled), "order 5") is state
