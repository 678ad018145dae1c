"""Names and order ids."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from zlib import crc32

from quantai.core.errors import QuantAIError

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"
_NAME = re.compile(NAME_PATTERN)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def is_name(text: str) -> bool:
    """Whether `text` can name a venue, strategy or instrument: small letters, digits, `_`, at most 32 characters."""
    return _NAME.fullmatch(text) is not None


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `name`, or None where nothing is close: for «did you mean»."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return close[0]
    folded = [candidate for candidate in names if candidate.casefold() == name.casefold()]
    return folded[0] if folded else None


def base36(number: int) -> str:
    """`number` (not negative) in digits and small letters."""
    if number < 0:
        raise QuantAIError(f"base36 takes no negative number, not {number}")
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text


def strategy_code(strategy: str) -> str:
    """Three characters that stand for a strategy in order ids: its first letter and a checksum of its name."""
    return strategy[0] + base36(crc32(strategy.encode()) % 36**2).rjust(2, "0")


def run_tag(now_ns: int, chance: int) -> str:
    """What tells a run's order ids from any other's: the second it began (`now_ns`, UTC) and `chance`, 0 to 46,655."""
    return base36(now_ns // 1_000_000_000).rjust(6, "0") + base36(chance).rjust(3, "0")


class ClientOrderIds:
    """Makes client order ids: strategy code, run tag and a counter, at most 18 small letters and digits.

    That is legal everywhere: the shortest limit is Kraken's, 18 characters of free text; OKX takes letters and digits
    only; Hyperliquid wants 128 bits, into which 18 digits of base 36 go. The tag must differ between any two runs that
    can reach the same account (`run_tag`); in a simulation it is fixed, so that runs repeat to the byte.
    """

    def __init__(self, tag: str) -> None:
        if not re.fullmatch(r"[a-z0-9]{1,9}", tag):
            raise QuantAIError(f"an order id tag must be 1 to 9 small letters or digits, not {tag!r}")
        self._tag = tag
        self._count = 0
        self._high, self._before = 0, "00000"  # all digits of the counter but the last
        self._codes: dict[str, str] = {}

    def next(self, strategy: str) -> str:
        """The next id for an order of `strategy`."""
        self._count += 1
        high, low = divmod(self._count, 36)
        if high != self._high:
            self._high, self._before = high, base36(high).rjust(5, "0")
        code = self._codes.get(strategy) or self._codes.setdefault(strategy, strategy_code(strategy))
        return f"{code}{self._tag}{self._before}{_DIGITS[low]}"
