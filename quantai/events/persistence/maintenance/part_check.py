"""One part against what a part must be, read once from end to end in constant memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from quantai.core.clock import iso_utc
from quantai.core.errors import StoreError
from quantai.events.persistence.decode import decoder
from quantai.events.persistence.maintenance.findings import Finding, Kind
from quantai.events.persistence.maintenance.rows import read_group
from quantai.events.persistence.parts import Part, naming, open_part
from quantai.events.persistence.schema import event_class

READ_ERRORS = (pa.ArrowException, OSError, ValueError)
"""What reading a damaged file raises."""


@dataclass(slots=True)
class PartCheck:
    """What is wrong with a part, and how many rows of it could be read."""

    part: Part
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether every reader can rely on the part."""
        return not self.findings

    def find(self, kind: Kind, what: str) -> None:
        """Note a finding, of each kind the first."""
        if all(finding.kind is not kind for finding in self.findings):
            self.findings.append(Finding(kind, self.part.name, what))


def check_part(part: Part) -> PartCheck:
    """Read all of `part`: page checksums, columns, values, order, times and statistics."""
    check = PartCheck(part)
    try:
        with open_part(part) as file:
            _check_metadata(check, file)
            _check_groups(check, file)
    except FileNotFoundError:
        check.find(Kind.UNREADABLE, "is gone since the store was listed, as when it was compacted: look again")
    except READ_ERRORS as error:
        check.find(_kind_of(part), str(error))
    return check


def _kind_of(part: Part) -> Kind:
    """Whether a part that cannot be opened is damaged, or only has other columns."""
    try:
        with naming(part.name), part.storage.open(part.relative) as raw, pq.ParquetFile(raw):
            return Kind.SCHEMA
    except StoreError:
        return Kind.UNREADABLE


def _check_metadata(check: PartCheck, file: pq.ParquetFile) -> None:
    told = (file.schema_arrow.metadata or {}).get(b"quantai.type", check.part.type.encode()).decode()
    if told != check.part.type:
        check.find(Kind.SCHEMA, f"holds {told} events, in a folder of {check.part.type}")
    if not file.metadata.num_rows:
        check.find(Kind.NAME, "has no rows")


def _check_groups(check: PartCheck, file: pq.ParquetFile) -> None:
    cls = event_class(check.part.type)
    last_ns = check.part.start_ns
    for index in range(file.metadata.num_row_groups):
        seen = _Ranges()
        try:
            for batch in read_group(file, cls, index):
                decoder(cls).prepare(batch)
                times = batch.column("ts_init").to_numpy()
                _check_times(check, times, last_ns)
                _check_numbers(check, batch)
                last_ns = int(times[-1])
                check.rows += batch.num_rows
                seen.add(batch)
        except READ_ERRORS as error:
            check.find(Kind.UNREADABLE, f"row group {index}: {error}")
            continue
        _check_statistics(check, file.metadata.row_group(index), index, seen)


def _check_times(check: PartCheck, times: np.ndarray, last_ns: int) -> None:
    part = check.part
    if times.min() < part.start_ns or times.max() > part.end_ns:
        outside = times.min() if times.min() < part.start_ns else times.max()
        check.find(Kind.NAME, f"has a row of {iso_utc(int(outside))}, which is not between the times in its name")
    elif times[0] < last_ns or np.any(times[1:] < times[:-1]):
        check.find(Kind.ORDER, "its rows are not in order of ts_init")


def _check_numbers(check: PartCheck, batch: pa.RecordBatch) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        numbers = column.flatten() if pa.types.is_list(column.type) else column
        if pa.types.is_floating(numbers.type) and pc.all(pc.is_finite(numbers), min_count=0).as_py() is False:
            check.find(Kind.VALUES, f"its column {name!r} has values that are not finite numbers")


class _Ranges:
    """The least and greatest value of each column of numbers."""

    def __init__(self) -> None:
        self.rows = 0
        self._ranges: dict[str, tuple[float, float]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)) and column.null_count < len(
                column
            ):
                found = pc.min_max(column)
                low, high = self._ranges.get(name, (found["min"].as_py(), found["max"].as_py()))
                self._ranges[name] = min(low, found["min"].as_py()), max(high, found["max"].as_py())

    def differ(self, group: pq.RowGroupMetaData) -> str | None:
        """A column whose statistics are not what its values are."""
        for index in range(group.num_columns):
            column = group.column(index)
            told, seen = column.statistics, self._ranges.get(column.path_in_schema)
            if told is not None and told.has_min_max and seen is not None and (told.min, told.max) != seen:
                return str(column.path_in_schema)
        return None


def _check_statistics(check: PartCheck, group: pq.RowGroupMetaData, index: int, seen: _Ranges) -> None:
    if seen.rows != group.num_rows:
        check.find(Kind.STATISTICS, f"row group {index} has {seen.rows:,} rows, its footer says {group.num_rows:,}")
    elif (name := seen.differ(group)) is not None:
        check.find(Kind.STATISTICS, f"row group {index}: the statistics of column {name!r} are not those of its values")
