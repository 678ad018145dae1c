"""Grids, limits and money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import NumberError, UnknownInstrument
from quantai.core.numbers import is_multiple
from quantai.instruments import Instrument, InstrumentCatalogue, InstrumentType


def make(symbol: str = "BTC/USDT", **changes: Any) -> Instrument:
    values: dict[str, Any] = {"venue": "binance", "tick_size": Decimal("0.01"), "lot_size": Decimal("0.001")}
    return Instrument(symbol=symbol, **(values | changes))


SPOT = make()
INVERSE = make("BTC/USD:BTC", multiplier=Decimal(100), inverse=True, lot_size=Decimal(1))
money = st.decimals("0.01", "1000000", places=2)
quantities = st.decimals("-1000", "1000", places=3)


@pytest.mark.parametrize(
    ("symbol", "kind", "settlement", "margined"),
    [
        ("BTC/USDT", InstrumentType.SPOT, "USDT", False),
        ("BTC/USDT:USDT", InstrumentType.PERPETUAL, "USDT", True),
        ("BTC/USD:BTC", InstrumentType.PERPETUAL, "BTC", True),
        ("BTC/USDT:USDT-261225", InstrumentType.FUTURE, "USDT", True),
        ("BTC/USDT:USDT-261225-100000-C", InstrumentType.OPTION, "USDT", False),
    ],
)
def test_the_symbol_says_what_it_is(symbol: str, kind: InstrumentType, settlement: str, margined: bool) -> None:
    instrument = make(symbol)
    assert (instrument.type, instrument.settlement_currency, instrument.is_margined) == (kind, settlement, margined)


@given(st.floats(0.001, 1e6))
def test_what_a_strategy_asks_for_lands_on_the_grid_and_is_never_more(value: float) -> None:
    quantity, price = SPOT.quantize_quantity(value), SPOT.quantize_price(value)
    assert is_multiple(quantity, SPOT.lot_size)
    assert is_multiple(price, SPOT.tick_size)
    assert quantity <= Decimal(repr(value))
    assert abs(price - Decimal(repr(value))) <= SPOT.tick_size / 2


@given(quantities, money, money)
def test_profit_of_a_linear_contract_is_the_price_change(quantity: Decimal, entry: Decimal, exit_: Decimal) -> None:
    instrument = make("BTC/USDT:USDT", multiplier=Decimal("0.01"))
    profit = instrument.value(quantity, exit_) - instrument.value(quantity, entry)
    assert profit == quantity * (exit_ - entry) * Decimal("0.01")


def test_profit_of_an_inverse_contract_is_paid_in_base() -> None:
    profit = INVERSE.value(Decimal(10), Decimal(50_000)) - INVERSE.value(Decimal(10), Decimal(40_000))
    assert profit == Decimal(1000) / 40_000 - Decimal(1000) / 50_000
    with pytest.raises(NumberError, match="no value at price 0"):
        INVERSE.value(Decimal(1), Decimal(0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "abc", True])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(NumberError, match="binance:BTC/USDT"):
        SPOT.quantize_price(bad)


@pytest.mark.parametrize(
    "changes",
    [
        {"tick_size": Decimal(0)},
        {"lot_size": Decimal(-1)},
        {"multiplier": Decimal(0)},
        {"inverse": True},
        {"min_quantity": Decimal(2), "max_quantity": Decimal(1)},
    ],
)
def test_an_instrument_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NumberError, match="binance:BTC/USDT"):
        make(**changes)


def test_the_catalogue_finds_replaces_and_suggests() -> None:
    catalogue = InstrumentCatalogue([SPOT, make("ETH/USDT")])
    assert catalogue.get("binance", "BTC/USDT") is SPOT
    assert ("binance", "BTC/USDT") in catalogue
    newer = make(tick_size=Decimal("0.1"))
    catalogue.add(newer)
    assert catalogue.get("binance", "BTC/USDT") is newer
    assert len(catalogue) == 2
    with pytest.raises(UnknownInstrument, match="did you mean binance:BTC/USDT"):
        catalogue.get("binance", "BTC/USD")
