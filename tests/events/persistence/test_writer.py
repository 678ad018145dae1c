from __future__ import annotations

import asyncio
import os
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.core.errors import ConfigError, StoreError
from quantai.events import Event, FundingRateEvent, GapEvent, PortfolioValueEvent, StartedEvent, TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.events.persistence import EventReader, ParquetEventWriter, Part, PartWriter, list_parts

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS


def trade(ts: int, symbol: str = "A/B", price: Any = 1.0, side: Any = Side.BUY) -> TradeEvent:
    return TradeEvent("v", symbol, ts, ts, price, 1.0, side, "")


class UnreliableDisk(PartWriter):
    """Fails while `broken` (for all symbols, or one)."""

    def __init__(self, root: Path, broken: str | bool = True) -> None:
        super().__init__(root)
        self.broken = broken

    def write(self, cls: type[Event], venue: str, symbol: str, table: pa.Table) -> list[Part]:
        if self.broken is True or self.broken == symbol:
            raise OSError(28, "No space left on device")
        return super().write(cls, venue, symbol, table)


class HeldDisk(UnreliableDisk):
    """Writes, or fails, only once `released`."""

    def __init__(self, root: Path, broken: bool = False) -> None:
        super().__init__(root, broken)
        self.reached = threading.Event()
        self.released = threading.Event()

    def write(self, cls: type[Event], venue: str, symbol: str, table: pa.Table) -> list[Part]:
        self.reached.set()
        assert self.released.wait(10)
        return super().write(cls, venue, symbol, table)


def times(root: Path) -> list[int]:
    return [
        event.ts_init for batch in EventReader(root).read_batches() for event in batch if isinstance(event, TradeEvent)
    ]


async def written(writer: ParquetEventWriter, count: int) -> None:
    async with asyncio.timeout(10):
        while writer.written < count:
            await asyncio.sleep(0)


async def failed(writer: ParquetEventWriter, count: int) -> None:
    async with asyncio.timeout(10):
        while writer.failures < count:
            await asyncio.sleep(0)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


async def test_the_promised_way_records_everything_and_replays_it(tmp_path: Path, clock: SimulatedClock) -> None:
    bus, replay = MemoryEventBus(clock), MemoryEventBus(clock)
    writer = ParquetEventWriter(tmp_path)
    await bus.subscribe("*", writer.write_event)
    events = [StartedEvent("daemon", 1, 1), trade(2), FundingRateEvent("v", "A/B", 3, 3, 0.0001), trade(4)]
    for event in events:
        await bus.publish(event)
    await writer.close()

    replayed: list[Event] = []
    await replay.subscribe("*", replayed.append)
    async for event in EventReader(tmp_path).read_range(None, None):
        await replay.publish(event)
    assert replayed == events


