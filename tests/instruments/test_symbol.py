from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import SymbolError
from quantai.instruments import OptionRight, Symbol
from tests.generators import symbols


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTC/USDT", Symbol("BTC", "USDT")),
        ("1000PEPE/USDT", Symbol("1000PEPE", "USDT")),
        ("BRK.B/USD", Symbol("BRK.B", "USD")),
        ("币安人生/USDT", Symbol("币安人生", "USDT")),
        ("BTC/USDT:USDT", Symbol("BTC", "USDT", "USDT")),
        ("BTC/USD:BTC", Symbol("BTC", "USD", "BTC")),
        ("BTC/USDT:USDT-261225", Symbol("BTC", "USDT", "USDT", date(2026, 12, 25))),
        ("BTC/USDT:USDT-240229", Symbol("BTC", "USDT", "USDT", date(2024, 2, 29))),
        (
            "BTC/USDT:USDT-261225-100000-C",
            Symbol("BTC", "USDT", "USDT", date(2026, 12, 25), Decimal(100_000), OptionRight.CALL),
        ),
        ("XRP/USD:USD-000101-0.5-P", Symbol("XRP", "USD", "USD", date(2000, 1, 1), Decimal("0.5"), OptionRight.PUT)),
        ("X/Y:Y-991231-1-P", Symbol("X", "Y", "Y", date(2099, 12, 31), Decimal(1), OptionRight.PUT)),
    ],
)
def test_a_symbol_is_read_and_written(text: str, symbol: Symbol) -> None:
    assert Symbol.parse(text) == symbol
    assert str(symbol) == text


@given(symbols())
def test_any_symbol_is_read_back_as_it_was_written(symbol: Symbol) -> None:
    assert Symbol.parse(str(symbol)) == symbol


@given(st.text(st.sampled_from("AB/:-.0125CP*\n ٣é"), max_size=24))
def test_any_text_is_a_symbol_in_its_one_form_or_refused(text: str) -> None:
    with suppress(SymbolError):
        assert str(Symbol.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BTC",
        "BTCUSDT",
        "BTC-USDT",
        "/USDT",
        "BTC/",
        "BTC/USDT/X",
        " BTC/USDT",
        "BTC/USDT\n",
        "BTC/US DT",
        "BTC/USDT:",
        "BTC/USDT:USDT:USDT",
        "BTC/USDT-261225",
        "BTC/USDT:USDT-26122",
        "BTC/USDT:USDT-20261225",
        "BTC/USDT:USDT-٢٦١٢٢٥",
        "BTC/USDT:USDT-261225-100000",
        "BTC/USDT:USDT-261225-C",
        "BTC/USDT:USDT-261225-100000-X",
        "BTC/USDT:USDT-261225-1e5-C",
        "BTC/USDT:USDT-261225--5-C",
        "BTC/USDT:USDT-261225-٥-C",
        "BTC*/USDT",
    ],
)
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(SymbolError, match="is not a ccxt-unified symbol such as BTC/USDT"):
        Symbol.parse(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("BTC/USDT:USDT-261301", "no valid delivery day: 261301 is not YYMMDD"),
        ("BTC/USDT:USDT-250229", "no valid delivery day"),
        ("BTC/USDT:USDT-000000", "no valid delivery day"),
        ("X/Y:Y-261225-0100-C", "is written 'X/Y:Y-261225-100-C': a strike has no needless zeros"),
        ("X/Y:Y-261225-1.50-C", "is written 'X/Y:Y-261225-1.5-C'"),
        ("X/Y:Y-261225-0-C", "a strike above 0"),
        ("BTC\x00/USDT", "no ccxt-unified symbol has"),
        ("BTC\u200b/USDT", "no ccxt-unified symbol has"),
        (normalize("NFD", "É") + "/USDT", "not Unicode NFC"),
    ],
)
def test_a_symbol_that_is_almost_right_is_refused_with_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(SymbolError, match=complaint):
        Symbol.parse(text)


@pytest.mark.parametrize(
    "parts",
    [
        {"expiry": date(2026, 1, 1)},
        {"settle": "Y", "expiry": date(1999, 12, 31)},
        {"settle": "Y", "expiry": date(2100, 1, 1)},
        {"settle": "Y", "expiry": date(2026, 1, 1), "strike": Decimal(1)},
        {"settle": "Y", "expiry": date(2026, 1, 1), "right": OptionRight.CALL},
        {"settle": "Y", "strike": Decimal(1), "right": OptionRight.CALL},
        {"settle": "Y", "expiry": date(2026, 1, 1), "strike": Decimal(-1), "right": OptionRight.CALL},
        {"settle": "Y", "expiry": date(2026, 1, 1), "strike": Decimal("NaN"), "right": OptionRight.CALL},
    ],
)
def test_parts_that_make_no_instrument_are_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(SymbolError, match="is no instrument"):
        Symbol("X", "Y", **parts)


@pytest.mark.parametrize("code", ["", "A/B", "A:B", "A-B", "A-261225", "A B", "A*", "A\n"])
def test_codes_that_would_read_as_something_else_are_refused(code: str) -> None:
    for symbol in ((code, "Y", None), ("X", code, None), ("X", "Y", code)):
        with pytest.raises(SymbolError, match="currency code"):
            Symbol(*symbol)


def test_a_contract_ends_on_the_midnight_that_begins_its_day() -> None:
    expiry_ns = Symbol.parse("BTC/USDT:USDT-261225").expiry_ns
    assert expiry_ns == int(datetime(2026, 12, 25, tzinfo=UTC).timestamp()) * 10**9
    assert Symbol.parse("BTC/USDT:USDT").expiry_ns is None
    assert Symbol.parse("X/Y:Y-991231").expiry_ns == 4_102_358_400 * 10**9
