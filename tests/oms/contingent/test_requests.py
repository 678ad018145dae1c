"""Numbers that are refused before anything is kept."""

from __future__ import annotations

import re

import pytest

from quantai.core.enums import Side
from quantai.core.errors import OrderError
from quantai.oms.contingent.requests import check_prices, check_quantity
from tests.oms.contingent.world import asked


@pytest.mark.parametrize(
    ("price", "trigger", "words"),
    [
        ("0", "90", "price 0 of binance:BTC/USDT is not positive"),
        ("90", "0.00", "trigger_price 0 of binance:BTC/USDT is not positive"),
        (None, "-1.50", "trigger_price -1.5 of binance:BTC/USDT is not positive"),
    ],
)
def test_prices_must_be_positive(price: str | None, trigger: str, words: str) -> None:
    with pytest.raises(OrderError, match=f"^{re.escape(words)}$"):
        check_prices(asked(Side.BUY, "1", price, trigger))


def test_what_is_positive_or_not_there_passes() -> None:
    check_prices(asked(Side.BUY, "0", "0.01", "0.01"))
    check_prices(asked(Side.BUY, "0"))
    check_quantity(asked(Side.BUY, "0.001"))
