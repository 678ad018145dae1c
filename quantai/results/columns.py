"""The columns of a table, filled a few rows at a time.

Not by `pa.array`: that looks whether it is given something of pandas, and imports all of it to know, a third of a
second.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import accumulate
from typing import Any, Literal, Protocol, cast

import numpy as np
import pyarrow as pa

MONEY = pa.decimal128(38, 18)
TEXT = pa.string()
TIME = pa.int64()
FLOAT = pa.float64()
_MONEY_DIGITS = MONEY.precision - MONEY.scale


class Column(Protocol):
    """Values of one column, as many as there are rows in a chunk."""

    def extend(self, values: Sequence[Any], /) -> None:
        """Take more. Raises for what the column cannot hold."""
        ...

    def finish(self) -> pa.Array:
        """All of them."""
        ...


class _Numbers:
    """A column of integers or floats."""

    def __init__(self, kind: pa.DataType, code: Literal["q", "d"]) -> None:
        self._kind = kind
        self._values: array[Any] = array(code)

    def extend(self, values: Sequence[float], /) -> None:
        self._values.extend(values)

    def finish(self) -> pa.Array:
        return pa.Array.from_buffers(self._kind, len(self._values), [None, pa.py_buffer(self._values)])


class _Texts:
    """A column of texts, in UTF-8."""

    def __init__(self) -> None:
        self._lengths = array("i")
        self._nulls: list[int] = []
        self._bytes = bytearray()

    def extend(self, values: Sequence[str | None], /) -> None:
        if None in values:
            self._nulls += [place for place, text in enumerate(values, len(self._lengths)) if text is None]
            values = [text or "" for text in values]
        texts = cast(Sequence[str], values)
        joined = "".join(texts)
        self._bytes += joined.encode()
        self._lengths.extend(map(len, texts if joined.isascii() else map(str.encode, texts)))

    def finish(self) -> pa.Array:
        rows = len(self._lengths)
        ends = array("i", accumulate(self._lengths, initial=0))
        return pa.Array.from_buffers(TEXT, rows, [self._validity(rows), pa.py_buffer(ends), pa.py_buffer(self._bytes)])

    def _validity(self, rows: int) -> pa.Buffer | None:
        if not self._nulls:
            return None
        is_there = np.ones(rows, bool)
        is_there[self._nulls] = False
        return pa.py_buffer(np.packbits(is_there, bitorder="little"))


class _Amounts:
    """A column of decimals, which stay text until the thread has time for them."""

    def __init__(self) -> None:
        self._texts = _Texts()

    def extend(self, values: Sequence[Decimal | None], /) -> None:
        amounts = [value for value in values if value is not None]
        if max(map(Decimal.adjusted, amounts), default=0) >= _MONEY_DIGITS:  # a cast would make another amount of it
            raise ValueError(f"{max(amounts, key=Decimal.adjusted)} has over {_MONEY_DIGITS} digits before the point")
        self._texts.extend([None if value is None else str(value) for value in values])

    def finish(self) -> pa.Array:
        return self._texts.finish().cast(MONEY)


_COLUMNS: dict[pa.DataType, Callable[[], Column]] = {
    TEXT: _Texts,
    MONEY: _Amounts,
    TIME: partial(_Numbers, TIME, "q"),
    FLOAT: partial(_Numbers, FLOAT, "d"),
}


def make_column(kind: pa.DataType) -> Column:
    """An empty column of one of the types above."""
    return _COLUMNS[kind]()
