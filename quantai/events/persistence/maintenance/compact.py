"""`quantai data compact`: the many parts of a day become one, or a few, with the same rows in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from quantai.core.clock import WallClock
from quantai.core.errors import StoreError
from quantai.events.persistence.maintenance.findings import OnProgress
from quantai.events.persistence.maintenance.fingerprint import Digest
from quantai.events.persistence.maintenance.journals import unsealed_origins
from quantai.events.persistence.maintenance.lock import locked
from quantai.events.persistence.maintenance.replacement import recover, replace, stage
from quantai.events.persistence.maintenance.rows import clusters, merge_rows, read_rows
from quantai.events.persistence.maintenance.survey import IMPORTS, Survey, is_pending_import, survey
from quantai.events.persistence.part_writer import part_origin
from quantai.events.persistence.parts import Part, Stream, naming, open_part
from quantai.events.persistence.storage import Root, open_storage
from quantai.events.persistence.store import Names, Types, list_parts
from quantai.events.persistence.times import utc_date

MAX_ROWS = 5_000_000
MAX_BYTES = 256_000_000
"""Of a part, compressed: object storage takes a part in one upload."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """One new part, and the parts it stands for."""

    stream: Stream
    date: str
    rows: int
    files_before: int
    bytes_before: int
    bytes_after: int


class Skipped(NamedTuple):
    """Parts that were left as they are, and why."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What was compacted, what has to wait, and what went wrong."""

    compacted: tuple[Compacted, ...]
    waiting: tuple[Skipped, ...]
    failed: tuple[Skipped, ...]


class _Footer(NamedTuple):
    part: Part
    rows: int
    bytes: int
    origin: str


def compact(
    root: Root,
    types: Types | None = None,
    venues: Names | None = None,
    symbols: Names | None = None,
    *,
    all_days: bool = False,
    spool: Path | None = None,
    max_rows: int = MAX_ROWS,
    now_ns: int | None = None,
    on_progress: OnProgress | None = None,
) -> CompactReport:
    """Merge the parts of each stream and day, unless the day is today (UTC; `all_days` takes that too).

    What a journal may still be sealed into waits, and so does everything while an import is pending; `spool` is the
    folder of the journals where it is not the store's own. Parts get up to `max_rows` rows, unless they overlap.
    Interrupted compactions are finished first. Raises `StoreError` where there is no store, another process is
    compacting it, or nothing of what was selected is there.
    """
    storage = open_storage(root)
    today = utc_date(WallClock().now_ns() if now_ns is None else now_ns)
    with locked(storage):
        stuck = list(_recovered(survey(storage)))
        # Journals and imports are looked at after the parts: those that end in between leave nothing more to come.
        parts = list_parts(storage, types, venues, symbols)
        if any(is_pending_import(file.path) for file in storage.list(IMPORTS)):
            waiting = Skipped(storage.name, "an import is not finished: run `quantai data import`")
            return CompactReport((), (waiting,), tuple(stuck))
        work = _Work(unsealed_origins(storage, spool), max_rows, on_progress, failed=stuck)
        days = [list(members) for _, members in groupby(parts, key=lambda part: (part.stream, part.date))]
        work.compact([day for day in days if len(day) > 1 and (all_days or day[0].date != today)])
        return CompactReport(tuple(work.compacted), tuple(work.waiting), tuple(work.failed))


def _recovered(found: Survey) -> Iterator[Skipped]:
    """Finish or undo what was interrupted; what cannot be."""
    for folder in found.commits:
        try:
            recover(found.storage, folder)
        except (StoreError, OSError) as error:
            yield Skipped(found.storage.display(folder), str(error))


@dataclass(slots=True)
class _Work:
    """What is compacted, and how far that is; `total` and `done` count parts."""

    unsealed: set[str]
    max_rows: int
    on_progress: OnProgress | None
    compacted: list[Compacted] = field(default_factory=list)
    waiting: list[Skipped] = field(default_factory=list)
    failed: list[Skipped] = field(default_factory=list)
    total: int = 0
    done: int = 0

    def compact(self, days: Sequence[Sequence[Part]]) -> None:
        """Compact each of `days`, the parts of one stream each."""
        self.total = sum(map(len, days))
        before = 0
        for day in days:
            where = day[0].storage.display(day[0].relative.parent)
            try:
                self._compact_day(where, day)
            except (StoreError, OSError) as error:
                self.failed.append(Skipped(where, str(error)))
            before += len(day)
            self.done = before

    def _compact_day(self, where: str, day: Sequence[Part]) -> None:
        footers = [_footer(part) for part in day]
        if self.unsealed & {footer.origin for footer in footers}:
            self.waiting.append(Skipped(where, "a journal is still to be sealed into it"))
            return
        for group in _groups(footers, self.max_rows):
            if len(group) > 1:
                self.compacted.append(_compact_group(group, self._tell))

    def _tell(self, part: Part) -> None:
        self.done += 1
        if self.on_progress:
            self.on_progress(f"{part.type} {part.symbol} {part.date}", self.done, self.total)


def _footer(part: Part) -> _Footer:
    with naming(part.name), open_part(part) as file:
        return _Footer(part, file.metadata.num_rows, part.bytes, part_origin(part))


def _groups(footers: Sequence[_Footer], max_rows: int) -> Iterator[list[_Footer]]:
    """Neighbours that make a part of up to `max_rows`; parts that overlap stay together, whatever they make."""
    by_part = {footer.part: footer for footer in footers}
    group: list[_Footer] = []
    for cluster in clusters(list(by_part)):
        members = [by_part[part] for part in cluster]
        if group and not _fits([*group, *members], max_rows):
            yield group
            group = []
        group = group + members
    yield group


def _fits(group: Sequence[_Footer], max_rows: int) -> bool:
    return sum(footer.rows for footer in group) <= max_rows and sum(footer.bytes for footer in group) <= MAX_BYTES


def _compact_group(group: Sequence[_Footer], on_part: Callable[[Part], None]) -> Compacted:
    parts = [footer.part for footer in group]
    first = parts[0]
    source = Digest()

    def read(part: Part, max_bytes: int) -> Iterator[pa.RecordBatch]:
        on_part(part)
        for rows in read_rows(part, max_bytes):
            source.add(rows)
            yield rows

    staged = stage(first.storage, first, merge_rows(parts, read))
    if (staged.digest.rows, staged.digest.content) != (source.rows, source.content):
        first.storage.delete(staged.path)
        raise StoreError(f"merging {len(parts)} parts made other rows of them: this is a defect, please report it")
    replacement = replace(staged, parts)
    before = sum(footer.bytes for footer in group)
    return Compacted(first.stream, first.date, source.rows, len(parts), before, replacement.bytes)
