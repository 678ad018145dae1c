"""A recorder whose disk is full for a while, by the kernel's own word."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from quantai.core.clock import WallClock
from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.events import ErrorEvent, Event, GapEvent, TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.events.persistence import EventReader, ParquetEventWriter

BEFORE, DURING, AFTER, ROOM = 5_000, 60_000, 1_000, 40_000


async def survive(store: Path, outage: AbstractContextManager[None]) -> None:
    """Record before, during and after `outage`; fails where events are lost without a word, twice there, or held up."""
    bus = MemoryEventBus(WallClock())
    told: list[Event] = []
    writer = ParquetEventWriter(store, max_rows=10_000, max_buffered=ROOM, on_event=bus.post, part_bytes=1_000_000)
    await writer.start()
    await bus.subscribe("market.*", writer.write_event)
    await bus.subscribe("system.*", told.append)
    await _publish(bus, 0, BEFORE)
    await writer.flush()
    with outage:
        await _publish(bus, BEFORE, BEFORE + DURING)
        with pytest.raises(StoreError):
            await writer.flush()
        assert writer.is_paused
        assert writer.buffered <= ROOM
    await writer.flush()
    assert not writer.is_paused
    await _publish(bus, BEFORE + DURING, BEFORE + DURING + AFTER)
    await writer.close()

    stored = [event for batch in EventReader(store).read_batches() for event in batch]
    numbers = [int(event.trade_id) for event in stored if isinstance(event, TradeEvent)]
    gaps = [event for event in stored if isinstance(event, GapEvent)]
    assert len(set(numbers)) == len(numbers) == writer.written
    assert writer.dropped > 0
    assert sum(gap.lost for gap in gaps) == writer.dropped == BEFORE + DURING + AFTER - len(numbers)
    assert sum(isinstance(event, ErrorEvent) for event in told) == 1
    assert sum(event.lost for event in told if isinstance(event, GapEvent)) == writer.dropped


@contextmanager
def no_large_files(limit_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    """A file system of its own in `folder`. Raises `CalledProcessError` where this process may not mount one."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Nothing more has room on the disk of `folder`."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)) == 4096:
                pass
    except OSError:
        pass
    try:
        yield
    finally:
        filler.unlink()


async def _publish(bus: MemoryEventBus, first: int, end: int) -> None:
    for number in range(first, end):
        now_ns = WallClock().now_ns()
        await bus.publish(TradeEvent("v", "A/B", now_ns, now_ns, 1.0, 1.0, Side.BUY, str(number)))
