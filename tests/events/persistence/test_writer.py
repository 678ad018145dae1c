"""What a recorder does when nothing goes wrong."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from quantai.core.clock import SimulatedClock, WallClock
from quantai.core.errors import ConfigError, StoreError
from quantai.events import (
    Event,
    FundingRateEvent,
    StartedEvent,
    StoppedEvent,
)
from quantai.events.bus import MemoryEventBus
from quantai.events.persistence import EventReader, ParquetEventWriter, list_parts
from quantai.events.persistence.spool import find_journals
from tests.events.persistence.recordings import DAY_NS, SECOND_NS, Disk, ledger, settled, times, trade, written


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


async def test_events_are_written_half_an_interval_after_the_first(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, flush_interval_ns=SECOND_NS, clock=clock) as writer:
        for start in (0, 5 * SECOND_NS):
            clock.advance_to(start)
            writer.write_event(trade(start))
            clock.advance_to(start + SECOND_NS // 2 - 1)
            await asyncio.sleep(0)
            assert writer.buffered == 1
            clock.advance_to(start + SECOND_NS // 2)
            await written(writer, 1 + start // (5 * SECOND_NS))
    assert times(tmp_path) == [0, 5 * SECOND_NS]


async def test_events_are_written_in_time_where_the_wall_clock_is_set_back(tmp_path: Path) -> None:
    class SetBack(WallClock):
        ahead_ns = 3_600 * SECOND_NS

        def now_ns(self) -> int:
            return super().now_ns() + self.ahead_ns

    clock = SetBack()
    async with ParquetEventWriter(tmp_path, SECOND_NS // 100, clock=clock) as writer:
        writer.write_event(trade(1))
        clock.ahead_ns = 0
        await written(writer, 1)


async def test_events_that_wait_behind_a_slow_flush_are_written_right_after_it(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    async with ParquetEventWriter(tmp_path, SECOND_NS, clock=clock) as writer:
        disk.hold()
        writer.write_event(trade(1))
        clock.advance_to(SECOND_NS)
        await asyncio.to_thread(disk.reached.wait, 10)
        writer.write_event(trade(2))
        clock.advance_to(2 * SECOND_NS)
        disk.released.set()
        await written(writer, 2)


async def test_a_full_buffer_is_written_at_once(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, max_rows=3, clock=clock) as writer:
        for ts in range(3):
            writer.write_event(trade(ts))
        await written(writer, 3)


async def test_events_that_come_during_a_flush_are_kept(tmp_path: Path, clock: SimulatedClock, disk: Disk) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        disk.hold()
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


async def test_a_buffer_that_fills_during_a_flush_is_written_after_it(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    async with ParquetEventWriter(tmp_path, max_rows=2, clock=clock) as writer:
        disk.hold()
        for ts in (1, 2):
            writer.write_event(trade(ts))
        await asyncio.to_thread(disk.reached.wait, 10)
        for ts in (3, 4):
            writer.write_event(trade(ts))
        disk.released.set()
        await written(writer, 4)
    assert times(tmp_path) == [1, 2, 3, 4]


async def test_a_cancelled_flush_loses_nothing(tmp_path: Path, clock: SimulatedClock, disk: Disk) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        disk.hold()
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


async def test_the_first_parts_come_soon_and_then_at_whole_multiples_of_the_interval(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    sealed_at = []
    async with ParquetEventWriter(tmp_path, SECOND_NS, 5 * SECOND_NS, clock=clock) as writer:
        for tenth in range(121):
            clock.advance_to(tenth * SECOND_NS // 10)
            writer.write_event(trade(tenth))
            files = writer.files
            await writer.flush()
            await settled(writer)
            if writer.files > files:
                sealed_at.append(tenth / 10)
    assert sealed_at == [1.0, 3.0, 5.0, 10.0]
    assert times(tmp_path) == list(range(121))


async def test_a_journal_that_is_large_becomes_parts_at_once(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock, part_bytes=1) as writer:
        for ts in range(3):
            writer.write_event(trade(ts))
            await writer.flush()
        await settled(writer)
        assert times(tmp_path) == [0, 1]
    assert (writer.files, times(tmp_path)) == (3, [0, 1, 2])


async def test_what_was_taken_can_be_sealed_while_recording_goes_on(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        for ts in range(4):
            writer.write_event(trade(ts))
            if ts % 2:
                await writer.seal()
                assert times(tmp_path) == list(range(ts + 1))


async def test_closing_leaves_nothing_but_parquet(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        writer.write_event(trade(1))
        await writer.flush()
        assert [path.suffix for path in find_journals(tmp_path)] == [".journal"]
    assert [path.name for path in tmp_path.iterdir()] == ["type=trade"]


async def test_sessions_are_marked_where_that_is_wanted(tmp_path: Path, clock: SimulatedClock) -> None:
    clock.advance_to(5)
    async with ParquetEventWriter(tmp_path, clock=clock, marks_sessions=True):
        clock.advance_to(7)
    found = [event for batch in EventReader(tmp_path).read_batches() for event in batch]
    assert found == [StartedEvent("recorder", 5, 5), StoppedEvent("recorder", 7, 7)]


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
    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        await settled(writer)
        assert list(folder.iterdir()) == [new]
    assert "removed 1 unfinished files" in caplog.text


async def test_several_recorders_share_a_store(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock) as one, ParquetEventWriter(tmp_path, clock=clock) as other:
        one.write_event(trade(1))
        other.write_event(trade(1))
        await one.flush()
        await other.close()
        one.write_event(trade(2))
    assert times(tmp_path) == [1, 1, 2]
    assert ledger(tmp_path) == []


async def test_a_place_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path, clock: SimulatedClock) -> None:
    (tmp_path / "store").write_text("a file, not a folder")
    writer = ParquetEventWriter(tmp_path / "store", clock=clock)
    with pytest.raises(StoreError, match="recorder cannot record below"):
        await writer.start()
    await writer.close()


async def test_a_spool_may_lie_elsewhere(tmp_path: Path, clock: SimulatedClock) -> None:
    async with ParquetEventWriter(tmp_path / "store", clock=clock, spool=tmp_path / "spool") as writer:
        writer.write_event(trade(1))
        await writer.flush()
        assert list((tmp_path / "store").iterdir()) == []
        assert len(find_journals(tmp_path / "store", tmp_path / "spool")) == 1
    assert times(tmp_path / "store") == [1]


def test_object_storage_needs_a_spool() -> None:
    with pytest.raises(ConfigError, match=r"object storage.*recorder\.spool"):
        ParquetEventWriter("s3://bucket/prefix?region=eu-central-1")


@pytest.mark.parametrize(
    "bounds",
    [{"flush_interval_ns": 0}, {"part_interval_ns": 0}, {"max_rows": 0}, {"max_rows": 11, "max_buffered": 10}],
)
def test_bounds_that_make_no_sense_are_refused(tmp_path: Path, bounds: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="recorder needs"):
        ParquetEventWriter(tmp_path, **bounds)
