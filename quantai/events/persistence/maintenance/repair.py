"""`quantai data repair`: brings a store in order, from the journals of recorders that died to parts nobody can read.

Nothing is deleted before what stands for it was read back: what was damaged or changed goes to `.quarantine/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from quantai.core.clock import WallClock
from quantai.core.errors import StoreError
from quantai.events.persistence.maintenance.duplicates import find_duplicates
from quantai.events.persistence.maintenance.findings import Finding, Kind, OnProgress
from quantai.events.persistence.maintenance.journals import journals_of, unsealed_origins
from quantai.events.persistence.maintenance.lock import locked
from quantai.events.persistence.maintenance.part_check import PartCheck
from quantai.events.persistence.maintenance.rebuild import rebuild
from quantai.events.persistence.maintenance.replacement import quarantine, recover, replace, stage
from quantai.events.persistence.maintenance.rows import read_rows
from quantai.events.persistence.maintenance.survey import Survey, stream_of, survey
from quantai.events.persistence.maintenance.verify import check_parts
from quantai.events.persistence.part_writer import part_origin
from quantai.events.persistence.parts import Part
from quantai.events.persistence.salvage import salvage
from quantai.events.persistence.storage import Root, Storage, open_storage
from quantai.events.persistence.store import COMPACTION

_REBUILT = frozenset({Kind.UNREADABLE, Kind.ORDER, Kind.NAME})


class Repair(NamedTuple):
    """Something done, or to be done: `where` is a file or folder, `what` says it in a line."""

    where: str
    what: str


@dataclass(slots=True)
class RepairReport:
    """What was done (with `dry_run`: would be), what failed, and what nothing here can mend."""

    done: list[Repair] = field(default_factory=list)
    failed: list[Repair] = field(default_factory=list)
    beyond_repair: list[Finding] = field(default_factory=list)


class _Step(NamedTuple):
    where: str
    plan: str
    run: Callable[[], str]


def repair(
    root: Root,
    *,
    dry_run: bool = False,
    duplicates: bool = False,
    spool: Path | None = None,
    now_ns: int | None = None,
    on_progress: OnProgress | None = None,
) -> RepairReport:
    """Repair what can be; `duplicates` also drops trades that are certainly there twice (see `duplicates`).

    `spool` is the folder of the journals where it is not the store's own. With `dry_run` nothing is changed. Raises
    `StoreError` where there is no store, or another process is repairing or compacting it.
    """
    storage = open_storage(root)
    now_ns = WallClock().now_ns() if now_ns is None else now_ns
    report = RepairReport()

    def take(steps: Iterator[_Step]) -> None:
        for step in steps:
            try:
                report.done.append(Repair(step.where, step.plan if dry_run else step.run()))
            except (StoreError, OSError) as error:
                report.failed.append(Repair(step.where, f"{step.plan}: {error}"))

    with nullcontext() if dry_run else locked(storage):
        take(_journals(storage, spool))
        take(_commits(survey(storage)))
        found = survey(storage)
        take(_leftovers(found, now_ns))
        take(_misplaced(found))
        checks = check_parts(found, on_progress)
        unsealed = unsealed_origins(storage, spool)
        take(_parts(checks, unsealed))
        report.beyond_repair += _beyond_repair(checks)
        if duplicates:
            unsound = {check.part for check in checks if not check.is_sound}
            take(_duplicates([part for part in survey(storage).parts if part not in unsound], unsealed))
    return report


def _journals(storage: Storage, spool: Path | None) -> Iterator[_Step]:
    if dead := [journal for journal in journals_of(storage, spool) if not journal.is_live]:
        plan = f"take in the rows of {len(dead)} journals of recorders that died"
        yield _Step(str(dead[0].path.parent), plan, partial(_salvage, storage, spool))


def _salvage(storage: Storage, spool: Path | None) -> str:
    sealed = salvage(storage, spool)
    if sealed.errors:
        raise StoreError(str(sealed.errors[0]))
    told = f", {len(sealed.quarantined)} in quarantine" if sealed.quarantined else ""
    return f"{sealed.journals} journals sealed, {sealed.rows:,} rows{told}"


def _commits(found: Survey) -> Iterator[_Step]:
    storage = found.storage
    for folder in found.commits:
        where = storage.display(folder)
        if folder in found.unreadable_commits:
            plan = "set aside the record of a compaction that cannot be read; its rows may be there twice"
            yield _Step(where, plan, partial(_set_aside, storage, folder / COMPACTION))
        else:
            plan = "finish or undo an interrupted compaction"
            yield _Step(where, plan, partial(_recover, storage, folder))


def _set_aside(storage: Storage, path: PurePosixPath) -> str:
    return f"set aside as {storage.display(quarantine(storage, path))}; its rows may be there twice"


def _recover(storage: Storage, folder: PurePosixPath) -> str:
    return f"the interrupted compaction is {recover(storage, folder)}"


def _leftovers(found: Survey, now_ns: int) -> Iterator[_Step]:
    storage = found.storage
    for file in found.abandoned(now_ns):
        plan = "remove what an interrupted write left"
        yield _Step(storage.display(file.path), plan, partial(_remove, storage, file.path))


def _remove(storage: Storage, path: PurePosixPath) -> str:
    storage.delete(path)
    return "removed what an interrupted write left"


def _misplaced(found: Survey) -> Iterator[_Step]:
    storage = found.storage
    for file in found.misplaced:
        stream = stream_of(file.path)
        if stream is not None:
            run = partial(rebuild, storage, file.path, stream)
            yield _Step(storage.display(file.path), "write its rows anew under the right name and date", run)


def _parts(checks: list[PartCheck], unsealed: set[str]) -> Iterator[_Step]:
    for check in checks:
        part, kinds = check.part, {finding.kind for finding in check.findings}
        reason = "; ".join(finding.what for finding in check.findings)
        if kinds & _REBUILT and Kind.SCHEMA not in kinds:
            run = partial(_rebuild, part, unsealed)
            yield _Step(part.name, f"write anew what can be read of it ({reason})", run)
        elif kinds == {Kind.STATISTICS}:
            yield _Step(part.name, f"write it anew ({reason})", partial(_rewrite, part, frozenset(), unsealed))


def _beyond_repair(checks: list[PartCheck]) -> list[Finding]:
    beyond = {Kind.SCHEMA, Kind.VALUES}
    return [finding for check in checks for finding in check.findings if finding.kind in beyond]


def _duplicates(parts: list[Part], unsealed: set[str]) -> Iterator[_Step]:
    for _, members in groupby(parts, key=lambda part: part.stream):
        for part, numbers in find_duplicates(list(members)).certain.items():
            run = partial(_rewrite, part, frozenset(numbers), unsealed)
            yield _Step(part.name, f"drop {len(numbers):,} trades that are there before", run)


def _require_sealed(part: Part, unsealed: set[str]) -> None:
    """What a recorder is still sealing must keep its name: by that it knows what is done."""
    if part_origin(part) in unsealed:
        raise StoreError("its journal is still there, so it may be written again: try again later")


def _rebuild(part: Part, unsealed: set[str]) -> str:
    _require_sealed(part, unsealed)
    return rebuild(part.storage, part.relative, part.stream, (part.start_ns, part.end_ns))


def _rewrite(part: Part, dropped: frozenset[int], unsealed: set[str]) -> str:
    """Replace a part by one without some of its rows."""
    _require_sealed(part, unsealed)
    rows = part.rows
    if len(dropped) == rows:
        to = part.storage.display(quarantine(part.storage, part.relative))
        return f"all {rows:,} trades were there before; it is {to}"
    staged = stage(part.storage, part, _without(part, np.array(sorted(dropped), np.int64)))
    if staged.digest.rows != rows - len(dropped):
        raise StoreError(f"{staged.digest.rows:,} rows were left, not {rows - len(dropped):,}")
    replacement = replace(staged, [part], keep_originals=True)
    return f"{len(dropped):,} rows dropped, {staged.digest.rows:,} kept in {replacement.relative.name}"


def _without(part: Part, dropped: np.ndarray) -> Iterator[pa.RecordBatch]:
    first = 0
    for rows in read_rows(part):
        is_kept = ~np.isin(np.arange(first, first + rows.num_rows), dropped)
        first += rows.num_rows
        yield rows.filter(pa.array(is_kept))
