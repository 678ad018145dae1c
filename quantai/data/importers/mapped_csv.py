"""The format a column mapping describes."""

from __future__ import annotations

from collections.abc import Mapping

from quantai.core.errors import ConfigError
from quantai.data.importers.converter import SYMBOL, Format, RowConverter
from quantai.data.importers.files import FileHead
from quantai.data.importers.mapping import EVENT_CLASSES, Column, CsvMapping, SplitColumn, place_of
from quantai.data.importers.source import IMPOSSIBLE_NS, Category, Epoch, Iso, Number, Part, SideOf, Source, Text

_TIMES = {"ts_event", "ts_init", "next_funding_ns"}


class MappedCsv(Format):
    """A generic CSV file with its mapping."""

    name = "csv"
    summary = "any other CSV, described by a column mapping in YAML"

    def __init__(self, mapping: CsvMapping) -> None:
        self._mapping = mapping

    def fits(self, head: FileHead) -> bool:
        del head
        return True

    def converter(self, head: FileHead) -> RowConverter:
        mapping = self._mapping
        at = self._columns(head)
        sources = {name: self._source(name, column, at) for name, column in mapping.columns.items()}
        return RowConverter(
            EVENT_CLASSES[mapping.type],
            sources,
            header_lines=int(mapping.has_header),
            delimiter=mapping.delimiter,
            constants={"interval_ns": mapping.bar.interval_ns} if mapping.bar else None,
            allow_negative_price=mapping.allow_negative_price,
        )

    def _columns(self, head: FileHead) -> Mapping[str, int]:
        fields = head.fields(self._mapping.delimiter)
        at = {name: number for number, name in enumerate(fields)} if self._mapping.has_header else {}
        for field, column in self._mapping.columns.items():
            place = place_of(column)
            if isinstance(place, int) and place >= len(fields):
                found = f"its first line has {len(fields)} columns, from 0"
            elif isinstance(place, str) and fields.count(place) != 1:
                found = f"its header is {', '.join(map(repr, fields))}"
            else:
                continue
            raise ConfigError(f"{head.path} has no one column {place!r} for {field}: {found}")
        return at

    def _source(self, field: str, column: Column, at: Mapping[str, int]) -> Source:
        place = place_of(column)
        inner = self._whole(field, at[place] if isinstance(place, str) else place)
        return Part(column.split, column.part, inner) if isinstance(column, SplitColumn) else inner

    def _whole(self, field: str, column: int) -> Source:
        mapping = self._mapping
        if field in _TIMES:
            return self._time(field, column)
        if field == "side" and mapping.side:
            return SideOf(column, mapping.side.by_text())
        if field == SYMBOL:
            return Category(column)
        return Text(column) if field == "trade_id" else Number(column)

    def _time(self, field: str, column: int) -> Source:
        time, bar = self._mapping.time, self._mapping.bar
        shift_ns = bar.interval_ns if bar and bar.time_is == "open" else 0
        if time.unit == "iso":
            return Iso(column, time.timezone, shift_ns)
        return Epoch(column, time.unit, shift_ns, empty_ns=0 if field == "next_funding_ns" else IMPOSSIBLE_NS)
