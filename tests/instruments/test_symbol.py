"""ccxt-unified symbols read and write the same."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import SymbolError
from quantai.instruments import OptionRight, Symbol

alphabet = st.characters(codec="utf-8", exclude_categories=["Z", "C"], exclude_characters="/:-*")
codes = (
    st.text(alphabet, min_size=1, max_size=8)
    .map(lambda text: normalize("NFC", text))
    .filter(lambda text: not set("/:-*") & set(text) and text.isprintable())
)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
strikes = st.decimals("0.0001", "1000000", places=4)


@st.composite
def symbols(draw: st.DrawFn) -> Symbol:
    kind = draw(st.sampled_from(["spot", "swap", "future", "option"]))
    base, quote, settle = draw(codes), draw(codes), draw(codes)
    if kind == "spot":
        return Symbol(base, quote)
    if kind == "swap":
        return Symbol(base, quote, settle)
    if kind == "future":
        return Symbol(base, quote, settle, draw(days))
    return Symbol(base, quote, settle, draw(days), draw(strikes), draw(st.sampled_from(OptionRight)))


@given(symbols())
def test_writing_and_reading_round_trips(symbol: Symbol) -> None:
    assert Symbol.parse(str(symbol)) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "BTC/USDT",
        "BTC/USDT:USDT",
        "BTC/USD:BTC",
        "BTC/USDT:USDT-261225",
        "BTC/USDT:USDT-261225-100000-C",
        "ETH/USD:ETH-260327-0.5-P",
        "1000SHIB/USDT",
    ],
)
def test_reading_and_writing_round_trips(text: str) -> None:
    assert str(Symbol.parse(text)) == text


def test_the_parts_of_an_option() -> None:
    symbol = Symbol.parse("BTC/USDT:USDT-261225-100000-C")
    assert symbol == Symbol("BTC", "USDT", "USDT", date(2026, 12, 25), Decimal(100_000), OptionRight.CALL)
    assert symbol.expiry_ns == 1_798_156_800_000_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BTC",
        "BTCUSDT",
        "BTC-USDT",
        "BTC/",
        "/USDT",
        "BTC/USDT:",
        "BTC/USDT-261225",
        "BTC/USDT:USDT-20261225",
        "BTC/USDT:USDT-261325",
        "BTC/USDT:USDT-261225-C",
        "BTC/USDT:USDT-261225-1-X",
        "BTC /USDT",
        "BTC/USDT\n",
        "BTC/USDT:USDT-٢٦١٢٢٥",
    ],
)
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(SymbolError, match="BTC|/|''"):
        Symbol.parse(text)
