"""A venue's words for what is named here: one table for both directions, and nothing that is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Generic, TypeVar

from quantai.core.enums import OrderState
from quantai.exchanges.errors import MalformedReply

T = TypeVar("T")

_LONGEST = 40


class Words(Generic[T]):
    """`SIDES["buy"]` is what a word means, `SIDES.word(Side.BUY)` the first word for it. A word that is not known is no
    answer that can be trusted: `MalformedReply`.
    """

    def __init__(self, what: str, meanings: Mapping[str, T]) -> None:
        """`what` the words are for: `side`."""
        self._what = what
        self._meanings = dict(meanings)
        self._words = {meaning: word for word, meaning in reversed(self._meanings.items())}

    def __getitem__(self, word: str) -> T:
        return self.read(word, "what the venue sent")

    def read(self, word: str, whose: str) -> T:
        """The same; `whose` word it is tells the error: `order 5`."""
        try:
            return self._meanings[word]
        except KeyError:
            raise MalformedReply(f"{whose} has the {self._what} {word[:_LONGEST]!r}, which is not known here") from None

    def word(self, meaning: T) -> str:
        """Raises `KeyError` where the venue has no word for it."""
        return self._words[meaning]


class States(Words[OrderState]):
    """Words for the state of an order."""

    def of(self, word: str, filled: Decimal, whose: str) -> OrderState:
        """An open order of which a part is `filled` is partially filled, whatever the venue calls it."""
        state = self.read(word, whose)
        return OrderState.PARTIALLY_FILLED if state is OrderState.NEW and filled else state
