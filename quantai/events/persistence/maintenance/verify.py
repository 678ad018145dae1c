"""`quantai data verify`: proves a store, from the checksums of its pages to the gaps it tells of; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from quantai.core.clock import WallClock, iso_utc
from quantai.events.persistence.maintenance.duplicates import Duplicates, find_duplicates
from quantai.events.persistence.maintenance.findings import Finding, Kind, OnProgress, StoreReport, StreamReport
from quantai.events.persistence.maintenance.gaps import LEDGER_TYPES, gaps_in, summarise_gaps
from quantai.events.persistence.maintenance.journals import journals_of
from quantai.events.persistence.maintenance.part_check import PartCheck, check_part
from quantai.events.persistence.maintenance.rows import clusters
from quantai.events.persistence.maintenance.sequence import Sequences, check_sequence
from quantai.events.persistence.maintenance.survey import Survey, survey
from quantai.events.persistence.parts import Part, Stream
from quantai.events.persistence.storage import Root, Storage, open_storage

T = TypeVar("T")
R = TypeVar("R")

_THREADS = 2


def verify(
    root: Root, *, spool: Path | None = None, now_ns: int | None = None, on_progress: OnProgress | None = None
) -> StoreReport:
    """Read all of a store and say what is wrong with it; `spool` is where its journals are, if not in the store.

    One part is read at a time (by each of two threads) in constant memory. Rows are compared within a stream; parts
    that have something wrong with them are left out of that. Raises `StoreError` where there is no store, or it cannot
    be listed.
    """
    storage = open_storage(root)
    found = survey(storage)
    now_ns = WallClock().now_ns() if now_ns is None else now_ns
    findings = [*_files(found, now_ns), *_journals(storage, spool)]
    checks = check_parts(found, on_progress)
    findings += [finding for check in checks for finding in check.findings]
    by_stream = [list(members) for _, members in groupby(checks, key=lambda check: check.part.stream)]
    compared = _work("comparing rows", _compare, by_stream, lambda checks: _size(found, checks), on_progress)
    findings += [finding for comparison in compared for finding in comparison[1]]
    ledger = [check.part for check in checks if check.is_sound and check.part.type in LEDGER_TYPES]
    return StoreReport(
        store=storage.name,
        is_sound=not any(finding.is_problem for finding in findings),
        streams=tuple(
            _report(found, checks, comparison[0]) for checks, comparison in zip(by_stream, compared, strict=True)
        ),
        gaps=summarise_gaps(gaps_in(ledger)),
        findings=tuple(sorted(findings, key=lambda finding: (not finding.is_problem, finding.where))),
    )


def check_parts(found: Survey, on_progress: OnProgress | None = None) -> list[PartCheck]:
    """Check each part by itself, in order."""
    return _work("reading parts", check_part, found.parts, lambda part: found.sizes[part.relative], on_progress)


def _work(
    what: str, do: Callable[[T], R], items: Sequence[T], size: Callable[[T], int], on_progress: OnProgress | None
) -> list[R]:
    """Do something to each of `items`, in two threads, telling how many bytes are done."""
    total = sum(map(size, items))
    done = 0
    results = []
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
        for item, result in zip(items, pool.map(do, items), strict=True):
            results.append(result)
            done += size(item)
            if on_progress:
                on_progress(what, done, total)
    return results


def _files(found: Survey, now_ns: int) -> Iterator[Finding]:
    """What is there besides parts."""
    display = found.storage.display
    for folder in found.commits:
        yield Finding(
            Kind.COMPACTION, display(folder), "a compaction was interrupted: `quantai data repair` finishes it"
        )
    for file in found.pending_imports:
        yield Finding(
            Kind.IMPORT, display(file.path), "an import was interrupted: the next `quantai data import` finishes it"
        )
    for file in found.abandoned(now_ns):
        yield Finding(Kind.LEFTOVER, display(file.path), "left by a write that was interrupted")
    for file in found.misplaced:
        yield Finding(
            Kind.NAME, display(file.path), "holds events where no reader looks: its name or its date is wrong"
        )
    for file in found.foreign:
        yield Finding(Kind.FOREIGN, display(file.path), "is no part of a store")
    for file in found.quarantined:
        yield Finding(Kind.QUARANTINE, display(file.path), "was moved here because it was damaged, or replaced")


def _journals(storage: Storage, spool: Path | None) -> Iterator[Finding]:
    for journal in journals_of(storage, spool):
        if journal.is_live:
            yield Finding(Kind.LIVE_JOURNAL, str(journal.path), "is being written by a recorder")
        else:
            yield Finding(Kind.JOURNAL, str(journal.path), "a recorder died: `quantai data repair` takes its rows in")


Comparison = tuple[Duplicates, list[Finding]]


def _compare(checks: Sequence[PartCheck]) -> Comparison:
    """The rows of a stream with each other."""
    parts = [check.part for check in checks if check.is_sound]
    findings: list[Finding] = []
    duplicates = find_duplicates(parts)
    where = _name(checks[0].part.stream)
    for part, rows in duplicates.certain.items():
        what = f"{len(rows):,} trades are there before, with the same id, price, size, side and time"
        findings.append(Finding(Kind.DUPLICATES, part.name, f"{what}: `quantai data repair --duplicates` drops them"))
    if duplicates.suspected:
        files = ", ".join(sorted(part.relative.name for part in duplicates.suspected_in)[:3])
        findings.append(Finding(Kind.SUSPECTED, where, f"{duplicates.suspected:,} rows look like others, in {files}"))
    findings += [_overlap(where, cluster) for cluster in clusters(parts) if _overlaps(cluster)]
    if checks[0].part.type == "book_delta":
        findings += _sequence_findings(where, check_sequence(parts))
    return duplicates, findings


def _overlaps(cluster: Sequence[Part]) -> bool:
    """Whether parts share more than the moment at which one ends and the next begins."""
    end_ns = cluster[0].end_ns
    for part in cluster[1:]:
        if part.start_ns < end_ns:
            return True
        end_ns = max(end_ns, part.end_ns)
    return False


def _overlap(where: str, cluster: Sequence[Part]) -> Finding:
    start, end = iso_utc(cluster[0].start_ns), iso_utc(max(part.end_ns for part in cluster))
    return Finding(Kind.OVERLAP, where, f"{len(cluster)} parts cover the same times between {start} and {end}")


def _sequence_findings(where: str, sequences: Sequences) -> Iterable[Finding]:
    if sequences.backward:
        yield Finding(Kind.SEQUENCE, where, f"{sequences.backward:,} deltas have a lower sequence than the one before")
    if sequences.counts_by_one and sequences.jumps:
        what = f"{sequences.jumps:,} jumps where ids count by one: {sequences.missing:,} deltas seem to be missing"
        yield Finding(Kind.SEQUENCE, where, what)


def _report(found: Survey, checks: Sequence[PartCheck], duplicates: Duplicates) -> StreamReport:
    parts = [check.part for check in checks]
    return StreamReport(
        *parts[0].stream,
        parts=len(parts),
        rows=sum(check.rows for check in checks),
        bytes=_size(found, checks),
        start_ns=min(part.start_ns for part in parts),
        end_ns=max(part.end_ns for part in parts),
        duplicates=duplicates.count,
        suspected_duplicates=duplicates.suspected,
    )


def _size(found: Survey, checks: Sequence[PartCheck]) -> int:
    return sum(found.sizes[check.part.relative] for check in checks)


def _name(stream: Stream) -> str:
    return " ".join(filter(None, stream))
