"""The ccxt-unified symbol of what a file calls by the venue's name."""

from __future__ import annotations

from collections.abc import Mapping

from quantai.core.errors import ConfigError, SymbolError
from quantai.instruments.symbol import Symbol


class SymbolMap:
    """`symbols` maps venue names to unified ones; `symbol` is that of all files that have no name or one and the same.

    Raises `ConfigError` where neither is given or one is not a unified symbol.
    """

    def __init__(self, symbol: str | None, symbols: Mapping[str, str]) -> None:
        if symbol is None and not symbols:
            raise ConfigError("an import needs to know the unified symbol, such as BTC/USDT or BTC/USDT:USDT")
        try:
            for unified in (*symbols.values(), *([symbol] if symbol else [])):
                Symbol.parse(unified)
        except SymbolError as error:
            raise ConfigError(str(error)) from None
        self._symbol = symbol
        self._symbols = symbols
        self._meant: str | None = None

    @property
    def arguments(self) -> tuple[str | None, list[tuple[str, str]]]:
        """What was given."""
        return self._symbol, sorted(self._symbols.items())

    def get(self, venue_symbol: str | None) -> str | None:
        """The unified symbol, None where it is not known; the first unmapped name is what `symbol` stands for."""
        if venue_symbol is not None and venue_symbol in self._symbols:
            return self._symbols[venue_symbol]
        if venue_symbol is None or self._symbol is None:
            return self._symbol
        self._meant = self._meant or venue_symbol
        return self._symbol if self._meant == venue_symbol else None

    def require(self, where: object, venue_symbols: set[str | None]) -> dict[str | None, str]:
        """The unified symbol of each. Raises `ConfigError` naming all that are not known."""
        found = {name: self.get(name) for name in sorted(venue_symbols, key=str)}
        if unknown := [name or "one without a name" for name, unified in found.items() if unified is None]:
            taken = f" ({self._symbol} stands for {self._meant} already)" if self._meant else ""
            raise ConfigError(
                f"{where}: no unified symbol is given for {', '.join(unknown)}{taken}; map each venue symbol to one"
            )
        return {name: unified for name, unified in found.items() if unified is not None}
