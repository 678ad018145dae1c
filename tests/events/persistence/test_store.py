from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.events import Event, TickEvent, TradeEvent
from quantai.events.persistence import PartWriter, Stream, foreign_files, list_parts, list_streams, summarise
from quantai.events.persistence.schema import to_table
from quantai.events.persistence.store import StreamSummary

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
    assert foreign_files(store) == sorted(store / name for name in foreign)
    assert len(list_parts(store)) == 4


def test_streams_know_their_folders(store: Path) -> None:
    assert list_streams(store)[Stream("trade", "okx", "C/D")] == [store / "type=trade/venue=okx/symbol=C%2FD"]


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
