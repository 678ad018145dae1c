"""Names and order ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import QuantAIError
from quantai.core.identifiers import ClientOrderIds, base36, is_name, nearest


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("binance", True),
        ("ema_2", True),
        ("Binance", False),
        ("2x", False),
        ("", False),
        ("a-b", False),
        ("a" * 33, False),
        ("ü", False),
        ("a\n", False),
    ],
)
def test_names(name: str, valid: bool) -> None:
    assert is_name(name) is valid


def test_nearest_finds_slips_and_nothing_else() -> None:
    assert nearest("fsat", ["fast", "slow"]) == "fast"
    assert nearest("BINANCE", ["binance", "okx"]) == "binance"
    assert nearest("zzz", ["fast", "slow"]) is None
    assert nearest("x", []) is None


@given(st.integers(0, 2**80))
def test_base36_reads_back(number: int) -> None:
    assert int(base36(number), 36) == number


def test_base36_takes_no_negative_number() -> None:
    with pytest.raises(QuantAIError, match="negative"):
        base36(-1)


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True), min_size=1, max_size=50))
def test_order_ids_are_unique_short_and_plain(strategies: list[str]) -> None:
    ids = ClientOrderIds("k3v9x2abz")
    made = [ids.next(strategy) for strategy in strategies]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[a-z0-9]{1,32}", each) for each in made)


@pytest.mark.parametrize("tag", ["", "A", "a-b", "a" * 13])
def test_a_tag_that_venues_would_not_take_is_refused(tag: str) -> None:
    with pytest.raises(QuantAIError, match="order id tag"):
        ClientOrderIds(tag)
