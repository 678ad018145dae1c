from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import NumberError, SymbolError
from quantai.core.numbers import is_multiple
from quantai.instruments import Instrument, InstrumentType
from tests.generators import amounts, steps

SPOT, PERPETUAL, FUTURE, OPTION = "BTC/USDT", "BTC/USDT:USDT", "BTC/USDT:USDT-261225", "BTC/USDT:USDT-261225-100000-C"


def instrument(symbol: str = SPOT, **changes: Any) -> Instrument:
    fields: dict[str, Any] = {"tick_size": Decimal("0.1"), "lot_size": Decimal("0.001")} | changes
    return Instrument(venue="binance", symbol=symbol, **fields)


@pytest.mark.parametrize(
    ("symbol", "kind", "settlement", "is_margined"),
    [
        (SPOT, InstrumentType.SPOT, "USDT", False),
        (PERPETUAL, InstrumentType.PERPETUAL, "USDT", True),
        ("BTC/USD:BTC", InstrumentType.PERPETUAL, "BTC", True),
        (FUTURE, InstrumentType.FUTURE, "USDT", True),
        (OPTION, InstrumentType.OPTION, "USDT", False),
    ],
)
def test_the_symbol_says_what_an_instrument_is(
    symbol: str, kind: InstrumentType, settlement: str, is_margined: bool
) -> None:
    made = instrument(symbol)
    assert made.type is kind
    assert made.base_currency == "BTC"
    assert made.settlement_currency == settlement
    assert made.is_margined is is_margined
    assert str(made) == f"binance:{symbol}"


def test_an_instrument_describes_itself_in_a_line() -> None:
    assert instrument(lot_size=Decimal("1E+1")).describe() == "spot tick 0.1 lot 10 USDT"


@pytest.mark.parametrize("field", ["tick_size", "lot_size", "multiplier"])
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "1e16"])
def test_sizes_must_be_positive_and_finite(field: str, value: str) -> None:
    with pytest.raises(NumberError, match=f"{field} of binance:BTC/USDT"):
        instrument(SPOT, **{field: Decimal(value)})


@pytest.mark.parametrize("field", ["min_quantity", "min_notional"])
@pytest.mark.parametrize("value", ["-1", "NaN"])
def test_minimums_must_not_be_negative(field: str, value: str) -> None:
    with pytest.raises(NumberError, match=f"{field} of binance:BTC/USDT"):
        instrument(SPOT, **{field: Decimal(value)})


@pytest.mark.parametrize("value", ["0", "-1", "NaN"])
def test_a_maximum_must_be_positive(value: str) -> None:
    with pytest.raises(NumberError, match="max_quantity of binance:BTC/USDT"):
        instrument(max_quantity=Decimal(value))


def test_a_maximum_is_not_below_the_minimum() -> None:
    instrument(min_quantity=Decimal(2), max_quantity=Decimal(2))
    with pytest.raises(NumberError, match="max_quantity 1 of binance:BTC/USDT is below min_quantity 2"):
        instrument(min_quantity=Decimal(2), max_quantity=Decimal(1))


@pytest.mark.parametrize("symbol", [SPOT, OPTION])
def test_only_futures_and_perpetuals_are_inverse(symbol: str) -> None:
    with pytest.raises(NumberError, match="cannot be inverse"):
        instrument(symbol, inverse=True)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT:USDT-261399"])
def test_a_symbol_that_is_none_is_refused(symbol: str) -> None:
    with pytest.raises(SymbolError):
        instrument(symbol)


@given(price=amounts, tick_size=steps)
def test_a_quantised_price_is_the_nearest_tick(price: Decimal, tick_size: Decimal) -> None:
    quantised = instrument(tick_size=tick_size).quantize_price(price)
    assert is_multiple(quantised, tick_size)
    assert abs(quantised - price) * 2 <= tick_size


