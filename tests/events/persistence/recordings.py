"""A recorder's disk, and what tests ask of recorders and of what they left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from quantai.core.enums import Side
from quantai.events import (
    GapEvent,
    TradeEvent,
)
from quantai.events.persistence import EventReader, ParquetEventWriter
from quantai.events.persistence.journal import Bytes, JournalWriter

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS


def trade(ts: int, symbol: Any = "A/B", price: Any = 1.0, side: Any = Side.BUY) -> TradeEvent:
    return TradeEvent("v", symbol, ts, ts, price, 1.0, side, "")


class Disk:
    """What journals are written to: fails while `broken`, and waits where it is held until it is `released`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.broken = False
        self.reached = threading.Event()
        self.released = threading.Event()
        self.released.set()
        append = JournalWriter.append

        def appended(journal: JournalWriter, frames: Sequence[Bytes]) -> None:
            self.reached.set()
            assert self.released.wait(10)
            if self.broken:
                raise OSError(28, "No space left on device")
            append(journal, frames)

        patch.setattr(JournalWriter, "append", appended)

    def hold(self) -> None:
        self.reached.clear()
        self.released.clear()


def times(root: Path) -> list[int]:
    return [
        event.ts_init for batch in EventReader(root).read_batches() for event in batch if isinstance(event, TradeEvent)
    ]


def ledger(root: Path) -> list[GapEvent]:
    if not (root / "type=system_gap").exists():
        return []
    batches = EventReader(root).read_batches(types=GapEvent)
    return [event for batch in batches for event in batch if isinstance(event, GapEvent)]


async def settled(writer: ParquetEventWriter, unsealed: int = 0) -> None:
    """Whatever has begun in the background is over."""
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > 1 or writer.unsealed > unsealed:
            await asyncio.sleep(0)


async def written(writer: ParquetEventWriter, count: int) -> None:
    async with asyncio.timeout(10):
        while writer.written < count:
            await asyncio.sleep(0)


async def failed(writer: ParquetEventWriter, count: int) -> None:
    async with asyncio.timeout(10):
        while writer.failures < count:
            await asyncio.sleep(0)
