"""What a recorder does when the disk fails or is slow, and with what it cannot store."""

from __future__ import annotations

import asyncio
import shutil
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.events import (
    ErrorEvent,
    Event,
    GapEvent,
    OrderBookDeltaEvent,
    PortfolioValueEvent,
    StartedEvent,
    TradeEvent,
)
from quantai.events.bus import MemoryEventBus
from quantai.events.persistence import ParquetEventWriter, PartWriter
from quantai.events.persistence.spool import Session, Spool, find_journals
from tests.events.persistence.recordings import SECOND_NS, Disk, failed, ledger, settled, times, trade, written


async def test_what_a_failing_disk_does_not_take_is_tried_again(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    async with ParquetEventWriter(tmp_path, flush_interval_ns=SECOND_NS, clock=clock) as writer:
        disk.broken = True
        writer.write_event(trade(1))
        clock.advance_to(SECOND_NS)
        await failed(writer, 1)
        assert (writer.buffered, writer.written, writer.dropped, writer.is_paused) == (1, 0, 0, True)
        writer.write_event(trade(2))
        disk.broken = False
        clock.advance_to(3 * SECOND_NS)
        await written(writer, 2)
        assert not writer.is_paused
    assert times(tmp_path) == [1, 2]


async def test_an_outage_is_told_once_and_again_when_there_is_another(
    tmp_path: Path, clock: SimulatedClock, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []
    async with ParquetEventWriter(tmp_path, clock=clock, on_event=told.append) as writer:
        for _ in range(2):
            disk.broken = True
            for ts in range(3):
                writer.write_event(trade(ts))
                with pytest.raises(StoreError, match="No space left"):
                    await writer.flush()
            disk.broken = False
            await writer.flush()
    assert [type(event) for event in told] == [ErrorEvent, ErrorEvent]
    assert "recording is paused" in told[0].message
    assert caplog.text.count("recording goes on after 3 failed attempts") == 2


async def test_a_dead_disk_is_tried_less_and_less_often(tmp_path: Path, clock: SimulatedClock, disk: Disk) -> None:
    async with ParquetEventWriter(tmp_path, SECOND_NS, max_rows=3, clock=clock) as writer:
        disk.broken = True
        writer.write_event(trade(0))
        tried_at = []
        for failure in range(1, 5):
            tried_at.append(clock.next_due_ns / SECOND_NS)
            clock.advance_to(clock.next_due_ns)
            await failed(writer, failure)
            writer.write_event(trade(failure))
            for _ in range(1_000):  # time enough for a flush that must not be: full is no reason to try at once
                await asyncio.sleep(0)
        assert writer.failures == 4
        disk.broken = False
    assert tried_at == [0.5, 1.5, 3.5, 6.5]
    assert times(tmp_path) == [0, 1, 2, 3, 4]


async def test_the_oldest_are_dropped_told_and_written_as_one_gap(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    told: list[GapEvent | ErrorEvent] = []
    clock.advance_to(7)
    async with ParquetEventWriter(tmp_path, max_rows=4, max_buffered=10, clock=clock, on_event=told.append) as writer:
        disk.broken = True
        for ts in range(100, 125):
            writer.write_event(trade(ts))
        with pytest.raises(StoreError, match="10 events"):
            await writer.flush()
        disk.broken = False
    reason = "the disk fails or is too slow"
    assert told[:-1] == [GapEvent("recorder", 7, 7, "v", "A/B", ts, ts, 1, reason) for ts in range(100, 115)]
    assert ledger(tmp_path) == [GapEvent("recorder", 7, 7, "v", "A/B", 100, 114, 15, reason)]
    assert (writer.dropped, writer.written) == (15, 10)
    assert times(tmp_path) == list(range(115, 125))


async def test_never_more_than_the_bound_is_held_and_every_event_is_accounted_for(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    async with ParquetEventWriter(tmp_path, max_rows=4, max_buffered=50, clock=clock) as writer:
        for ts in range(400):
            writer.write_event(trade(ts))
            disk.broken = ts % 200 < 150
            assert writer.buffered <= 50
            await asyncio.sleep(0)
        disk.broken = False
    stored = times(tmp_path)
    assert len(set(stored)) == len(stored) == writer.written
    assert sum(gap.lost for gap in ledger(tmp_path)) == writer.dropped == 400 - len(stored)
    assert stored == sorted(stored)
    assert writer.buffered == 0


async def test_what_a_flush_could_not_write_is_older_than_what_came_meanwhile(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    async with ParquetEventWriter(tmp_path, max_rows=3, max_buffered=5, clock=clock) as writer:
        disk.hold()
        disk.broken = True
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


async def test_what_is_dropped_behind_a_slow_flush_is_not_counted_as_written(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    async with ParquetEventWriter(tmp_path, max_rows=8, max_buffered=64, clock=clock) as writer:
        disk.hold()
        for ts in range(64):
            writer.write_event(trade(ts))
        await asyncio.to_thread(disk.reached.wait, 10)
        for ts in range(64, 70):
            writer.write_event(trade(ts))
        disk.released.set()
        await writer.flush()
        assert writer.buffered == 0
    assert writer.dropped > 0
    assert writer.written == len(times(tmp_path)) == 70 - writer.dropped


async def test_simulated_time_waits_for_the_disk(tmp_path: Path, clock: SimulatedClock) -> None:
    bus = MemoryEventBus(clock)
    async with ParquetEventWriter(tmp_path, max_rows=10, max_buffered=15, clock=clock) as writer:
        await bus.subscribe("*", writer.write_event)
        for ts in range(500):
            await bus.publish(trade(ts))
    assert (writer.written, writer.dropped) == (500, 0)
    assert times(tmp_path) == list(range(500))


async def test_simulated_time_does_not_wait_for_a_disk_that_is_broken(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    bus = MemoryEventBus(clock)
    async with ParquetEventWriter(tmp_path, max_rows=10, max_buffered=15, clock=clock) as writer:
        await bus.subscribe("*", writer.write_event)
        disk.broken = True
        for ts in range(100):
            await bus.publish(trade(ts))
        disk.broken = False
    assert writer.written + writer.dropped == 100
    assert sum(gap.lost for gap in ledger(tmp_path)) == writer.dropped > 0


async def test_gaps_name_each_instrument(tmp_path: Path, clock: SimulatedClock, disk: Disk) -> None:
    told: list[Any] = []
    writer = ParquetEventWriter(tmp_path, clock=clock, on_event=told.append)
    disk.broken = True
    for event in (trade(1, "A/B"), trade(2, "C/D"), trade(3, "A/B"), StartedEvent("daemon", 4, 4)):
        writer.write_event(event)
    with pytest.raises(StoreError):
        await writer.close()
    lost = [(gap.symbol, gap.start_ns, gap.end_ns, gap.lost) for gap in told if isinstance(gap, GapEvent)]
    assert lost == [("A/B", 1, 3, 2), ("C/D", 2, 2, 1), ("", 4, 4, 1)]
    assert writer.dropped == 4


async def test_the_recorders_own_gaps_are_recorded_once_whatever_is_subscribed(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    for patterns in (["market.*"], ["*"], ["market.*", "system.*", "*gap*"]):
        bus = MemoryEventBus(clock)
        store = tmp_path / str(len(patterns)) / patterns[0].strip(".*")
        async with ParquetEventWriter(store, clock=clock, on_event=bus.post) as writer:
            for pattern in patterns:
                await bus.subscribe(pattern, writer.write_event)
            await bus.publish(trade(-5))
            await writer.flush()
            await bus.publish(GapEvent("feed", 9, 9, "v", "A/B", 8, 9))
        assert [gap.component for gap in ledger(store)].count("recorder") == 1
        await bus.close()


async def test_a_gap_of_somebody_else_that_has_no_room_stays_in_the_ledger(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    feed = GapEvent("feed", 1, 1, "v", "A/B", 0, 1, 3, "reconnect")
    async with ParquetEventWriter(tmp_path, max_rows=1, max_buffered=1, clock=clock) as writer:
        disk.broken = True
        writer.write_event(feed)
        for ts in (2, 3):
            writer.write_event(trade(ts))
        disk.broken = False
    assert feed in ledger(tmp_path)
    assert writer.dropped == 1


@pytest.mark.parametrize(
    "bad",
    [
        trade(5, price=None),
        trade(5, price="dear"),
        trade(-1),
        trade(5, symbol="\ud800"),
        trade(5, symbol="long" * 100),
        trade(5, symbol=["A", "B"]),
        trade(5, symbol=None),
        trade(5, side="sideways"),
        OrderBookDeltaEvent("v", "A/B", 5, 5, ((1.0,),), (), 1),  # type: ignore[arg-type]
        trade(5, side=None),
        PortfolioValueEvent(5, 5, "USDT", Decimal("NaN"), Decimal(0), Decimal(0)),
        PortfolioValueEvent(5, 5, "USDT", Decimal(10) ** 20, Decimal(0), Decimal(0)),
    ],
    ids=[
        "no price", "text", "before 1970", "no utf-8", "long name", "no text", "no symbol", "odd side",
        "half a level", "no side", "nan", "too large",
    ],
)  # fmt: skip
async def test_an_event_no_column_can_hold_is_told_and_the_others_are_written(
    tmp_path: Path, clock: SimulatedClock, bad: Event
) -> None:
    told: list[Any] = []
    async with ParquetEventWriter(tmp_path, clock=clock, on_event=told.append) as writer:
        for event in (trade(1), trade(2), bad, trade(8), trade(9)):
            writer.write_event(event)
    assert (writer.written, writer.dropped, writer.failures) == (4, 1, 0)
    assert [(gap.lost, gap.reason[:18]) for gap in told] == [(1, "no column can hold")]
    assert ledger(tmp_path) == told
    assert times(tmp_path) == [1, 2, 8, 9]


@pytest.mark.parametrize(
    "bad",
    [
        GapEvent("feed", 5, -5, "v", "A/B", 0, 1),
        GapEvent("feed", 5, 5, "v", "long" * 100, 0, 1),
        GapEvent("\ud800", 5, 5, "v", "A/B", 0, 1),
    ],
    ids=["before 1970", "long name", "no utf-8"],
)
async def test_a_gap_no_column_can_hold_is_told_in_another(
    tmp_path: Path, clock: SimulatedClock, bad: GapEvent
) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        writer.write_event(bad)
        async with asyncio.timeout(10):
            await writer.flush()
    (told,) = ledger(tmp_path)
    assert (told.component, told.lost, told.reason[:18]) == ("recorder", 1, "no column can hold")
    assert (writer.written, writer.dropped) == (0, 1)


async def test_an_event_class_of_somebody_else_is_told_and_not_stored(tmp_path: Path, clock: SimulatedClock) -> None:
    class MoodEvent(TradeEvent, frozen=True, gc=False, tag=True):
        """An event no reader knows."""

    told: list[Any] = []
    async with ParquetEventWriter(tmp_path, clock=clock, on_event=told.append) as writer:
        writer.write_event(MoodEvent("v", "A/B", 1, 1, 1.0, 1.0, Side.BUY, ""))
        writer.write_event(trade(2))
    assert writer.dropped == 1
    assert "MoodEvent is not an event class" in told[0].reason
    assert times(tmp_path) == [2]


async def test_a_failing_listener_does_not_stop_the_recorder(
    tmp_path: Path, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("nobody listens")

    async with ParquetEventWriter(tmp_path, clock=clock, on_event=fail) as writer:
        writer.write_event(trade(-1))
        await writer.flush()
        writer.write_event(trade(1))
    assert "nobody listens" in caplog.text
    assert (writer.written, times(tmp_path)) == (1, [1])


async def test_trouble_while_columns_are_made_keeps_the_events(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object) -> None:
        raise MemoryError

    async with ParquetEventWriter(tmp_path, clock=clock) as writer:
        writer.write_event(trade(1))
        with monkeypatch.context() as patch:
            patch.setattr("quantai.events.persistence.spool.encode", out_of_memory)
            with pytest.raises(StoreError):
                await writer.flush()
        assert writer.buffered == 1
    assert times(tmp_path) == [1]


async def test_closing_on_a_broken_disk_raises_and_counts_the_loss_which_the_next_start_writes_down(
    tmp_path: Path, clock: SimulatedClock, disk: Disk
) -> None:
    async with ParquetEventWriter(tmp_path, clock=clock) as healthy:
        healthy.write_event(trade(1))
    writer = ParquetEventWriter(tmp_path, clock=clock)
    await writer.start()
    writer.write_event(trade(2))
    await writer.flush()
    disk.broken = True
    writer.write_event(trade(3))
    with pytest.raises(StoreError, match="could not write 1 events"):
        await writer.close()
    assert (writer.dropped, writer.buffered) == (1, 0)

    disk.broken = False
    clock.advance_to(9)
    async with ParquetEventWriter(tmp_path, clock=clock) as following:
        await settled(following)
        assert times(tmp_path) == [1, 2]
    assert [(gap.start_ns, gap.end_ns) for gap in ledger(tmp_path) if gap.symbol == "A/B"] == [(2, 9)]


async def test_parts_that_cannot_be_written_wait_in_their_journals(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    writer = ParquetEventWriter(tmp_path, clock=clock, on_event=told.append)
    await writer.start()
    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "write", full)
        for ts in (1, 2):
            writer.write_event(trade(ts))
            with pytest.raises(StoreError, match=r"could not make parts.*Nothing is lost"):
                await writer.seal()
        assert (writer.unsealed, writer.is_paused) == (2, False)
        assert [type(event) for event in told] == [ErrorEvent]
    clock.advance_to(60 * SECOND_NS)
    await settled(writer)
    assert times(tmp_path) == [1, 2]
    await writer.close()


async def test_a_close_that_is_cancelled_while_sealing_leaves_the_rest_to_the_next_start(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_writing, may_write, write = threading.Event(), threading.Event(), PartWriter.write

    def slow(*arguments: Any, **named: Any) -> Any:
        is_writing.set()
        assert may_write.wait(10)
        return write(*arguments, **named)

    monkeypatch.setattr(PartWriter, "write", slow)
    told: list[Any] = []
    writer = ParquetEventWriter(tmp_path, clock=clock, part_bytes=1, on_event=told.append)
    await writer.start()
    for ts in (1, 2):
        writer.write_event(trade(ts))
        await writer.flush()
    closing = asyncio.create_task(writer.close())
    async with asyncio.timeout(10):
        while writer.unsealed < 2:  # the last journal is closed, the first is being sealed
            await asyncio.sleep(0)
    await asyncio.to_thread(is_writing.wait, 10)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    (session,) = {path.parent for path in find_journals(tmp_path)}
    assert Session.claim(session) is None  # nobody else may seal what is being sealed
    may_write.set()
    await settled(writer, unsealed=1)
    async with ParquetEventWriter(tmp_path, clock=clock):
        pass
    assert times(tmp_path) == [1, 2]
    assert ledger(tmp_path) == told == []


async def test_recording_begins_before_what_the_dead_left_is_sealed(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Spool(tmp_path / ".journal", "dead", 1_000_000)
    dead.open(0)
    dead.append([trade(1)], (), 0)
    dead.close()
    may_write, write = threading.Event(), PartWriter.write

    def slow(*arguments: Any, **named: Any) -> Any:
        assert may_write.wait(30)
        return write(*arguments, **named)

    monkeypatch.setattr(PartWriter, "write", slow)
    writer = ParquetEventWriter(tmp_path, clock=clock)
    async with asyncio.timeout(10):
        await writer.start()
    writer.write_event(trade(2))
    await writer.flush()
    assert (writer.written, writer.files) == (1, 0)
    may_write.set()
    await writer.close()
    assert times(tmp_path) == [1, 2]


async def test_recording_pauses_when_too_much_waits_to_become_parts(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    async with ParquetEventWriter(tmp_path, clock=clock, max_unsealed_bytes=1) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(PartWriter, "write", full)
            writer.write_event(trade(1))
            with pytest.raises(StoreError):
                await writer.seal()
            writer.write_event(trade(2))
            with pytest.raises(StoreError, match="1 journals wait to become parts"):
                await writer.flush()
        clock.advance_to(60 * SECOND_NS)
        await settled(writer)
    assert times(tmp_path) == [1, 2]


async def test_a_store_that_vanishes_pauses_the_recorder_and_what_was_in_it_is_told(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    store = tmp_path / "store"
    async with ParquetEventWriter(store, clock=clock) as writer:
        writer.write_event(trade(1))
        await writer.flush()
        shutil.rmtree(store)
        writer.write_event(trade(2))
        with pytest.raises(StoreError, match="No such file"):
            await writer.flush()
        store.mkdir()
        await writer.flush()
    assert times(store) == [2]
    assert [(gap.start_ns, gap.lost, gap.reason) for gap in ledger(store)] == [(1, 1, "somebody removed the journal")]
    assert (writer.written, writer.dropped) == (2, 1)
