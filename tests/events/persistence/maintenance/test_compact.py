from __future__ import annotations

import fcntl
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from quantai.core.errors import StoreError
from quantai.events import Event
from quantai.events.persistence import list_parts
from quantai.events.persistence.maintenance import CompactReport, compact, verify
from quantai.events.persistence.maintenance.part_check import check_part
from quantai.events.persistence.store import COMPACTION
from tests.events.persistence.maintenance.stores import (
    DAY_NS,
    FOLDER,
    NEXT_DAY_NS,
    Killed,
    MortalStorage,
    begin_journal,
    files,
    names,
    read,
    trade,
    trades,
    write,
)


def compacted(root: Path, **options: object) -> CompactReport:
    return compact(root, now_ns=NEXT_DAY_NS, **options)  # type: ignore[arg-type]


def overlapping(root: Path) -> list[Event]:
    """Parts that overlap, follow each other, share times and have the same name; their events in the reader's order."""
    for number, times in enumerate([(1, 5, 5), (5, 6), (5, 5, 9), (1, 5), (9, 20), (30, 31)]):
        write(root, trades(times, first_id=10 * number))
    return read(root)


def test_the_parts_of_a_day_become_one_with_the_same_events(tmp_path: Path) -> None:
    events = overlapping(tmp_path)
    report = compacted(tmp_path)
    (done,) = report.compacted
    assert (done.stream.type, done.date, done.rows, done.files_before) == ("trade", "1970-01-01", len(events), 6)
    assert done.bytes_before > done.bytes_after > 0
    assert names(tmp_path) == ["1_31.parquet"]
    assert read(tmp_path) == events
    assert files(tmp_path, ".maintenance") == ["lock"]


def test_a_part_has_the_row_groups_and_checksums_of_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantai.events.persistence.maintenance.row_writer.ROW_GROUP_ROWS", 100)
    for number in range(5):
        write(tmp_path, trades(range(number, 1_000, 5), first_id=1_000 * number))
    compacted(tmp_path)
    (part,) = list_parts(tmp_path)
    metadata = pq.read_metadata(part.path)
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [100] * 10
    assert check_part(part).is_sound


def test_compacting_again_changes_nothing(tmp_path: Path) -> None:
    overlapping(tmp_path)
    compacted(tmp_path)
    assert compacted(tmp_path) == CompactReport((), (), ())


def test_days_and_streams_are_kept_apart(tmp_path: Path) -> None:
    for start in (0, 10, DAY_NS, DAY_NS + 10):
        write(tmp_path, trades([start, start + 5]))
    assert len(compacted(tmp_path, all_days=True).compacted) == 2
    assert [part.date for part in list_parts(tmp_path)] == ["1970-01-01", "1970-01-02"]


def test_today_is_left_alone_unless_asked_for(tmp_path: Path) -> None:
    write(tmp_path, trades([1]))
    write(tmp_path, trades([2]))
    assert compact(tmp_path, now_ns=DAY_NS - 1) == CompactReport((), (), ())
    assert len(compact(tmp_path, now_ns=DAY_NS - 1, all_days=True).compacted) == 1


def test_only_what_is_selected_is_compacted(tmp_path: Path) -> None:
    overlapping(tmp_path)
    with pytest.raises(StoreError, match="nothing of"):
        compacted(tmp_path, venues="other")
    assert len(names(tmp_path)) == 6


def test_parts_get_no_more_than_the_rows_asked_for(tmp_path: Path) -> None:
    for start in range(0, 100, 10):
        write(tmp_path, trades(range(start, start + 4), first_id=start))
    events = read(tmp_path)
    compacted(tmp_path, max_rows=12)
    assert [part.rows for part in list_parts(tmp_path)] == [12, 12, 12, 4]
    assert read(tmp_path) == events
    assert compacted(tmp_path, max_rows=12) == CompactReport((), (), ())


def test_what_a_journal_may_be_sealed_into_again_waits(tmp_path: Path) -> None:
    session, journal = begin_journal(tmp_path)
    write(tmp_path, trades([1]), origin=f"{session.name}-1")
    write(tmp_path, trades([2]))
    report = compacted(tmp_path)
    assert report.compacted == ()
    assert "journal" in report.waiting[0].why
    journal.close()
    journal.path.unlink()
    session.finish()
    assert len(compacted(tmp_path).compacted) == 1


def test_everything_waits_for_a_pending_import(tmp_path: Path) -> None:
    overlapping(tmp_path)
    (tmp_path / ".imports").mkdir()
    (tmp_path / ".imports/x.pending").touch()
    report = compacted(tmp_path)
    assert report.compacted == ()
    assert "import" in report.waiting[0].why


