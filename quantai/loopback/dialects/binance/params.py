"""Parameters of a request, read with Binance's own complaints."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance.errors import ApiError

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_MOST_DECIMALS = 8
E = TypeVar("E", bound=StrEnum)


class Params:
    """What came in query, body or WebSocket message, as text."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without `default` it must be there."""
        value = self.values.get(name, default)
        if not value and default is None:
            raise missing(name)
        return value or ""

    def number(self, name: str, default: Decimal | None = None) -> Decimal:
        """An exact number, not negative, of at most 8 decimals."""
        text = self.values.get(name, "")
        if not text:
            if default is None:
                raise missing(name)
            return default
        if not _NUMBER.fullmatch(text):
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is "
                                  "'^([0-9]{1,20})(\\.[0-9]{1,20})?$'.")  # fmt: skip
        if len(text.rpartition(".")[2].rstrip("0")) > _MOST_DECIMALS and "." in text:
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
        return Decimal(text)

    def positive(self, name: str) -> Decimal:
        """A number above 0, which must be there."""
        value = self.number(name)
        if value <= ZERO:
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A whole number; `default` where it was not sent."""
        text = self.values.get(name, "")
        if not text:
            return default
        if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 20:
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(text)

    def limit(self, default: int, most: int) -> int:
        """How many rows are wanted."""
        wanted = self.integer("limit", default) or default
        if wanted < 1:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(wanted, most)

    def flag(self, name: str) -> bool:
        """True or false; false where it was not sent."""
        text = self.values.get(name, "false").lower()
        if text not in ("true", "false"):
            raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return text == "true"

    def choice(self, name: str, kind: type[E], default: E, code: int, message: str) -> E:
        """One of the values of `kind`."""
        text = self.values.get(name, "")
        if not text:
            return default
        try:
            return kind(text)
        except ValueError:
            raise ApiError(code, message) from None


def missing(name: str) -> ApiError:
    """A mandatory parameter was not sent."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