@given(quantity=amounts, lot_size=steps)
def test_a_quantised_quantity_is_never_more_than_asked(quantity: Decimal, lot_size: Decimal) -> None:
    quantised = instrument(lot_size=lot_size).quantize_quantity(quantity)
    assert is_multiple(quantised, lot_size)
    assert abs(quantised) <= abs(quantity)
    assert abs(quantity - quantised) < lot_size
    assert quantised * quantity >= 0


@pytest.mark.parametrize("value", [0.3, "0.3", Decimal("0.3")])
def test_a_float_on_the_grid_stays_there(value: Any) -> None:
    assert instrument(lot_size=Decimal("0.1")).quantize_quantity(value) == Decimal("0.3")
    assert str(instrument(tick_size=Decimal("0.10")).quantize_price(value)) == "0.30"


@pytest.mark.parametrize("value", ["nan", True, None, "1e400"])
def test_what_is_no_number_is_refused_with_the_instrument(value: Any) -> None:
    with pytest.raises(NumberError, match="quantity of binance:BTC/USDT"):
        instrument().quantize_quantity(value)
    with pytest.raises(NumberError, match="price of binance:BTC/USDT"):
        instrument().quantize_price(value)


@pytest.mark.parametrize(
    ("symbol", "changes", "value"),
    [
        (SPOT, {}, "300"),
        (PERPETUAL, {"multiplier": Decimal("0.01")}, "3.00"),
        (OPTION, {"multiplier": Decimal(10)}, "3000"),
    ],
)
def test_the_value_of_a_linear_contract(symbol: str, changes: dict[str, Any], value: str) -> None:
    made = instrument(symbol, **changes)
    assert made.value(Decimal(3), Decimal(100)) == Decimal(value)
    assert made.value(Decimal(-3), Decimal(100)) == -Decimal(value)
    assert made.notional(Decimal(-3), Decimal(100)) == Decimal(value)


@given(amounts, amounts, amounts)
def test_the_profit_of_a_linear_contract_is_the_change_of_price(
    quantity: Decimal, entry: Decimal, leave: Decimal
) -> None:
    made = instrument(PERPETUAL, multiplier=Decimal("0.01"))
    with localcontext(prec=100):
        profit = made.value(quantity, leave) - made.value(quantity, entry)
        assert profit == quantity * (leave - entry) * Decimal("0.01")


def test_the_profit_of_an_inverse_contract_is_in_the_base_currency() -> None:
    made = instrument("BTC/USD:BTC", inverse=True, multiplier=Decimal(100))
    bought, sold = made.value(Decimal(10), Decimal(50_000)), made.value(Decimal(10), Decimal(100_000))
    assert sold - bought == Decimal("0.01")  # 1,000 USD were 0.02 BTC and are 0.01 BTC now
    assert made.notional(Decimal(10), Decimal(50_000)) == Decimal("0.02")
    assert made.notional(Decimal(-10), Decimal(50_000)) == Decimal("0.02")
    assert made.value(Decimal(1), Decimal(30_000)) == Decimal("-0.003333333333")


@pytest.mark.parametrize("price", ["0", "-1"])
def test_an_inverse_contract_has_no_value_without_a_price(price: str) -> None:
    made = instrument("BTC/USD:BTC", inverse=True)
    with pytest.raises(NumberError, match="no value at price"):
        made.value(Decimal(1), Decimal(price))


@given(
    quantity=st.decimals(-(10**9), 10**9, places=4),
    prices=st.lists(st.decimals(1, 10**6, places=4), min_size=2, max_size=2),
    inverse=st.booleans(),
)
def test_a_longer_position_gains_when_the_price_rises(quantity: Decimal, prices: list[Decimal], inverse: bool) -> None:
    made = instrument("BTC/USD:BTC", inverse=inverse)
    low, high = sorted(prices)
    profit = made.value(quantity, high) - made.value(quantity, low)
    assert profit * quantity >= 0
    assert made.value(-quantity, low) == -made.value(quantity, low)
