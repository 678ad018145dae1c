"""A store in object storage is kept in order like any other, but for the lock that nobody can have there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from quantai.core.errors import ConfigError
from quantai.events.persistence import EventReader, list_parts
from quantai.events.persistence.maintenance import Kind, compact, export, read_gaps, repair, verify
from quantai.events.persistence.storage import Storage, open_storage
from quantai.events.persistence.store import COMPACTION
from tests.events.persistence.maintenance.stores import FOLDER, NEXT_DAY_NS, read, trade, trades, write


@pytest.fixture
def store(root: str | Path) -> Storage:
    """Three parts of a day, two of which overlap."""
    for number, times in enumerate([(1, 5), (4, 8), (9, 12)]):
        write(open_storage(root), trades(times, first_id=10 * number))
    return open_storage(root)


def put(storage: Storage, name: str, content: bytes) -> None:
    assert storage.create(FOLDER / name, lambda file: file.write(content))


def test_days_are_compacted(store: Storage) -> None:
    events = read(store)
    (done,) = compact(store, now_ns=NEXT_DAY_NS).compacted
    assert (done.files_before, done.rows) == (3, 6)
    assert read(store) == events
    assert [part.relative.name for part in list_parts(store)] == ["1_12.parquet"]
    assert verify(store).is_sound


def test_an_interrupted_compaction_is_undone(store: Storage) -> None:
    events = read(store)
    commit = b'{"replacement": "1_12.parquet", "originals": ["1_5.parquet", "4_8.parquet"], "digest": "x"}'
    put(store, COMPACTION, commit)
    assert not verify(store).is_sound
    repair(store)
    assert read(store) == events
    assert store.find(FOLDER / COMPACTION) is None


def test_a_damaged_part_goes_to_the_quarantine_and_its_loss_to_the_ledger(store: Storage) -> None:
    content = store.read_bytes(FOLDER / "4_8.parquet")
    store.delete(FOLDER / "4_8.parquet")
    put(store, "4_8.parquet", content[:100])
    assert [finding.kind for finding in verify(store).findings] == [Kind.UNREADABLE]
    report = repair(store)
    assert report.failed == []
    assert store.read_bytes(PurePosixPath(".quarantine") / FOLDER / "4_8.parquet") == content[:100]
    assert [(gap.start_ns, gap.end_ns) for gap in read_gaps(store)] == [(4, 8)]
    assert verify(store).is_sound


def test_duplicates_are_dropped(store: Storage) -> None:
    write(store, [trade(20, "0"), trade(21, "new")])
    repair(store, duplicates=True)
    trade_ids = [event.trade_id for batch in EventReader(store).read_batches() for event in batch]  # type: ignore[attr-defined]
    assert trade_ids == ["0", "10", "1", "11", "20", "21", "new"]


def test_a_range_is_exported(store: Storage, tmp_path: Path) -> None:
    assert export(store, tmp_path / "x.csv", start=5) == 4


def test_journals_are_looked_for_where_the_recorder_has_them(object_root: str, tmp_path: Path) -> None:
    write(open_storage(object_root), trades([1]))
    assert verify(object_root).is_sound
    assert verify(object_root, spool=tmp_path).is_sound
    with pytest.raises(ConfigError, match="credentials"):
        verify("s3://key:secret@bucket/store")
