"""Part files: how they are named, and what their footers say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.schema import EVENT_TYPES, SCHEMA_VERSION, arrow_schema, event_class, parse_partition
from quantai.events.persistence.times import utc_date

_NAME = re.compile(r"(\d{1,19})_(\d{1,19})(?:-(\d{1,9}))?\.parquet")


class Stream(NamedTuple):
    """The events of one type of one instrument; equal to the plain triple."""

    type: str
    venue: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Part:
    """One file of rows sorted by `ts_init`, the first of them at `start_ns` and the last at `end_ns`.

    `number` tells apart parts that begin and end at the same times.
    """

    path: Path
    stream: Stream
    date: str
    start_ns: int
    end_ns: int
    number: int = 0

    @property
    def type(self) -> str:
        """The folder name of the event class."""
        return self.stream.type

    @property
    def venue(self) -> str:
        """The configured name of the exchange, empty where the events have none."""
        return self.stream.venue

    @property
    def symbol(self) -> str:
        """The ccxt-unified symbol, empty where the events have none."""
        return self.stream.symbol

    @property
    def rows(self) -> int:
        """The number of events; opens the footer."""
        with naming(self.path), open_part(self) as file:
            rows: int = file.metadata.num_rows
        return rows

    @property
    def bytes(self) -> int:
        """The size of the file."""
        return self.path.stat().st_size


def part_name(start_ns: int, end_ns: int, number: int = 0) -> str:
    """The file name of a part."""
    return f"{start_ns}_{end_ns}{f'-{number}' if number else ''}.parquet"


def parse_part(root: Path, path: Path) -> Part | None:
    """The part at `path`, or None where that is not a part of a store: a foreign file, or one in the wrong folder."""
    match = _NAME.fullmatch(path.name)
    folders = parse_partition(PurePosixPath(path.parent.relative_to(root)))
    if match is None or list(folders) != ["type", "venue", "symbol", "date"] or folders["type"] not in EVENT_TYPES:
        return None
    start_ns, end_ns, number = (int(group or 0) for group in match.groups())
    if not start_ns <= end_ns < 2**63 or not utc_date(start_ns) == utc_date(end_ns) == folders["date"]:
        return None
    stream = Stream(folders["type"], folders["venue"], folders["symbol"])
    return Part(path, stream, folders["date"], start_ns, end_ns, number)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Make of anything that goes wrong with the file at `path` a `StoreError` that names it."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}. Move the file out of the store to go on without it; "
            "`quantai data verify` looks for others"
        ) from error


def open_part(part: Part) -> pq.ParquetFile:
    """The file of `part`, its columns checked. Raises what `naming` expects."""
    file = pq.ParquetFile(part.path, page_checksum_verification=True)
    try:
        _check_schema(file.schema_arrow, event_class(part.type))
    except ValueError:
        file.close()
        raise
    return file


def _check_schema(found: pa.Schema, cls: type[Event]) -> None:
    version = int((found.metadata or {}).get(b"quantai.schema_version", SCHEMA_VERSION))
    if version > SCHEMA_VERSION:
        raise ValueError(f"it has schema version {version}, this QuantAI knows {SCHEMA_VERSION} and must be upgraded")
    for field in arrow_schema(cls):
        if field.name not in found.names:
            raise ValueError(f"it has no column {field.name!r}, so it holds no {cls.__name__}")
        if found.field(field.name).type != field.type:
            raise ValueError(f"its column {field.name!r} is {found.field(field.name).type}, not {field.type}")
