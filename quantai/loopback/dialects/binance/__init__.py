"""Binance spot and USD-M futures as they are documented, over the loopback engine."""

from quantai.loopback.dialects.binance.spot import BinanceSpotDialect
from quantai.loopback.dialects.binance.usdm import BinanceUsdmDialect

__all__ = ["BinanceSpotDialect", "BinanceUsdmDialect"]
