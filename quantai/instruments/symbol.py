"""ccxt-unified symbols: `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USDT:USDT-261225`, `BTC/USDT:USDT-261225-100000-C`.

The form is ccxt's (its manual, «Contract naming conventions»): base `/` quote, then for contracts `:` settle, then the
delivery day as YYMMDD, then strike and `C` or `P`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from unicodedata import is_normalized

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import SymbolError
from quantai.core.numbers import plain

# A code may not hold what a symbol, a topic pattern or a topic is put together with, but for the dot.
_CODE = r"[^\s/:*\-]+"
_SYMBOL = re.compile(
    rf"(?P<base>{_CODE})/(?P<quote>{_CODE})"
    rf"(?::(?P<settle>{_CODE})(?:-(?P<expiry>[0-9]{{6}})(?:-(?P<strike>[0-9]+(?:\.[0-9]+)?)-(?P<right>[CP]))?)?)?"
)


class OptionRight(StrEnum):
    """Which right an option gives."""

    CALL = "C"
    PUT = "P"


@dataclass(frozen=True, slots=True)
class Symbol:
    """The parts of a ccxt-unified symbol; `str()` writes it, `Symbol.parse` reads it, and the two round-trip."""

    base: str
    quote: str
    settle: str | None = None
    expiry: date | None = None
    strike: Decimal | None = None
    right: OptionRight | None = None

    def __post_init__(self) -> None:
        is_option = self.strike is not None
        if (
            is_option != (self.right is not None)
            or (is_option and self.expiry is None)
            or (self.expiry is not None and (self.settle is None or not 2000 <= self.expiry.year < 2100))
            or (self.strike is not None and not (self.strike.is_finite() and self.strike > 0))
        ):
            raise SymbolError(f"{self!r} is no instrument: a contract has a settle currency, a future an expiry in "
                              "2000 to 2099 too, an option a strike above 0 and a right as well")  # fmt: skip
        text = str(self)
        match = _SYMBOL.fullmatch(text)
        if (
            match is None
            or match.group("base", "quote", "settle") != (self.base, self.quote, self.settle)
            or not text.isprintable()
            or not is_normalized("NFC", text)
        ):
            raise SymbolError(f"{text!r} has a currency code that no ccxt-unified symbol has (or is not Unicode NFC)")

    @classmethod
    def parse(cls, text: str) -> Symbol:
        """The parts of `text`. Raises `SymbolError` where it is not a ccxt-unified symbol, or not in its one form."""
        match = _SYMBOL.fullmatch(text)
        if match is None:
            raise SymbolError(
                f"{text!r} is not a ccxt-unified symbol such as BTC/USDT, BTC/USDT:USDT or BTC/USDT:USDT-261225"
            )
        part = match.groupdict()
        symbol = cls(
            base=part["base"],
            quote=part["quote"],
            settle=part["settle"],
            expiry=_parse_day(part["expiry"], text) if part["expiry"] else None,
            strike=Decimal(part["strike"]) if part["strike"] else None,
            right=OptionRight(part["right"]) if part["right"] else None,
        )
        if str(symbol) != text:
            raise SymbolError(f"{text!r} is written {str(symbol)!r}: a strike has no needless zeros")
        return symbol

    def __str__(self) -> str:
        text = f"{self.base}/{self.quote}"
        if self.settle is not None:
            text += f":{self.settle}"
        if self.expiry is not None:
            text += f"-{self.expiry:%y%m%d}"
        if self.strike is not None:
            text += f"-{plain(self.strike)}-{self.right}"
        return text

    @property
    def expiry_ns(self) -> int | None:
        """Midnight UTC of the delivery day; venues settle at an hour of their own, which an instrument can say."""
        if self.expiry is None:
            return None
        midnight = datetime(self.expiry.year, self.expiry.month, self.expiry.day, tzinfo=UTC)
        return int(midnight.timestamp()) * NS_PER_SECOND


def _parse_day(digits: str, text: str) -> date:
    try:
        return date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError as error:
        raise SymbolError(f"{text!r} has no valid delivery day: {digits} is not YYMMDD ({error})") from None
