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

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import SymbolError
from quantai.core.numbers import plain

_CODE = r"[^\s/:\-]+"
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

    @classmethod
    def parse(cls, text: str) -> Symbol:
        """The parts of `text`. Raises `SymbolError` where it is not a ccxt-unified symbol."""
        match = _SYMBOL.fullmatch(text)
        if match is None:
            raise SymbolError(
                f"{text!r} is not a ccxt-unified symbol such as BTC/USDT, BTC/USDT:USDT or BTC/USDT:USDT-261225"
            )
        part = match.groupdict()
        return cls(
            base=part["base"],
            quote=part["quote"],
            settle=part["settle"],
            expiry=_parse_day(part["expiry"], text) if part["expiry"] else None,
            strike=Decimal(part["strike"]) if part["strike"] else None,
            right=OptionRight(part["right"]) if part["right"] else None,
        )

    def __str__(self) -> str:
        text = f"{self.base}/{self.quote}"
        if self.settle:
            text += f":{self.settle}"
        if self.expiry:
            text += f"-{self.expiry:%y%m%d}"
        if self.strike is not None and self.right:
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
