"""The protocols that loopback venues speak."""

from quantai.loopback.dialects.binance import BinanceSpotDialect, BinanceUsdmDialect
from quantai.loopback.server.dialect import Dialect

DIALECTS: dict[str, type[Dialect]] = {dialect.name: dialect for dialect in (BinanceSpotDialect, BinanceUsdmDialect)}
"""By what `quantai venue` calls them."""

__all__ = ["DIALECTS", "BinanceSpotDialect", "BinanceUsdmDialect"]
