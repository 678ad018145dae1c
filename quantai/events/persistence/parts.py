"""Part files: how they are named, and what their footers say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.decode import default_columns
from quantai.events.persistence.schema import EVENT_TYPES, SCHEMA_VERSION, arrow_schema, event_class, parse_partition
from quantai.events.persistence.storage import Storage
from quantai.events.persistence.times import END_NS, utc_date

_NAME = re.compile(r"(\d{1,19})_(\d{1,19})(?:-(\d{1,9}))?\.parquet")


class Stream(NamedTuple):
    """The events of one type of one instrument; equal to the plain triple."""

    type: str
    venue: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Part:
    """One file of rows sorted by `ts_init`, the first of them at `start_ns` and the last at `end_ns`.

    It lies at `relative` in `storage`. `number` tells apart parts that begin and end at the same times.
    """

    storage: Storage
    relative: PurePosixPath
    stream: Stream
    date: str
    start_ns: int
    end_ns: int
    number: int = 0

    @property
    def name(self) -> str:
        """The file in messages: its path on the local disk, or its URI."""
        return self.storage.display(self.relative)

    @property
    def path(self) -> Path:
        """The file on the local disk. Raises `StoreError` where the store is object storage."""
        path = self.storage.local_path(self.relative)
        if path is None:
            raise StoreError(f"{self.name} is not on the local disk")
        return path

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
        with naming(self.name), open_part(self) as file:
            rows: int = file.metadata.num_rows
        return rows

    @property
    def bytes(self) -> int:
        """The size of the file."""
        with naming(self.name):
            file = self.storage.find(self.relative)
            if file is None:
                raise FileNotFoundError
        return file.size


def part_name(start_ns: int, end_ns: int, number: int = 0) -> str:
    """The file name of a part."""
    return f"{start_ns}_{end_ns}{f'-{number}' if number else ''}.parquet"


def parse_part(storage: Storage, path: PurePosixPath) -> Part | None:
    """The part at `path`, or None where that is not a part of a store: a foreign file, or one in the wrong folder."""
    return next(parts_in(storage, path.parent, [path.name]), None)


def parts_in(storage: Storage, folder: PurePosixPath, names: Iterable[str]) -> Iterator[Part]:
    """The parts among the files of `folder`."""
    keys = parse_partition(folder)
    if list(keys) != ["type", "venue", "symbol", "date"] or keys["type"] not in EVENT_TYPES:
        return
    stream, date = Stream(keys["type"], keys["venue"], keys["symbol"]), keys["date"]
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        start_ns, end_ns, number = (int(group or 0) for group in match.groups())
        if start_ns <= end_ns < END_NS and utc_date(start_ns) == utc_date(end_ns) == date:
            yield Part(storage, folder / name, stream, date, start_ns, end_ns, number)


@contextmanager
def naming(name: str | Path) -> Iterator[None]:
    """Make of anything that goes wrong with the file called `name` a `StoreError` that says so."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(
            f"{name} is gone: it was compacted or moved after the store was listed, so begin again"
        ) from error
    except PermissionError as error:
        raise StoreError(f"{name} cannot be read: this user may not. Give it the right to read the store") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(
            f"{name} cannot be read: {str(error).rstrip('.')}. `quantai data repair` saves what can be read of it"
        ) from error


@contextmanager
def open_part(part: Part) -> Iterator[pq.ParquetFile]:
    """The file of `part`, its columns checked. Raises what `naming` expects."""
    with part.storage.open(part.relative) as source:
        # The columns of a row group in one request, which a local disk has no need of.
        is_remote = part.storage.local_path(part.relative) is None
        file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=is_remote)
        _check_schema(file.schema_arrow, event_class(part.type))
        yield file


def _check_schema(found: pa.Schema, cls: type[Event]) -> None:
    """An older file may lack columns that came later, if the event class has a default for them."""
    version = int((found.metadata or {}).get(b"quantai.schema_version", SCHEMA_VERSION))
    if version > SCHEMA_VERSION:
        raise ValueError(f"it has schema version {version}, this QuantAI knows {SCHEMA_VERSION} and must be upgraded")
    optional = default_columns(cls) if version < SCHEMA_VERSION else {}
    for field in arrow_schema(cls):
        if field.name in found.names:
            kind = found.field(field.name).type
            if kind != field.type:
                raise ValueError(f"its column {field.name!r} is {kind}, not {field.type}")
        elif field.name not in optional:
            raise ValueError(f"it has no column {field.name!r}, so it holds no {cls.__name__}")
