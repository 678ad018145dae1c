"""From rows of a file to the columns of events: the base of all formats and the plain case of one row, one event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from quantai.core.enums import Side
from quantai.data.importers.checks import checked
from quantai.data.importers.files import FileHead
from quantai.data.importers.outcome import Outcome
from quantai.data.importers.source import Source
from quantai.events import MarketEvent
from quantai.events.persistence.schema import arrow_schema

SYMBOL = "symbol"
_DEFAULTS: dict[str, object] = {
    "side": Side.UNKNOWN.value,
    "trade_id": "",
    "sequence": 0,
    "next_funding_ns": 0,
    "index_price": None,
}


class Batch(NamedTuple):
    """Rows of one event class as they are stored; `venue_symbol` is None where the file does not say it."""

    cls: type[MarketEvent]
    venue_symbol: str | None
    table: pa.Table


class Converter(ABC):
    """Makes events of one file. It may keep rows from one block to the next; `finish` gives what it kept."""

    sources: Mapping[str, Source]
    header_lines: int
    delimiter: str = ","

    @abstractmethod
    def convert(self, rows: pa.Table, outcome: Outcome) -> Iterable[Batch]:
        """The events of parsed rows, which have a column for every source and `line`."""

    def finish(self, outcome: Outcome) -> Iterable[Batch]:
        """The events of the rows kept back."""
        del outcome
        return ()


class Format(ABC):
    """A kind of file: how it is recognised and what reads it."""

    name: str
    summary: str

    @abstractmethod
    def fits(self, head: FileHead) -> bool:
        """Whether the first lines can be of this format: asked when the user named it."""

    def recognises(self, head: FileHead) -> bool:
        """Whether a file is surely of this format: asked when the user named none."""
        return self.fits(head)

    @abstractmethod
    def converter(self, head: FileHead) -> Converter:
        """What reads the file. Raises `ConfigError` where it lacks something."""

    def venue_symbol(self, head: FileHead) -> str | None:
        """The venue's symbol as the file's name tells it, None where it does not."""
        del head
        return None


class RowConverter(Converter):
    """One event of `cls` for every row; `constants` are fields that are the same in all."""

    def __init__(
        self,
        cls: type[MarketEvent],
        sources: Mapping[str, Source],
        *,
        header_lines: int,
        delimiter: str = ",",
        constants: Mapping[str, object] | None = None,
        allow_negative_price: bool = False,
    ) -> None:
        self.cls = cls
        self.sources = sources
        self.header_lines = header_lines
        self.delimiter = delimiter
        self._constants = constants or {}
        self._allow_negative_price = allow_negative_price

    def convert(self, rows: pa.Table, outcome: Outcome) -> Iterator[Batch]:
        for name, value in self._constants.items():
            rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
        good = checked(self.cls, rows, outcome, allow_negative_price=self._allow_negative_price)
        for symbol, part in by_symbol(good):
            yield Batch(self.cls, symbol, event_columns(self.cls, part))


def by_symbol(rows: pa.Table) -> Iterator[tuple[str | None, pa.Table]]:
    """The rows of each venue symbol in their order; all of them, under None, where the file has no such column."""
    if SYMBOL not in rows.column_names:
        yield None, rows
        return
    symbols = pc.unique(rows.column(SYMBOL)).to_pylist()
    for symbol in symbols:
        yield symbol, rows if len(symbols) == 1 else rows.filter(pc.equal(rows.column(SYMBOL), symbol))


def event_columns(cls: type[MarketEvent], rows: pa.Table) -> pa.Table:
    """The stored columns of `cls`; what a file does not tell is filled in: `ts_init` is `ts_event`, no trade id."""
    return pa.Table.from_arrays([_column(rows, field) for field in arrow_schema(cls)], schema=arrow_schema(cls))


def _column(rows: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if field.name in rows.column_names:
        return rows.column(field.name).cast(field.type)
    if field.name == "ts_init":
        return rows.column("ts_event")
    return pa.repeat(pa.scalar(_DEFAULTS[field.name], field.type), rows.num_rows)
