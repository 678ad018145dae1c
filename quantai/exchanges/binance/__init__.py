"""Binance, spot and USD-M futures."""

from quantai.exchanges.binance.exchange import BinanceSpot, BinanceUsdm

__all__ = ["BinanceSpot", "BinanceUsdm"]
