from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import QuantAIError
from quantai.core.identifiers import ClientOrderIds, base36, is_name, nearest


@pytest.mark.parametrize("text", ["a", "binance", "ema_cross_2", "a" * 32])
def test_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "Binance", "2fast", "_a", "a-b", "a b", "é", "a" * 33, "binance\n", "a²", "a٣"])
def test_no_names(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize(
    ("name", "valid", "found"),
    [
        ("binnance", ["okx", "binance"], "binance"),
        ("BINANCE", ["okx", "binance"], "binance"),
        ("kraken", ["okx", "binance"], None),
        ("anything", [], None),
        ("okx", ["okx", "okx2"], "okx"),
    ],
)
def test_the_nearest_name(name: str, valid: list[str], found: str | None) -> None:
    assert nearest(name, valid) == found
    assert nearest(name, iter(reversed(valid))) == found


@given(st.integers(0, 10**30))
def test_base36_is_what_int_reads(number: int) -> None:
    assert int(base36(number), 36) == number


def test_base36_takes_no_negative_number() -> None:
    with pytest.raises(QuantAIError, match="not -1"):
        base36(-1)


def test_order_ids_are_short_plain_and_never_the_same() -> None:
    ids = ClientOrderIds("t1a2b3c4d5e6")
    made = [ids.next(strategy) for strategy in ("ema_cross", "ema_cross", "a" * 32, "b")]
    assert made[0] == "emacrosst1a2b3c4d5e6000001"
    assert len(set(made)) == 4
    for text in made:
        assert text.isascii()
        assert text.isalnum()
        assert len(text) <= 32


def test_two_makers_with_one_tag_repeat_themselves() -> None:
    first, second = ClientOrderIds("sim"), ClientOrderIds("sim")
    assert [first.next("a") for _ in range(40)] == [second.next("a") for _ in range(40)]


@pytest.mark.parametrize("tag", ["", "A", "a_b", "a" * 13, "é", "a\n"])
def test_a_tag_is_letters_and_digits(tag: str) -> None:
    with pytest.raises(QuantAIError, match="1 to 12 small letters or digits"):
        ClientOrderIds(tag)
