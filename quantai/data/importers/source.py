"""Where an event's field comes from: columns of the file, read as texts or numbers and turned into what is stored.

A source says which columns it needs and as what pyarrow should parse them (`kind`), then makes one array of them. It
raises `pa.ArrowInvalid` where a text is not what it must be; the parser finds the row. Nothing goes through floats but
prices and sizes: times are parsed as exact decimals.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quantai.core.enums import Side

IMPOSSIBLE_NS = -1
_DECIMALS_TO_NS = {"s": 9, "ms": 6, "us": 3, "ns": 0}
_ZONE = r":\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)$"
_NS_PER_MS, _NS_PER_US = 1_000_000, 1_000
# Milliseconds reach this in the year 5138, microseconds had passed it in 1973.
_FIRST_US = 10**14
_LAST_US = 2**63 // _NS_PER_US - 1

CATEGORY = pa.dictionary(pa.int32(), pa.string())
_SIDES = pa.array([side.value for side in Side])
_SIDE_CODES = {side: code for code, side in enumerate(Side)}


class Source(ABC):
    """One field of an event as columns of a file."""

    kind: pa.DataType

    def __init__(self, *columns: int) -> None:
        self.columns = columns

    @abstractmethod
    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        """The field, of the parsed columns in the order of `columns`."""


class Number(Source):
    """A decimal number as the nearest float64; an empty one is null."""

    kind = pa.float64()

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        return parsed[0]


class Flag(Source):
    """true or false."""

    kind = pa.bool_()

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        if parsed[0].null_count:
            raise pa.ArrowInvalid("empty where there should be true or false")
        return parsed[0]


class Text(Source):
    """The text as it stands."""

    kind = pa.string()

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        return parsed[0]


class Category(Source):
    """A text of few distinct values, such as a symbol."""

    kind = CATEGORY

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        return parsed[0]


class SideOf(Source):
    """A side by its texts at the source, letter by letter."""

    kind = CATEGORY

    def __init__(self, column: int, sides: Mapping[str, Side]) -> None:
        super().__init__(column)
        self._codes = {text: _SIDE_CODES[side] for text, side in sides.items()}

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        words = parsed[0].dictionary.to_pylist()
        unknown = next((word for word in words if word not in self._codes), None)
        if unknown is not None:
            raise pa.ArrowInvalid(f"{unknown!r} is none of {', '.join(map(repr, self._codes))}")
        codes = pa.array([self._codes[word] for word in words], pa.int32())
        return pa.DictionaryArray.from_arrays(codes.take(parsed[0].indices), _SIDES)


class Epoch(Source):
    """Time since 1970 in `unit` (s, ms, us, ns), exact to the nanosecond; `shift_ns` is added to all but empty ones."""

    def __init__(self, column: int, unit: str, shift_ns: int = 0, empty_ns: int = IMPOSSIBLE_NS) -> None:
        super().__init__(column)
        self.kind = pa.decimal128(38, _DECIMALS_TO_NS[unit])
        self._shift_ns = shift_ns
        self._empty_ns = empty_ns

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        column = parsed[0]
        words = np.frombuffer(column.buffers()[1], np.int64)[2 * column.offset : 2 * (column.offset + len(column))]
        low, high = words[::2], words[1::2]
        times = np.where((high == 0) & (low >= 0), low + self._shift_ns, IMPOSSIBLE_NS)
        if column.null_count:
            times[np.asarray(column.is_null())] = self._empty_ns
        return pa.array(times)


class MsOrUs(Source):
    """Whole milliseconds or microseconds since 1970, told apart by their magnitude; `after` adds one of that unit."""

    kind = pa.int64()

    def __init__(self, column: int, after: bool = False) -> None:
        super().__init__(column)
        self._after = int(after)

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        values = pc.fill_null(parsed[0], IMPOSSIBLE_NS).to_numpy(zero_copy_only=False)
        scale = np.where(values < _FIRST_US, _NS_PER_MS, _NS_PER_US)
        possible = (values >= 0) & (values < _LAST_US)
        return pa.array(np.where(possible, (values + self._after) * scale, IMPOSSIBLE_NS))


class Span(Source):
    """The time from one source to another, in nanoseconds."""

    kind = pa.int64()

    def __init__(self, start: MsOrUs, end: MsOrUs) -> None:
        super().__init__(*start.columns, *end.columns)
        self._start, self._end = start, end

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        return pc.subtract(self._end.read(parsed[1:]), self._start.read(parsed[:1]))


class Iso(Source):
    """ISO 8601 time with up to nine decimals; one without a zone is local time in `timezone`."""

    kind = pa.string()

    def __init__(self, column: int, timezone: str, shift_ns: int = 0) -> None:
        super().__init__(column)
        self._timezone = timezone
        self._shift_ns = shift_ns

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        texts = parsed[0]
        zoned = pc.sum(pc.match_substring_regex(texts, _ZONE)).as_py()
        if zoned and zoned < len(texts):
            raise pa.ArrowInvalid("some times have a zone and some have none")
        times = texts.cast(pa.timestamp("ns", "UTC")) if zoned else self._local(texts.cast(pa.timestamp("ns")))
        return pc.add(times.cast(pa.int64()), self._shift_ns)

    def _local(self, times: pa.Array) -> pa.Array:
        first, last = (
            pc.assume_timezone(times, self._timezone, ambiguous=which, nonexistent=which)
            for which in ("earliest", "latest")
        )
        if not first.equals(last):
            raise pa.ArrowInvalid(f"it is skipped or happens twice in {self._timezone} when its clocks change")
        return first


class Part(Source):
    """One part of a column split at a separator, read by another source."""

    kind = pa.string()

    def __init__(self, separator: str, part: int, inner: Source) -> None:
        super().__init__(*inner.columns)
        self._separator, self._part, self._inner = separator, part, inner

    def read(self, parsed: Sequence[pa.Array]) -> pa.Array:
        parts = pc.split_pattern(parsed[0], self._separator)
        if pc.min(pc.list_value_length(parts)).as_py() <= self._part:
            raise pa.ArrowInvalid(f"it has no part {self._part} when split at {self._separator!r}")
        return self._inner.read([as_kind(pc.list_element(parts, self._part), self._inner.kind)])


def as_kind(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """`column` as what a source wants; texts are parsed. Raises `pa.ArrowInvalid`."""
    if column.type == kind:
        return column
    return column.dictionary_encode() if kind == CATEGORY else column.cast(kind)