async def test_events_are_written_an_interval_after_the_first(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, flush_interval_ns=SECOND_NS, clock=clock) as writer:
        for start in (0, 5 * SECOND_NS):
            clock.advance_to(start)
            writer.write_event(trade(start))
            clock.advance_to(start + SECOND_NS - 1)
            await asyncio.sleep(0)
            assert writer.buffered == 1
            clock.advance_to(start + SECOND_NS)
            await written(writer, 1 + start // (5 * SECOND_NS))
    assert (writer.files, times(tmp_path)) == (2, [0, 5 * SECOND_NS])


async def test_a_full_buffer_is_written_at_once(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, max_rows=3, clock=clock) as writer:
        for ts in range(3):
            writer.write_event(trade(ts))
        await written(writer, 3)
    assert writer.files == 1


async def test_events_that_come_during_a_flush_are_kept(tmp_path: Path, clock: SimulatedClock) -> None:
    disk = HeldDisk(tmp_path)
    async with ParquetEventWriter(tmp_path, clock=clock, parts=disk) as writer:
        writer.write_event(trade(1))
        first = asyncio.create_task(writer.flush())
        await asyncio.to_thread(disk.reached.wait, 10)
        writer.write_event(trade(2))
        second = asyncio.create_task(writer.flush())
        await asyncio.sleep(0)
        assert writer.buffered == 2
        disk.released.set()
        await asyncio.gather(first, second)
        assert (writer.written, writer.buffered) == (2, 0)
    assert times(tmp_path) == [1, 2]


async def test_a_buffer_that_fills_during_a_flush_is_written_after_it(tmp_path: Path, clock: SimulatedClock) -> None:
    disk = HeldDisk(tmp_path)
    async with ParquetEventWriter(tmp_path, max_rows=2, clock=clock, parts=disk) as writer:
        for ts in (1, 2):
            writer.write_event(trade(ts))
        await asyncio.to_thread(disk.reached.wait, 10)
        for ts in (3, 4):
            writer.write_event(trade(ts))
        disk.released.set()
        await written(writer, 4)
    assert times(tmp_path) == [1, 2, 3, 4]


async def test_a_cancelled_flush_loses_nothing(tmp_path: Path, clock: SimulatedClock) -> None:
    disk = HeldDisk(tmp_path)
    async with ParquetEventWriter(tmp_path, clock=clock, parts=disk) as writer:
        writer.write_event(trade(1))
        first = asyncio.create_task(writer.flush())
        await asyncio.to_thread(disk.reached.wait, 10)
        second = asyncio.create_task(writer.flush())
        await asyncio.sleep(0)
        for flush in (first, second):
            flush.cancel()
            with pytest.raises(asyncio.CancelledError):
                await flush
        disk.released.set()
    assert (writer.written, times(tmp_path)) == (1, [1])


async def test_a_buffer_over_midnight_makes_a_part_for_each_day(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        for ts in (DAY_NS - 1, DAY_NS, DAY_NS + 1):
            writer.write_event(trade(ts))
    assert [(part.date, part.rows) for part in list_parts(tmp_path)] == [("1970-01-01", 1), ("1970-01-02", 2)]
    assert (writer.files, writer.written) == (2, 3)


async def test_what_a_failing_disk_does_not_take_is_tried_again(tmp_path: Path, clock: SimulatedClock) -> None:
    disk = UnreliableDisk(tmp_path)
    async with ParquetEventWriter(tmp_path, flush_interval_ns=SECOND_NS, clock=clock, parts=disk) as writer:
        writer.write_event(trade(1))
        clock.advance_to(SECOND_NS)
        await failed(writer, 1)
        assert (writer.buffered, writer.written, writer.dropped) == (1, 0, 0)
        writer.write_event(trade(2))
        disk.broken = False
        clock.advance_to(3 * SECOND_NS)
        await written(writer, 2)
    assert times(tmp_path) == [1, 2]


async def test_a_dead_disk_is_tried_less_and_less_often(tmp_path: Path, clock: SimulatedClock) -> None:
    disk = UnreliableDisk(tmp_path)
    async with ParquetEventWriter(tmp_path, SECOND_NS, max_rows=3, clock=clock, parts=disk) as writer:
        writer.write_event(trade(0))
        tried_at = []
        for failure in range(1, 5):
            tried_at.append(clock.next_due_ns // SECOND_NS)
            clock.advance_to(clock.next_due_ns)
            await failed(writer, failure)
            writer.write_event(trade(failure))
            for _ in range(
                1_000
            ):  # time enough for a flush that must not be: a full buffer is no reason to try at once
                await asyncio.sleep(0)
        assert writer.failures == 4
        disk.broken = False
    assert tried_at == [1, 3, 6, 10]
    assert times(tmp_path) == [0, 1, 2, 3, 4]


async def test_only_the_stream_that_failed_is_written_again(tmp_path: Path, clock: SimulatedClock) -> None:
    disk = UnreliableDisk(tmp_path, broken="C/D")
    async with ParquetEventWriter(tmp_path, clock=clock, parts=disk) as writer:
        for ts in range(4):
            writer.write_event(trade(ts, "A/B" if ts % 2 else "C/D"))
        with pytest.raises(StoreError, match=r"2 events.*No space left.*Check the disk"):
            await writer.flush()
        disk.broken = False
        await writer.flush()
    assert (writer.written, writer.files, writer.failures) == (4, 2, 1)
    assert times(tmp_path) == [0, 1, 2, 3]


async def test_a_stream_that_cannot_be_written_does_not_hold_up_the_others(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    disk = UnreliableDisk(tmp_path, broken="C/D")
    writer = ParquetEventWriter(tmp_path, max_rows=4, max_buffered=20, clock=clock, parts=disk)
    for ts in range(10):
        writer.write_event(trade(ts, "C/D"))
    for ts in range(10, 14):
        writer.write_event(trade(ts))
    with pytest.raises(StoreError, match="10 events"):
        await writer.flush()
    assert times(tmp_path) == [10, 11, 12, 13]
    with pytest.raises(StoreError):
        await writer.close()
    assert writer.dropped == 10


async def test_the_oldest_are_dropped_and_told_when_the_buffer_is_full(tmp_path: Path, clock: SimulatedClock) -> None:
    disk = UnreliableDisk(tmp_path)
    gaps: list[GapEvent] = []
    clock.advance_to(7)
    async with ParquetEventWriter(
        tmp_path, max_rows=4, max_buffered=10, clock=clock, on_gap=gaps.append, parts=disk
    ) as writer:
        for ts in range(100, 125):
            writer.write_event(trade(ts))
        with pytest.raises(StoreError, match="10 events"):
            await writer.flush()
        disk.broken = False
    reason = "the disk fails or is too slow"
    assert gaps == [GapEvent("recorder", 7, 7, "v", "A/B", ts, ts, 1, reason) for ts in range(100, 115)]
    assert (writer.dropped, writer.written) == (15, 10)
    assert times(tmp_path) == list(range(115, 125))


async def test_never_more_than_the_bound_is_held_and_every_event_is_accounted_for(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    disk = UnreliableDisk(tmp_path)
    gaps: list[GapEvent] = []
    async with ParquetEventWriter(
        tmp_path, max_rows=4, max_buffered=50, clock=clock, on_gap=gaps.append, parts=disk
    ) as writer:
        for ts in range(400):
            writer.write_event(trade(ts))
            disk.broken = ts % 200 < 150
            assert writer.buffered <= 50
            await asyncio.sleep(0)
        disk.broken = False
    stored = times(tmp_path)
    assert len(set(stored)) == len(stored) == writer.written
    assert sum(gap.lost for gap in gaps) == writer.dropped == 400 - len(stored)
    assert stored == sorted(stored)
    assert writer.buffered == 0


async def test_what_a_flush_could_not_write_is_older_than_what_came_meanwhile(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    disk = HeldDisk(tmp_path, broken=True)
    async with ParquetEventWriter(tmp_path, max_rows=3, max_buffered=5, clock=clock, parts=disk) as writer:
        for ts in (1, 2, 3):
            writer.write_event(trade(ts))
        await asyncio.to_thread(disk.reached.wait, 10)
        for ts in (4, 5):
            writer.write_event(trade(ts))
        disk.released.set()
        await failed(writer, 1)
        writer.write_event(trade(6))
        disk.broken = False
    assert (times(tmp_path), writer.dropped) == ([2, 3, 4, 5, 6], 1)


async def test_gaps_name_each_instrument(tmp_path: Path, clock: SimulatedClock) -> None:
    gaps: list[GapEvent] = []
    writer = ParquetEventWriter(tmp_path, clock=clock, on_gap=gaps.append, parts=UnreliableDisk(tmp_path))
    for event in (trade(1, "A/B"), trade(2, "C/D"), trade(3, "A/B"), StartedEvent("daemon", 4, 4)):
        writer.write_event(event)
    with pytest.raises(StoreError):
        await writer.close()
    told = [(gap.symbol, gap.start_ns, gap.end_ns, gap.lost) for gap in gaps]
    assert told == [("A/B", 1, 3, 2), ("C/D", 2, 2, 1), ("", 4, 4, 1)]
    assert writer.dropped == 4


@pytest.mark.parametrize(
    "bad",
    [
        trade(5, price=None),
        trade(5, price="dear"),
        trade(-1),
        trade(5, symbol="\ud800"),
        trade(5, side="sideways"),
        PortfolioValueEvent(5, 5, "USDT", Decimal("NaN"), Decimal(0), Decimal(0)),
        PortfolioValueEvent(5, 5, "USDT", Decimal(10) ** 20, Decimal(0), Decimal(0)),
    ],
    ids=["none", "text", "before 1970", "no utf-8", "no side", "nan", "too large"],
)
async def test_an_event_no_column_can_hold_is_told_and_the_others_are_written(
    tmp_path: Path, clock: SimulatedClock, bad: Event
) -> None:
    gaps: list[GapEvent] = []
    async with ParquetEventWriter(tmp_path, clock=clock, on_gap=gaps.append) as writer:
        for event in (trade(1), trade(2), bad, trade(8), trade(9)):
            writer.write_event(event)
    assert (writer.written, writer.dropped, writer.failures) == (4, 1, 0)
    assert [(gap.lost, gap.reason[:18]) for gap in gaps] == [(1, "no column can hold")]
    assert times(tmp_path) == [1, 2, 8, 9]


async def test_an_event_class_of_somebody_else_is_told_and_not_stored(tmp_path: Path, clock: SimulatedClock) -> None:
    class MoodEvent(TradeEvent, frozen=True, gc=False, tag=True):
        """An event no reader knows."""

    gaps: list[GapEvent] = []
    async with ParquetEventWriter(tmp_path, clock=clock, on_gap=gaps.append) as writer:
        writer.write_event(MoodEvent("v", "A/B", 1, 1, 1.0, 1.0, Side.BUY, ""))
        writer.write_event(trade(2))
    assert writer.dropped == 1
    assert "MoodEvent is not an event class" in gaps[0].reason
    assert times(tmp_path) == [2]


async def test_lost_gaps_make_no_gaps(tmp_path: Path, clock: SimulatedClock) -> None:
    gaps: list[GapEvent] = []
    writer = ParquetEventWriter(tmp_path, clock=clock, on_gap=gaps.append, parts=UnreliableDisk(tmp_path))
    writer.write_event(GapEvent("recorder", 1, 1, "v", "A/B", 1, 1))
    with pytest.raises(StoreError):
        await writer.close()
    assert (writer.dropped, gaps) == (1, [])


async def test_a_failing_listener_does_not_stop_the_recorder(
    tmp_path: Path, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: GapEvent) -> None:
        raise RuntimeError("nobody listens")

    async with ParquetEventWriter(tmp_path, clock=clock, on_gap=fail) as writer:
        writer.write_event(trade(-1))
        await writer.flush()
        writer.write_event(trade(1))
    assert "nobody listens" in caplog.text
    assert (writer.written, times(tmp_path)) == (1, [1])


async def test_trouble_while_grouping_keeps_the_events(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object) -> None:
        raise MemoryError

    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        writer.write_event(trade(1))
        with monkeypatch.context() as patch:
            patch.setattr("quantai.events.persistence.writer.write_events", out_of_memory)
            with pytest.raises(StoreError):
                await writer.flush()
        assert writer.buffered == 1
    assert times(tmp_path) == [1]


async def test_closing_on_a_broken_disk_raises_and_counts_the_loss(tmp_path: Path, clock: SimulatedClock) -> None:
    writer = ParquetEventWriter(tmp_path, clock=clock, parts=UnreliableDisk(tmp_path))
    writer.write_event(trade(1))
    with pytest.raises(StoreError, match="could not write 1 events"):
        await writer.close()
    assert (writer.dropped, writer.buffered) == (1, 0)


async def test_a_closed_recorder_refuses_events(tmp_path: Path, clock: SimulatedClock) -> None:
    writer = ParquetEventWriter(tmp_path, clock=clock)
    await writer.close()
    await writer.close()
    with pytest.raises(StoreError, match=r"recorder is closed: market\.trade\.v\.A/B"):
        writer.write_event(trade(1))
    assert writer.buffered == 0


async def test_starting_removes_what_an_interrupted_run_left(
    tmp_path: Path, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "type=trade/venue=v/symbol=A%2FB/date=1970-01-01"
    folder.mkdir(parents=True)
    old, new = folder / ".1_2.parquet.77-0.tmp", folder / ".3_4.parquet.78-0.tmp"
    old.write_bytes(b"half a file")
    new.write_bytes(b"of a recorder that runs beside this one")
    os.utime(old, (1_000, 1_000))
    async with ParquetEventWriter(tmp_path, clock=clock):
        assert list(folder.iterdir()) == [new]
    assert "removed 1 unfinished files" in caplog.text


async def test_a_place_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path, clock: SimulatedClock) -> None:
    (tmp_path / "store").write_text("a file, not a folder")
    with pytest.raises(StoreError, match="recorder cannot record below"):
        await ParquetEventWriter(tmp_path / "store", clock=clock).start()


@pytest.mark.parametrize("bounds", [{"flush_interval_ns": 0}, {"max_rows": 0}, {"max_rows": 11, "max_buffered": 10}])
def test_bounds_that_make_no_sense_are_refused(tmp_path: Path, bounds: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="recorder needs"):
        ParquetEventWriter(tmp_path, **bounds)
