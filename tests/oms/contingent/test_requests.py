"""Numbers that are refused before anything is kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace

from quantai.core.enums import Side
from quantai.core.errors import OrderError
from quantai.oms.contingent.requests import bracket_legs, check_prices, check_quantity, oco_stop
from tests.oms.contingent.world import D, asked


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


@pytest.mark.parametrize("fields", [{"options": (("a", "1"),)}, {"at_venue": True}])
def test_what_one_order_tells_its_venue_makes_no_sense_for_a_group(fields: dict[str, Any]) -> None:
    entry = replace(asked(Side.BUY, "1", "100"), **fields)
    with pytest.raises(
        OrderError, match="a bracket or OCO pair on binance:BTC/USDT takes neither options nor at_venue"
    ):
        bracket_legs(entry, D(110), D(90), None)
    with pytest.raises(OrderError, match="takes neither options nor at_venue"):
        oco_stop(replace(entry, side=Side.SELL), D(90))
