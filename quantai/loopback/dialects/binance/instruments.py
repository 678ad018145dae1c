"""What markets look like where only a symbol is given: grids as Binance has them, or in proportion to the price."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.errors import ConfigError, SymbolError
from quantai.instruments import Instrument, Symbol

_SPOT_GRIDS = {
    "BTC": ("0.01", "0.00001"),
    "ETH": ("0.01", "0.0001"),
    "BNB": ("0.01", "0.001"),
    "SOL": ("0.01", "0.001"),
}
_USDM_GRIDS = {"BTC": ("0.1", "0.001"), "ETH": ("0.01", "0.001"), "BNB": ("0.01", "0.01"), "SOL": ("0.01", "0.01")}
_OTHER = ("0.0001", "0.1")


def spot_instrument(symbol: str) -> Instrument:
    """`BTC/USDT`. Raises `ConfigError`."""
    parts = _parsed(symbol)
    if parts.settle is not None:
        raise ConfigError(f"{symbol} is a contract: binance (spot) has pairs such as {parts.base}/{parts.quote}")
    tick, lot = _SPOT_GRIDS.get(parts.base, _OTHER)
    return _instrument("binance", symbol, tick, lot, Decimal(5))


def usdm_instrument(symbol: str) -> Instrument:
    """`BTC/USDT:USDT`, or `BTC/USDT`, which means the same here. Raises `ConfigError`."""
    parts = _parsed(symbol)
    if parts.expiry is not None or parts.settle not in (None, parts.quote):
        raise ConfigError(f"{symbol}: the loopback binance_usdm has perpetuals such as {parts.base}/USDT:USDT")
    tick, lot = _USDM_GRIDS.get(parts.base, _OTHER)
    return _instrument("binance_usdm", f"{parts.base}/{parts.quote}:{parts.quote}", tick, lot, Decimal(5))


def _parsed(symbol: str) -> Symbol:
    try:
        return Symbol.parse(symbol)
    except SymbolError as error:
        raise ConfigError(str(error)) from None


def _instrument(venue: str, symbol: str, tick: str, lot: str, least: Decimal) -> Instrument:
    return Instrument(venue=venue, symbol=symbol, tick_size=Decimal(tick), lot_size=Decimal(lot), min_notional=least)
