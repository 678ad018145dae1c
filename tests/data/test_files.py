from __future__ import annotations

from pathlib import Path

import pytest

from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.data.files import FilesSource
from quantai.events import Event, GapEvent, TickEvent, TradeEvent
from quantai.events.persistence import ParquetEventWriter
from quantai.events.topics import compile_pattern


def trade(ts: int, symbol: str) -> TradeEvent:
    return TradeEvent("v", symbol, ts, ts, 1.0, 1.0, Side.BUY, "")


def tick(ts: int, symbol: str) -> TickEvent:
    return TickEvent("v", symbol, ts, ts, 1.0, 1.0, 2.0, 1.0)


MARKET: list[Event] = [trade(10, "A/B"), tick(20, "A/B"), trade(30, "C/D"), tick(40, "A/B"), trade(50, "A/B")]


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    async with ParquetEventWriter(tmp_path) as writer:
        for event in [*MARKET, GapEvent("recorder", 60, 60, "v", "A/B", 50, 60)]:
            writer.write_event(event)
    return tmp_path


def replayed(source: FilesSource, pattern: str = "*") -> list[Event]:
    return [event for batch in source.batches(compile_pattern(pattern)) for event in batch]


def test_market_events_are_replayed_in_order_and_nothing_else(store: Path) -> None:
    assert replayed(FilesSource(store)) == MARKET


def test_only_what_is_wanted_is_read(store: Path) -> None:
    for path in (store / "type=trade").rglob("*.parquet"):
        path.write_bytes(b"not parquet")
    assert [event.topic for event in replayed(FilesSource(store), "market.tick.*")] == ["market.tick.v.A/B"] * 2


def test_nothing_wanted_is_nothing_replayed(store: Path) -> None:
    assert replayed(FilesSource(store), "order.*") == []


def test_the_range_is_that_of_the_files_cut_to_what_was_asked(store: Path) -> None:
    assert FilesSource(store).range_ns() == (10, 50)
    assert FilesSource(store, start=15, end=41).range_ns() == (15, 40)
    assert FilesSource(store, instruments=[("v", "C/D")]).range_ns() == (30, 30)
    assert replayed(FilesSource(store, start=20, end=40)) == MARKET[1:3]


def test_instruments_narrow_the_replay(store: Path) -> None:
    assert replayed(FilesSource(store, instruments={("v", "C/D"), ("v", "X/Y")})) == [trade(30, "C/D")]


def test_nothing_in_the_range_is_refused_with_the_range(store: Path) -> None:
    with pytest.raises(StoreError, match=r"nothing to replay in .* from 1980-01-01T00:00:00.* to the end"):
        FilesSource(store, start="1980-01-01").range_ns()
    with pytest.raises(StoreError, match="nothing to replay"):
        FilesSource(store, instruments=[("w", "A/B")]).range_ns()


def test_what_the_store_lacks_is_known_before_the_replay(store: Path) -> None:
    source = FilesSource(store, end=30)
    assert source.available() == {("trade", "v", "A/B"), ("tick", "v", "A/B")}
    topics = ["market.trade.v.C/D", "market.trade.v.A/B", "market.book.v.A/B", "market.trade.v.C/D"]
    assert source.missing(topics) == ["market.book.v.A/B", "market.trade.v.C/D"]


def test_a_missing_store_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        FilesSource(tmp_path / "nowhere")


def test_the_description_says_what_is_replayed(store: Path) -> None:
    description = FilesSource(store, end="1970-01-02").describe()
    assert description == f"3 streams of {store} from the beginning to 1970-01-02T00:00:00.000000000Z"
