from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.events import Event, TickEvent, TradeEvent
from quantai.events.persistence import PartWriter, Stream, foreign_files, list_parts, list_streams, summarise
from quantai.events.persistence.schema import to_table
from quantai.events.persistence.storage import LocalStorage
from quantai.events.persistence.store import COMPACTION, Compaction, StreamSummary, leftovers

DAY_NS = 86_400_000_000_000


def trade(ts: int) -> TradeEvent:
    return TradeEvent("v", "s", ts, ts, 1.0, 1.0, Side.BUY, "")


def tick(ts: int) -> TickEvent:
    return TickEvent("v", "s", ts, ts, 1.0, 1.0, 2.0, 1.0)


def write(root: Path, venue: str, symbol: str, *events: Event) -> None:
    PartWriter(root).write(type(events[0]), venue, symbol, to_table(type(events[0]), events))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write(tmp_path, "okx", "A/B", trade(10), trade(20), trade(DAY_NS + 5))
    write(tmp_path, "okx", "C/D", trade(15))
    write(tmp_path, "kraken", "A/B", tick(12), tick(30))
    return tmp_path


def test_parts_are_listed_by_stream_and_time(store: Path) -> None:
    assert [(part.type, part.venue, part.symbol, part.start_ns, part.end_ns) for part in list_parts(store)] == [
        ("tick", "kraken", "A/B", 12, 30),
        ("trade", "okx", "A/B", 10, 20),
        ("trade", "okx", "A/B", DAY_NS + 5, DAY_NS + 5),
        ("trade", "okx", "C/D", 15, 15),
    ]


@pytest.mark.parametrize(
    ("selection", "starts"),
    [
        ({"types": TickEvent}, [12]),
        ({"types": ["tick", TradeEvent]}, [12, 10, DAY_NS + 5, 15]),
        ({"types": "trade", "symbols": "C/D"}, [15]),
        ({"venues": {"okx"}, "symbols": ["A/B", "X/Y"]}, [10, DAY_NS + 5]),
        ({"streams": [("trade", "okx", "C/D")]}, [15]),
        ({"streams": lambda _, venue, __: venue == "kraken"}, [12]),
        ({"start": 21}, [12, DAY_NS + 5]),
        ({"start": 20, "end": 21}, [12, 10]),
        ({"end": 12}, [10]),
        ({"start": DAY_NS}, [DAY_NS + 5]),
        ({"start": 31, "end": DAY_NS + 5}, []),
    ],
)
def test_parts_are_selected_by_names_and_times(store: Path, selection: dict[str, Any], starts: list[int]) -> None:
    assert [part.start_ns for part in list_parts(store, **selection)] == starts


def test_parts_of_equal_times_are_listed_in_the_order_they_were_written(tmp_path: Path) -> None:
    for _ in range(11):
        write(tmp_path, "v", "s", trade(10))
    assert [part.number for part in list_parts(tmp_path)] == list(range(11))


def test_listing_opens_no_file(store: Path) -> None:
    for part in list_parts(store):
        part.path.write_bytes(b"not parquet")
    assert len(list_parts(store)) == 4


def test_an_unknown_type_is_refused(store: Path) -> None:
    with pytest.raises(StoreError, match="no event type 'trades'"):
        list_parts(store, types=["trades"])


def test_asking_for_what_was_never_recorded_is_refused(store: Path) -> None:
    with pytest.raises(StoreError, match=r"nothing of symbols='BTCUSDT'.*quantai data ls"):
        list_parts(store, symbols="BTCUSDT")


def test_a_missing_store_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no store at .*nowhere.*quantai data import"):
        list_parts(tmp_path / "nowhere")


def test_a_store_without_recordings_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no recordings.*quantai data import"):
        summarise(tmp_path)


def test_foreign_files_are_passed_over_and_reported(store: Path) -> None:
    day = "type=trade/venue=okx/symbol=A%2FB/date=1970-01-01"
    foreign = [
        "README.md",
        f"{day}/20_10.parquet",  # ends before it starts
        f"{day}/data.parquet",
        f"{day}/{DAY_NS}_{DAY_NS}.parquet",  # of another day
        "type=mood/venue=okx/symbol=A%2FB/date=1970-01-01/1_2.parquet",
        "type=trade/venue=okx/1_2.parquet",
    ]
    for name in [*foreign, f"{day}/.10_20.parquet.1-0.tmp", ".git/config"]:
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).touch()
    assert foreign_files(store) == sorted(PurePosixPath(name) for name in foreign)
    assert len(list_parts(store)) == 4


