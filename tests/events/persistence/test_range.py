"""Reading a range is filtering all events, whatever parts they lie in, in either storage."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.events import Event, TickEvent, TradeEvent
from quantai.events.persistence import EventReader, PartWriter
from quantai.events.persistence.schema import REPLAY_RANK, to_table

DAY_NS = 86_400_000_000_000
LANES = "quantai.events.persistence.lanes"
FSYNC = "quantai.events.persistence.storage.os.fsync"  # what takes the time of many small writes
TYPES: dict[str, type[Event]] = {"tick": TickEvent, "trade": TradeEvent}
VENUES = ("okx", "kraken")
SYMBOLS = ("A/B", "Ω_€/USD:X%2F")

_stores = count()


class Chunk(NamedTuple):
    """What is written at once."""

    type: str
    venue: str
    symbol: str
    times: list[int]


class Query(NamedTuple):
    """What is asked for; None is everything."""

    start: int | None
    end: int | None
    types: set[str] | None
    venues: set[str] | None
    symbols: set[str] | None


class Row(NamedTuple):
    """An event in the order of a replay; `id` counts the events of a chunk."""

    ts_init: int
    rank: int
    venue: str
    symbol: str
    id: str


times = st.builds(lambda day, offset: day * DAY_NS + offset, st.integers(0, 2), st.integers(0, 9))
chunks = st.builds(
    Chunk,
    st.sampled_from(sorted(TYPES)),
    st.sampled_from(VENUES),
    st.sampled_from(SYMBOLS),
    st.lists(times, min_size=1, max_size=20),
)


def subset(names: tuple[str, ...]) -> st.SearchStrategy[set[str] | None]:
    return st.none() | st.sets(st.sampled_from(names))


queries = st.builds(
    Query,
    st.none() | times,
    st.none() | times,
    subset(tuple(TYPES)),
    subset((*VENUES, "nowhere")),
    subset((*SYMBOLS, "N/O")),
).filter(lambda query: query.start is None or query.end is None or query.start <= query.end)


def write(root: str | Path, written: list[Chunk]) -> list[Row]:
    rows = []
    for number, chunk in enumerate(written):
        events: list[Event] = []
        for row, ts in enumerate(chunk.times):
            name = f"{number}.{row:02}"
            rows.append(Row(ts, REPLAY_RANK[chunk.type], chunk.venue, chunk.symbol, name))
            if chunk.type == "trade":
                events.append(TradeEvent(chunk.venue, chunk.symbol, 0, ts, 1.0, 1.0, Side.BUY, name))
            else:  # ticks have no text, so the number of the event goes into its sizes
                events.append(TickEvent(chunk.venue, chunk.symbol, 0, ts, 1.0, number, 2.0, row))
        cls = TYPES[chunk.type]
        PartWriter(root).write(cls, chunk.venue, chunk.symbol, to_table(cls, events))
    return rows


def read(root: str | Path, query: Query) -> Iterator[Row]:
    start, end, types, venues, symbols = query
    for batch in EventReader(root).read_batches(start, end, types, venues, symbols):
        for event in batch:
            if isinstance(event, TradeEvent):
                yield Row(event.ts_init, REPLAY_RANK["trade"], event.venue, event.symbol, event.trade_id)
            elif isinstance(event, TickEvent):
                name = f"{event.bid_size:.0f}.{event.ask_size:02.0f}"
                yield Row(event.ts_init, REPLAY_RANK["tick"], event.venue, event.symbol, name)


def is_of(row: Row, query: Query) -> bool:
    """Whether a query asks for the stream of a row, at any time."""
    return (
        (query.types is None or row.rank in {REPLAY_RANK[name] for name in query.types})
        and (query.venues is None or row.venue in query.venues)
        and (query.symbols is None or row.symbol in query.symbols)
    )


def is_within(row: Row, query: Query) -> bool:
    return (query.start is None or query.start <= row.ts_init) and (query.end is None or row.ts_init < query.end)


def check(root: str | Path, written: list[Chunk], asked: list[Query]) -> None:
    rows = write(root, written)
    for query in asked:
        of_streams = [row for row in rows if is_of(row, query)]
        if not of_streams:
            with pytest.raises(StoreError, match="has nothing of"):
                list(read(root, query))
            continue
        found = list(read(root, query))
        assert sorted(found) == sorted(row for row in of_streams if is_within(row, query))
        assert [row[:4] for row in found] == sorted(row[:4] for row in found)
        for number in range(len(written)):
            of_chunk = [(row.ts_init, row.id) for row in found if row.id.startswith(f"{number}.")]
            assert of_chunk == sorted(of_chunk)  # events of equal time as they were written


@settings(max_examples=30)
@given(st.lists(chunks, min_size=1, max_size=6), st.lists(queries, min_size=1, max_size=4))
def test_a_range_on_the_local_disk(written: list[Chunk], asked: list[Query]) -> None:
    windows = patch.multiple(LANES, _MAX_ROWS=4, _MIN_ROWS=2)
    groups = patch("quantai.events.persistence.part_writer.ROW_GROUP_ROWS", 5)
    with TemporaryDirectory() as root, windows, groups, patch(FSYNC):
        check(root, written, asked)


@settings(max_examples=5)
@given(st.lists(chunks, min_size=1, max_size=4), st.lists(queries, min_size=1, max_size=3))
def test_a_range_in_object_storage(s3_query: str, written: list[Chunk], asked: list[Query]) -> None:
    check(f"s3://recordings/range-{next(_stores)}{s3_query}", written, asked)
