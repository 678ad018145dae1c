"""Binance symbols as ccxt-unified ones: `BTCUSDT` is `BTC/USDT` on spot and `BTC/USDT:USDT` on USD-M,
`BTCUSDT_260925` is `BTC/USDT:USDT-260925`, and on COIN-M `BTCUSD_PERP` is `BTC/USD:BTC`.

The parts come from `exchangeInfo`, never from cutting a symbol apart. Source: Binance USD-M and COIN-M Futures,
«Exchange Information», «Common definition».
"""

from __future__ import annotations

from datetime import UTC, datetime

from quantai.core.errors import SymbolError
from quantai.instruments import Symbol

_DELIVERY = ("CURRENT_", "NEXT_")
_PERPETUAL = "PERPETUAL"


def spot_symbol(base: str, quote: str) -> str:
    """Raises `SymbolError` where a code is none that a unified symbol can have."""
    return str(Symbol(base, quote))


def contract_symbol(base: str, quote: str, settle: str, contract_type: str, delivery_ms: int) -> str:
    """Raises `SymbolError` for a code that no unified symbol has, and for a contract type that nobody knows."""
    if _PERPETUAL in contract_type:  # TRADIFI_PERPETUAL is one too, and PERPETUAL_DELIVERING was one
        return str(Symbol(base, quote, settle))
    if contract_type.startswith(_DELIVERY):
        return str(Symbol(base, quote, settle, datetime.fromtimestamp(delivery_ms / 1_000, UTC).date()))
    raise SymbolError(f"a contract of type {contract_type!r} is neither perpetual nor delivered")


def is_delivered(contract_type: str) -> bool:
    """Whether contracts of the type have a last day."""
    return contract_type.startswith(_DELIVERY)
