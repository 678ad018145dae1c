"""Binance: spot, USD-M and COIN-M futures."""

from quantai.exchanges.binance.exchange import BinanceCoinm, BinanceSpot, BinanceUsdm

__all__ = ["BinanceCoinm", "BinanceSpot", "BinanceUsdm"]
