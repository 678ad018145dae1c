from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import BusError
from quantai.events.topics import compile_pattern, compile_patterns

texts = st.text(st.sampled_from("ab.*\n"), max_size=8)


@given(pattern=texts.filter(bool), topic=texts)
def test_a_star_is_any_run_of_characters(pattern: str, topic: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), topic, re.DOTALL)
    assert compile_pattern(pattern)(topic) == (expected is not None)


@pytest.mark.parametrize(
    ("pattern", "topic", "matches"),
    [
        ("*", "", True),
        ("market.*", "market.", True),
        ("market.*", "market", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("market.trade.binance.BTC/USDT", "market.trade.binance.BTC/USDT:USDT", False),
        ("market.[a-z]*", "market.trade", False),
        ("market.?rade", "market.trade", False),
    ],
)
def test_only_the_star_is_special(pattern: str, topic: str, matches: bool) -> None:
    assert compile_pattern(pattern)(topic) is matches


def test_many_stars_take_no_longer_than_the_topic() -> None:
    assert not compile_pattern("*a" * 50 + "*b")("a" * 5_000)


def test_an_empty_pattern_is_refused() -> None:
    with pytest.raises(BusError, match="'\\*' matches every topic"):
        compile_pattern("")


def test_any_of_several_patterns_may_match() -> None:
    matches = compile_patterns(["market.trade.*", "*.BTC/USDT"])
    assert matches("market.trade.okx.ETH/USDT")
    assert matches("market.tick.okx.BTC/USDT")
    assert not matches("market.tick.okx.ETH/USDT")


def test_no_pattern_at_all_is_refused() -> None:
    with pytest.raises(BusError, match="at least one topic pattern"):
        compile_patterns([])
