"""Names and order ids."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

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


class ClientOrderIds:
    """Makes client order ids: strategy, run tag and a counter, letters and digits only, at most 32 characters.

    The tag must differ between any two runs that can reach the same account (assembly gives a time-based one when live,
    a fixed one in simulation so that runs repeat to the byte).
    """

    def __init__(self, tag: str) -> None:
        if not re.fullmatch(r"[a-z0-9]{1,12}", tag):
            raise QuantAIError(f"an order id tag must be 1 to 12 small letters or digits, not {tag!r}")
        self._tag = tag
        self._count = 0

    def next(self, strategy: str) -> str:
        """The next id for an order of `strategy`."""
        self._count += 1
        return f"{strategy.replace('_', '')[:10]}{self._tag}{base36(self._count):0>6}"
