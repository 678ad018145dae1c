"""Stores to look after, and a disk whose process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from quantai.core.enums import Side
from quantai.events import Event, TradeEvent
from quantai.events.persistence import EventReader, Part, PartWriter
from quantai.events.persistence.journal import Header, JournalWriter
from quantai.events.persistence.recording import encode
from quantai.events.persistence.schema import to_table
from quantai.events.persistence.spool import Session
from quantai.events.persistence.storage import LocalStorage, Root

DAY_NS = 86_400_000_000_000
NEXT_DAY_NS = 2 * DAY_NS
"""A time after everything these stores hold, so that its days are over."""
FOLDER = PurePosixPath("type=trade/venue=v/symbol=A%2FB/date=1970-01-01")


def trade(ts_init: int, trade_id: str = "", price: float = 1.0, side: Side = Side.BUY) -> TradeEvent:
    """A trade of A/B at v."""
    return TradeEvent("v", "A/B", ts_init, ts_init, price, 1.0, side, trade_id)


def trades(times: Iterable[int], first_id: int = 0) -> list[TradeEvent]:
    """Trades with ids that follow each other."""
    return [trade(ts_init, str(first_id + place)) for place, ts_init in enumerate(times)]


def write(root: Root, events: Sequence[Event], origin: str = "") -> Part:
    """One part of events of one class and instrument, all of one day."""
    first = events[0]
    venue, symbol = getattr(first, "venue", ""), getattr(first, "symbol", "")
    (part,) = PartWriter(root).write(type(first), venue, symbol, to_table(type(first), events), origin)
    return part


def read(root: Root) -> list[Event]:
    """All events of a store, in order."""
    return [event for batch in EventReader(root).read_batches() for event in batch]


def names(root: Path, folder: PurePosixPath = FOLDER) -> list[str]:
    """The files in the folder of a day, hidden ones too."""
    return sorted(path.name for path in (root / folder).iterdir())


def files(root: Path, folder: str) -> list[str]:
    """The files at any depth of a folder of the store."""
    return sorted(str(path.relative_to(root / folder)) for path in (root / folder).rglob("*") if path.is_file())


def begin_journal(root: Path, events: Sequence[Event] = ()) -> tuple[Session, JournalWriter]:
    """What a recorder that lives has: a locked session and a journal of `events`, all of one class and instrument."""
    session = Session.begin(root / ".journal")
    journal = JournalWriter(session.folder / "000001.journal", Header(session.name, 1, "recorder", 0, []))
    if events:
        journal.append(encode(events, ()).frames)
    return session, journal


class Killed(BaseException):
    """The process is dead: nothing that it would still do to the disk happens."""


class MortalStorage(LocalStorage):
    """A local store whose process dies after so many changes to the disk; a move is two of them."""

    def __init__(self, root: Path, changes: int) -> None:
        super().__init__(root)
        self.left = changes

    def create(self, path: PurePosixPath, write: Callable[[BinaryIO], object]) -> bool:
        self._change()
        return super().create(path, write)

    def move(self, path: PurePosixPath, to: PurePosixPath) -> None:
        self._change()
        if self.left == 0 and (self.root / path).exists() and not (self.root / to).exists():
            (self.root / to).parent.mkdir(parents=True, exist_ok=True)
            (self.root / to).hardlink_to(self.root / path)
        self._change()
        super().move(path, to)

    def delete(self, path: PurePosixPath) -> None:
        self._change()
        super().delete(path)

    def _change(self) -> None:
        if self.left <= 0:
            raise Killed
        self.left -= 1