def test_streams_are_listed_in_order(store: Path) -> None:
    assert list_streams(store) == [
        Stream("tick", "kraken", "A/B"),
        Stream("trade", "okx", "A/B"),
        Stream("trade", "okx", "C/D"),
    ]


def test_the_summary_counts_files_rows_and_bytes_of_each_stream(store: Path) -> None:
    sizes = [part.bytes for part in list_parts(store)]
    assert summarise(store) == [
        StreamSummary("tick", "kraken", "A/B", 1, 2, sizes[0], 12, 30),
        StreamSummary("trade", "okx", "A/B", 2, 3, sizes[1] + sizes[2], 10, DAY_NS + 5),
        StreamSummary("trade", "okx", "C/D", 1, 1, sizes[3], 15, 15),
    ]


def test_the_summary_names_a_file_that_cannot_be_read(store: Path) -> None:
    part = list_parts(store)[0]
    part.path.write_bytes(b"")
    with pytest.raises(StoreError, match=part.path.name):
        summarise(store)


def compact(store: Path, *, is_visible: bool) -> list[Path]:
    """A compaction of two parts that stopped before or after its replacement came to be seen."""
    write(store, "okx", "E/F", trade(10), trade(20))
    write(store, "okx", "E/F", trade(15))
    originals = [part.path for part in list_parts(store, symbols="E/F")]
    if is_visible:
        write(store, "okx", "E/F", trade(10), trade(15), trade(20))
    names = [path.name for path in originals]
    commit = Compaction(replacement="10_20-1.parquet", originals=names)
    (originals[0].parent / COMPACTION).write_bytes(msgspec.json.encode(commit))
    return originals


def times(store: Path) -> list[list[Any]]:
    tables = [pq.read_table(part.path, partitioning=None) for part in list_parts(store, symbols="E/F")]
    return [table["ts_init"].to_pylist() for table in tables]


def test_a_replacement_stands_for_its_originals_as_soon_as_it_is_there(tmp_path: Path) -> None:
    originals = compact(tmp_path, is_visible=True)
    assert times(tmp_path) == [[10, 15, 20]]
    originals[0].unlink()
    assert times(tmp_path) == [[10, 15, 20]]
    assert summarise(tmp_path)[0].rows == 3


def test_the_originals_count_until_their_replacement_is_there(tmp_path: Path) -> None:
    compact(tmp_path, is_visible=False)
    assert times(tmp_path) == [[10, 20], [15]]
    write(tmp_path, "okx", "E/F", trade(30))
    assert times(tmp_path) == [[10, 20], [15], [30]]


def test_a_compaction_that_was_done_while_the_store_was_listed_is_seen_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = compact(tmp_path, is_visible=True)

    def finish(_: LocalStorage, path: PurePosixPath) -> bytes:
        for original in (*originals, tmp_path / path):
            original.unlink()
        raise FileNotFoundError(path)

    monkeypatch.setattr(LocalStorage, "read_bytes", finish)
    assert times(tmp_path) == [[10, 15, 20]]


def test_a_damaged_commit_is_named(tmp_path: Path) -> None:
    commit = compact(tmp_path, is_visible=True)[0].parent / COMPACTION
    commit.write_bytes(b"{")
    with pytest.raises(StoreError, match=r"\.compaction\.json cannot be read"):
        list_parts(tmp_path)


def test_a_store_that_cannot_be_listed_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(LocalStorage, "walk", denied)
    with pytest.raises(StoreError, match=rf"{store} cannot be listed.*Permission denied"):
        list_parts(store)
    with pytest.raises(StoreError, match="cannot be listed"):
        foreign_files(store)


def test_leftovers_are_old_temporaries_alone(store: Path) -> None:
    day = list_parts(store)[0].path.parent
    old, new = day / ".1_2.parquet.1-0.tmp", day / ".1_2.parquet.1-1.tmp"
    old.touch()
    new.touch()
    os.utime(old, ns=(5, 5))
    assert leftovers(store, before_ns=6) == [old]


def test_streams_are_found_where_folders_are_escaped_in_other_ways(tmp_path: Path) -> None:
    write(tmp_path, "okx", "A/B", trade(10))
    (tmp_path / "type=trade/venue=okx/symbol=A%2FB").rename(tmp_path / "type=trade/venue=okx/symbol=A%2fB")
    write(tmp_path, "okx", "A/B", trade(20))
    assert list_streams(tmp_path) == [Stream("trade", "okx", "A/B")]
    assert [part.start_ns for part in list_parts(tmp_path, symbols="A/B")] == [10, 20]