def test_one_that_cannot_be_read_is_left_and_the_others_are_done(tmp_path: Path) -> None:
    overlapping(tmp_path)
    write(tmp_path, trades([DAY_NS]))
    damaged = write(tmp_path, trades([DAY_NS + 1, DAY_NS + 2]))
    damaged.path.write_bytes(damaged.path.read_bytes()[:50])
    report = compacted(tmp_path, all_days=True)
    assert len(report.compacted) == 1
    assert damaged.name in report.failed[0].why
    assert damaged.path.exists()


def test_a_compaction_that_cannot_be_finished_does_not_hold_up_the_others(tmp_path: Path) -> None:
    overlapping(tmp_path)
    for start in (DAY_NS, DAY_NS + 10):
        write(tmp_path, trades([start]))
    (tmp_path / FOLDER / COMPACTION).write_text('{"replacement": "5_6.parquet", "originals": ["gone"], "digest": "x"}')
    report = compacted(tmp_path, all_days=True)
    assert [done.date for done in report.compacted] == ["1970-01-02"]
    assert "backup" in report.failed[0].why


def test_progress_is_told_in_parts(tmp_path: Path) -> None:
    overlapping(tmp_path)
    told: list[tuple[str, int, int]] = []
    compacted(tmp_path, on_progress=lambda *where: told.append(where))
    assert told == [("trade A/B 1970-01-01", done, 6) for done in range(1, 7)]


def test_two_do_not_compact_one_store(tmp_path: Path) -> None:
    overlapping(tmp_path)
    compacted(tmp_path)
    with (tmp_path / ".maintenance/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another repair or compaction"):
            compacted(tmp_path)


def test_a_merge_that_makes_other_rows_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = overlapping(tmp_path)
    honest = compact.__globals__["merge_rows"]
    monkeypatch.setitem(compact.__globals__, "merge_rows", lambda *given: (rows[:-1] for rows in honest(*given)))
    report = compacted(tmp_path)
    assert "other rows" in report.failed[0].why
    assert len(names(tmp_path)) == 6
    assert read(tmp_path) == events


def test_a_disk_that_writes_other_bytes_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = overlapping(tmp_path)

    class Forgetful(MortalStorage):
        def create(self, path, write):  # type: ignore[no-untyped-def]
            created = super().create(path, write)
            if path.suffix == ".staged":
                content = bytearray((self.root / path).read_bytes())
                content[10] ^= 0xFF
                (self.root / path).write_bytes(content)
            return created

    report = compact(Forgetful(tmp_path, 1_000), now_ns=NEXT_DAY_NS)
    assert len(report.failed) == 1
    assert len(names(tmp_path)) == 6
    assert read(tmp_path) == events


def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    for changes in count():
        root = tmp_path / str(changes)
        events = overlapping(root)
        try:
            compact(MortalStorage(root, changes), now_ns=NEXT_DAY_NS)
        except Killed:
            assert read(root) == events
        else:
            break
        compacted(root)
        assert read(root) == events
        assert names(root) == ["1_31.parquet"]
        assert verify(root).is_sound
    assert changes > 10


def test_kills_of_the_recovery_lose_nothing_either(tmp_path: Path) -> None:
    for changes in range(4, 12):
        for more in range(4):
            root = tmp_path / f"{changes}-{more}"
            events = overlapping(root)
            for left in (changes, more, more):
                try:
                    compact(MortalStorage(root, left), now_ns=NEXT_DAY_NS)
                except Killed:
                    assert read(root) == events
            compacted(root)
            assert read(root) == events
            assert names(root) == ["1_31.parquet"]


def test_a_part_that_takes_the_name_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    overlapping(tmp_path)
    late = trade(1, "late")

    class Contested(MortalStorage):
        def create(self, path, write_file):  # type: ignore[no-untyped-def]
            created = super().create(path, write_file)
            if path.name == COMPACTION:
                write(self.root, [late, trade(31, "later")])
            return created

    before = read(tmp_path)
    compact(Contested(tmp_path, 1_000), now_ns=NEXT_DAY_NS)
    found = read(tmp_path)
    assert sorted(event.trade_id for event in found) == sorted(  # type: ignore[attr-defined]
        [*(event.trade_id for event in before), "late", "later"]  # type: ignore[attr-defined]
    )
    assert not (tmp_path / FOLDER / COMPACTION).exists()


def test_readers_and_compaction_agree_on_object_storage_too(tmp_path: Path) -> None:
    """A store that is not on the local disk has no lock; the rest is the same."""

    class Remote(MortalStorage):
        def local_path(self, path):  # type: ignore[no-untyped-def]
            return None

    events = overlapping(tmp_path)
    assert len(compact(Remote(tmp_path, 1_000), now_ns=NEXT_DAY_NS).compacted) == 1
    assert read(tmp_path) == events
