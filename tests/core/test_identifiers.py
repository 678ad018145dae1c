from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import QuantAIError
from quantai.core.identifiers import ClientOrderIds, base36, is_name, nearest, run_tag, strategy_code


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


def test_order_ids_are_legal_on_every_venue_and_never_the_same() -> None:
    ids = ClientOrderIds(run_tag(1_795_000_000_123_456_789, 36**3 - 1))
    made = [ids.next(strategy) for strategy in ("ema_cross", "ema_cross", "a" * 32, "b")]
    assert made[0] == strategy_code("ema_cross") + run_tag(1_795_000_000_000_000_000, 46_655) + "000001"
    assert made[1].endswith("000002")
    assert len(set(made)) == 4
    for text in made:
        assert text.isascii()
        assert text.isalnum()
        assert text == text.lower()
        assert len(text) == 18  # Kraken takes no more


def test_the_last_id_that_a_run_can_make_is_no_longer_than_the_first() -> None:
    ids = ClientOrderIds("123456789")
    ids._count = 36**6 - 2
    assert ids.next("ema") == strategy_code("ema") + "123456789" + "zzzzzz"


def test_a_run_tag_is_the_second_and_chance() -> None:
    assert run_tag(0, 0) == "000000000"
    assert run_tag(1_999_999_999, 35) == "00000100z"
    assert run_tag((36**6 - 1) * 1_000_000_000, 36**3 - 1) == "z" * 9


def test_a_strategy_code_begins_like_the_strategy() -> None:
    codes = [strategy_code(name) for name in ("ema_cross", "ema_cross_2", "e", "market_maker")]
    assert [code[0] for code in codes] == ["e", "e", "e", "m"]
    assert all(len(code) == 3 and code.isalnum() for code in codes)
    assert len(set(codes)) == 4


def test_two_makers_with_one_tag_repeat_themselves() -> None:
    first, second = ClientOrderIds("sim"), ClientOrderIds("sim")
    assert [first.next("a") for _ in range(40)] == [second.next("a") for _ in range(40)]


@pytest.mark.parametrize("tag", ["", "A", "a_b", "a" * 10, "é", "a\n"])
def test_a_tag_is_letters_and_digits(tag: str) -> None:
    with pytest.raises(QuantAIError, match="1 to 9 small letters or digits"):
        ClientOrderIds(tag)
