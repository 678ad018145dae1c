"""Where pruned orders go: `events` is a store like any recording, `orders` and `notes` are plain Parquet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Table, select

from quantai.core.errors import StoreError
from quantai.events import Event, OrderEvent
from quantai.events.codec import VERSION, CodecError, decode_json
from quantai.events.persistence import PartWriter
from quantai.events.persistence.schema import to_table
from quantai.events.persistence.storage import Root, open_storage
from quantai.oms.journal.tables import notes, order_events, orders

_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of some orders, as dictionaries."""

    orders: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    events: list[OrderEvent]

    @classmethod
    def read(cls, connection: Connection, numbers: Sequence[int]) -> Chosen:
        """All that is known of the orders of these numbers. Raises `StoreError` for an event nobody can read."""
        found: dict[Table, list[dict[str, Any]]] = {orders: [], notes: [], order_events: []}
        for first in range(0, len(numbers), _IDS_AT_ONCE):
            some = orders.c.number.in_(numbers[first : first + _IDS_AT_ONCE])
            ids = select(orders.c.client_order_id).where(some)
            for table, rows in found.items():
                query = select(table).where(table.c.client_order_id.in_(ids)).order_by(*table.primary_key)
                rows += (dict(row._mapping) for row in connection.execute(query))
        return cls(found[orders], found[notes], _events(found[order_events]))


class Archive:
    """The archive at `root`, a folder or URI."""

    def __init__(self, root: Root) -> None:
        self._storage = open_storage(root)
        self._root = root

    def write(self, label: str, chosen: Chosen) -> None:
        """Write `chosen`, durably; nothing where the same was written under this `label` before. Raises `StoreError` or
        `OSError`.
        """
        streams: defaultdict[tuple[type[OrderEvent], str, str], list[OrderEvent]] = defaultdict(list)
        for event in chosen.events:
            streams[type(event), event.venue, event.symbol].append(event)
        writer = PartWriter(_below(self._root, "events"))
        for (kind, venue, symbol), events in streams.items():
            writer.write(kind, venue, symbol, _table(kind, events), origin=f"order journal {label}")
        for table, rows in ((orders, chosen.orders), (notes, chosen.notes)):
            if rows:
                self._write_rows(PurePosixPath(table.name, f"{label}.parquet"), table, rows)

    def _write_rows(self, relative: PurePosixPath, table: Table, rows: list[dict[str, Any]]) -> None:
        columns = pa.schema([pa.field(column.name, _arrow_type(column.type.python_type)) for column in table.c])
        content = pa.Table.from_pylist(rows, columns)

        def write(file: BinaryIO) -> None:
            pq.write_table(content, file, compression="zstd", write_page_checksum=True)

        self._storage.create(relative, write)


def _below(root: Root, folder: str) -> str:
    path, query, options = str(root).partition("?") if "://" in str(root) else (str(root), "", "")
    return f"{path.rstrip('/')}/{folder}{query}{options}"


def _arrow_type(kind: type) -> pa.DataType:
    return {str: pa.string(), bool: pa.bool_(), int: pa.int64()}[kind]


def _events(rows: list[dict[str, Any]]) -> list[Any]:
    bodies = ",".join(row["body"] for row in rows)
    try:
        return decode_json(f'{{"version":{VERSION},"events":[{bodies}]}}'.encode())
    except CodecError as error:
        raise StoreError(f"orders cannot be archived, and stay in the journal: {error}") from error


def _table(kind: type[Event], events: Sequence[Event]) -> pa.Table:
    try:
        return to_table(kind, events)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise StoreError(f"{kind.tag()} cannot be archived, and its order stays in the journal: {error}") from error
