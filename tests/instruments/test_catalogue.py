from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.errors import UnknownInstrument
from quantai.instruments import Instrument, InstrumentCatalogue


def instrument(venue: str = "binance", symbol: str = "BTC/USDT", lot_size: str = "0.001") -> Instrument:
    return Instrument(venue=venue, symbol=symbol, tick_size=Decimal("0.1"), lot_size=Decimal(lot_size))


def test_an_instrument_is_found_by_venue_and_symbol() -> None:
    every = [instrument(), instrument("okx"), instrument(symbol="ETH/USDT")]
    catalogue = InstrumentCatalogue(every)
    assert [catalogue.get(each.venue, each.symbol) for each in every] == every
    assert list(catalogue) == every
    assert len(catalogue) == 3
    assert ("okx", "BTC/USDT") in catalogue
    assert ("okx", "ETH/USDT") not in catalogue


def test_the_instruments_of_a_symbol_come_in_the_order_they_were_added() -> None:
    catalogue = InstrumentCatalogue([instrument("okx"), instrument(symbol="ETH/USDT"), instrument("binance")])
    assert [each.venue for each in catalogue.of_symbol("BTC/USDT")] == ["okx", "binance"]
    assert catalogue.of_symbol("XRP/USDT") == []


def test_what_is_added_again_replaces_what_was_known() -> None:
    catalogue = InstrumentCatalogue([instrument(), instrument("okx")])
    changed = instrument(lot_size="0.01")
    catalogue.add(changed)
    assert catalogue.get("binance", "BTC/USDT") is changed
    assert [each.venue for each in catalogue] == ["binance", "okx"]


@pytest.mark.parametrize(
    ("venue", "symbol", "complaint"),
    [
        ("binance", "BTC/USD", "no instrument binance:BTC/USD is configured; did you mean binance:BTC/USDT?"),
        ("binnance", "BTC/USDT", "did you mean binance:BTC/USDT?"),
        ("BINANCE", "btc/usdt", "did you mean binance:BTC/USDT?"),
        ("zzz", "QQQ/WWW", "no instrument zzz:QQQ/WWW is configured$"),
    ],
)
def test_what_is_not_known_is_refused_with_the_nearest(venue: str, symbol: str, complaint: str) -> None:
    catalogue = InstrumentCatalogue([instrument(), instrument("okx", "ETH/USDT")])
    with pytest.raises(UnknownInstrument, match=complaint.replace("?", r"\?")):
        catalogue.get(venue, symbol)
    with pytest.raises(UnknownInstrument, match="is configured$"):
        InstrumentCatalogue().get(venue, symbol)
