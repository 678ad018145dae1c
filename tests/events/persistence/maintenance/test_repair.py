from __future__ import annotations

from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quantai.core.errors import StoreError
from quantai.events import Event, GapEvent, TradeEvent
from quantai.events.persistence import Part, PartWriter, list_parts
from quantai.events.persistence.maintenance import Gap, Kind, RepairReport, read_gaps, repair, verify
from quantai.events.persistence.maintenance.replacement import stage
from quantai.events.persistence.maintenance.rows import read_rows
from quantai.events.persistence.schema import to_table
from quantai.events.persistence.store import COMPACTION
from tests.events.persistence.maintenance.stores import (
    DAY_NS,
    FOLDER,
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

LATER_NS = 2**62


def market(root: Path) -> list[TradeEvent]:
    """The events that are not the ledger's."""
    return [event for event in read(root) if isinstance(event, TradeEvent)]


def groups_of_ten(root: Path, rows: int = 40) -> tuple[Part, list[TradeEvent]]:
    """A part with a row group for every ten trades."""
    events = trades(range(rows))
    part = write(root, events)
    table = pq.read_table(part.path, partitioning=None)
    pq.write_table(table, part.path, row_group_size=10, write_page_checksum=True, use_dictionary=False)
    return part, events


def damage_group(part: Part, index: int) -> None:
    """Change bytes in the middle of a page of a row group."""
    column = pq.read_metadata(part.path).row_group(index).column(2)
    content = bytearray(part.path.read_bytes())
    place = column.data_page_offset + column.total_compressed_size - 4
    content[place] ^= 0xFF
    part.path.write_bytes(content)


def test_a_sound_store_needs_nothing(tmp_path: Path) -> None:
    write(tmp_path, trades([1, 2]))
    assert repair(tmp_path) == RepairReport()
    assert names(tmp_path) == ["1_2.parquet"]


def test_the_readable_row_groups_of_a_damaged_part_are_kept(tmp_path: Path) -> None:
    part, events = groups_of_ten(tmp_path)
    original = damage(part)
    report = repair(tmp_path)
    assert "30 rows" in report.done[0].what
    assert "10 rows lost" in report.done[0].what
    assert market(tmp_path) == [*events[:10], *events[20:]]
    assert (tmp_path / ".quarantine" / part.relative).read_bytes() == original
    assert read_gaps(tmp_path) == [Gap(10, 19, "v", "A/B", 10, "trade: 0_39.parquet was damaged", "repair")]
    assert verify(tmp_path).is_sound


def damage(part: Part) -> bytes:
    """Damage the second row group; the bytes of the file then."""
    damage_group(part, 1)
    return part.path.read_bytes()


def test_a_part_without_a_footer_is_told_as_a_gap(tmp_path: Path) -> None:
    keep = write(tmp_path, trades([5]))
    part = write(tmp_path, trades([10, 20]))
    part.path.write_bytes(part.path.read_bytes()[:-30])
    report = repair(tmp_path)
    assert report.failed == []
    assert read_gaps(tmp_path) == [Gap(10, 20, "v", "A/B", 0, "trade: 10_20.parquet was damaged", "repair")]
    assert names(tmp_path) == [keep.relative.name]
    assert verify(tmp_path).is_sound


def test_a_part_out_of_order_is_sorted(tmp_path: Path) -> None:
    part = write(tmp_path, trades([1, 2, 3]))
    table = pq.read_table(part.path, partitioning=None)
    pq.write_table(table.take([2, 0, 1]), part.path, write_page_checksum=True)
    repair(tmp_path)
    assert market(tmp_path) == trades([1, 2, 3])
    assert files(tmp_path, ".quarantine") == [str(part.relative)]


def test_a_part_with_a_wrong_name_gets_the_right_one(tmp_path: Path) -> None:
    part = write(tmp_path, trades([10, 20]))
    part.path.rename(part.path.with_name("11_12.parquet"))
    repair(tmp_path)
    assert names(tmp_path) == ["10_20.parquet"]
    assert market(tmp_path) == trades([10, 20])


@pytest.mark.parametrize("place", ["date=1970-02-02/10_20.parquet", "date=1970-01-01/copy of 10.parquet", "x.parquet"])
def test_a_part_in_a_wrong_place_is_brought_home(tmp_path: Path, place: str) -> None:
    part = write(tmp_path, trades([10, 20]))
    to = tmp_path / FOLDER.parent / place
    to.parent.mkdir(exist_ok=True)
    part.path.rename(to)
    assert not verify(tmp_path).is_sound
    repair(tmp_path)
    assert names(tmp_path) == ["10_20.parquet"]
    assert market(tmp_path) == trades([10, 20])
    assert verify(tmp_path).is_sound


def test_wrong_statistics_are_written_anew(tmp_path: Path) -> None:
    part = write(tmp_path, trades([10, 20, 30]))
    table = pq.read_table(part.path, partitioning=None)
    options = {"use_dictionary": False, "compression": "none", "write_page_checksum": True}
    pq.write_table(table, part.path, **options)
    content = part.path.read_bytes()
    price = table.schema.get_field_index("price")
    pq.write_table(table.set_column(price, table.schema.field(price), pa.array([7.0, 8.0, 9.0])), part.path, **options)
    footer = int.from_bytes(content[-8:-4], "little") + 8
    part.path.write_bytes(part.path.read_bytes()[:-footer] + content[-footer:])
    repair(tmp_path)
    assert [event.price for event in market(tmp_path)] == [7.0, 8.0, 9.0]
    assert verify(tmp_path).is_sound


def test_what_repair_cannot_mend_is_said_and_left(tmp_path: Path) -> None:
    part = write(tmp_path, trades([1]))
    table = pq.read_table(part.path, partitioning=None)
    pq.write_table(table.drop_columns(["price"]), part.path, write_page_checksum=True)
    report = repair(tmp_path)
    assert [finding.kind for finding in report.beyond_repair] == [Kind.SCHEMA]
    assert names(tmp_path) == ["1_1.parquet"]


def test_duplicates_are_dropped_only_when_asked_for(tmp_path: Path) -> None:
    first = trades(range(10))
    write(tmp_path, first)
    write(tmp_path, [trade(20, "3"), trade(21, "new"), trade(22, "7")])
    whole = write(tmp_path, [trade(30, "0"), trade(31, "1")])
    assert repair(tmp_path) == RepairReport()
    report = repair(tmp_path, duplicates=True)
    assert report.failed == []
    assert market(tmp_path) == [*first, trade(21, "new")]
    assert not whole.path.exists()
    assert len(files(tmp_path, ".quarantine")) == 2
    assert repair(tmp_path, duplicates=True) == RepairReport()
    assert verify(tmp_path).is_sound


def test_journals_of_the_dead_are_taken_in_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    write(tmp_path, trades([1]))
    dead, dead_journal = begin_journal(tmp_path, trades([2, 3], first_id=10))
    living, living_journal = begin_journal(tmp_path, trades([4], first_id=20))
    dead_journal.close()
    dead.finish()
    found = [finding.kind for finding in verify(tmp_path).findings]
    assert found == [Kind.JOURNAL, Kind.LIVE_JOURNAL]
    report = repair(tmp_path)
    assert "2 rows" in report.done[0].what
    assert [event.trade_id for event in market(tmp_path)] == ["0", "10", "11"]
    living_journal.close()
    living.finish()


def test_a_part_whose_journal_is_there_is_left_to_its_recorder(tmp_path: Path) -> None:
    session, journal = begin_journal(tmp_path)
    write(tmp_path, [trade(1, "a"), trade(2, "a")], origin=f"{session.name}-1")
    report = repair(tmp_path, duplicates=True)
    assert "its journal is still there" in report.failed[0].what
    assert len(market(tmp_path)) == 2
    journal.close()
    session.finish()


def test_leftovers_are_removed_when_they_are_old(tmp_path: Path) -> None:
    write(tmp_path, trades([1]))
    for name in (".1_1.parquet.99-0.tmp", "../.x.tmp"):
        (tmp_path / FOLDER / name).write_text("half")
    assert repair(tmp_path, now_ns=0) == RepairReport()
    assert len(repair(tmp_path, now_ns=LATER_NS).done) == 2
    assert names(tmp_path) == ["1_1.parquet"]


def test_foreign_files_stay_where_they_are(tmp_path: Path) -> None:
    write(tmp_path, trades([1]))
    (tmp_path / "README.txt").write_text("mine")
    (tmp_path / FOLDER / "notes.parquet").write_text("mine")
    assert repair(tmp_path, now_ns=LATER_NS) == RepairReport()
    assert verify(tmp_path).is_sound
    assert (tmp_path / FOLDER / "notes.parquet").read_text() == "mine"


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(tmp_path: Path) -> None:
    part, _ = groups_of_ten(tmp_path)
    damage_group(part, 0)
    write(tmp_path, [trade(100, "a"), trade(101, "a")])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    report = repair(tmp_path, dry_run=True, duplicates=True)
    assert len(report.done) == 2
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_unreadable_record_of_a_compaction_is_set_aside(tmp_path: Path) -> None:
    write(tmp_path, trades([1]))
    (tmp_path / FOLDER / COMPACTION).write_text("{")
    assert not verify(tmp_path).is_sound
    with pytest.raises(StoreError, match="compaction"):
        read(tmp_path)
    repair(tmp_path)
    assert market(tmp_path) == trades([1])


def test_a_damaged_replacement_is_undone_while_the_originals_are_there(tmp_path: Path) -> None:
    parts = [write(tmp_path, trades([1, 2])), write(tmp_path, trades([3, 4], first_id=2))]
    events = market(tmp_path)
    interrupt_compaction(tmp_path, parts)
    replacement = tmp_path / FOLDER / "1_4.parquet"
    replacement.write_bytes(replacement.read_bytes()[:100])
    repair(tmp_path)
    assert market(tmp_path) == events
    assert names(tmp_path) == ["1_2.parquet", "3_4.parquet"]


def test_a_damaged_replacement_whose_originals_are_gone_is_left_as_it_is(tmp_path: Path) -> None:
    parts = [write(tmp_path, trades([1, 2])), write(tmp_path, trades([3, 4], first_id=2))]
    interrupt_compaction(tmp_path, parts)
    replacement = tmp_path / FOLDER / "1_4.parquet"
    replacement.write_bytes(replacement.read_bytes()[:100])
    parts[0].path.unlink()
    report = repair(tmp_path, dry_run=False)
    assert "backup" in report.failed[0].what
    assert (tmp_path / FOLDER / COMPACTION).exists()


def interrupt_compaction(root: Path, parts: list[Part]) -> None:
    """Die right after the replacement has its name."""
    storage = MortalStorage(root, 1_000)
    staged = stage(storage, parts[0], (rows for part in parts for rows in read_rows(part)))
    content = {
        "replacement": "1_4.parquet",
        "originals": [part.relative.name for part in parts],
        "digest": str(staged.digest),
    }
    (root / FOLDER / COMPACTION).write_text(repr(content).replace("'", '"'))
    storage.move(staged.path, FOLDER / "1_4.parquet")


def messy(root: Path) -> list[Event]:
    """A store with everything that can be mended; what is to be left of it."""
    part, events = groups_of_ten(root)
    damage_group(part, 1)
    write(root, [trade(50, "0"), trade(51, "x")])
    misnamed = write(root, trades([60, 61], first_id=100))
    misnamed.path.rename(misnamed.path.with_name("lost.parquet"))
    compacted = [trade(1, "m"), trade(2, "n"), trade(3, "o"), trade(4, "p")]
    interrupt_compaction(root, [write(root, compacted[:2]), write(root, compacted[2:])])
    rest = [*compacted, trade(51, "x"), *trades([60, 61], first_id=100)]
    gap = GapEvent("repair", 19, 19, "v", "A/B", 10, 19, 10, "trade: 0_39.parquet was damaged")
    return sorted([*events[:10], *events[20:], *rest, gap], key=str)


def test_a_kill_at_any_moment_of_a_repair_ends_in_the_same_store(tmp_path: Path) -> None:
    for changes in count():
        root = tmp_path / str(changes)
        expected = messy(root)
        try:
            repair(MortalStorage(root, changes), duplicates=True)
        except Killed:
            repair(root, duplicates=True)
            assert sorted(read(root), key=str) == expected
            assert verify(root).is_sound
        else:
            assert sorted(read(root), key=str) == expected
            break
    assert changes > 15


def test_a_disk_that_cannot_be_read_is_not_taken_for_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = write(tmp_path, trades([1, 2]))

    class Unplugged(MortalStorage):
        def open(self, path):  # type: ignore[no-untyped-def]
            raise OSError("no route to host")

    report = repair(Unplugged(tmp_path, 1_000))
    assert "no route to host" in report.failed[0].what
    assert names(tmp_path) == [part.relative.name]
    assert read_gaps(tmp_path) == []


def test_a_part_over_midnight_becomes_two(tmp_path: Path) -> None:
    table = to_table(TradeEvent, trades([DAY_NS - 1, DAY_NS]))
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "all.parquet", write_page_checksum=True)
    repair(tmp_path)
    assert [part.date for part in list_parts(tmp_path)] == ["1970-01-01", "1970-01-02"]
    assert PartWriter(tmp_path).storage.find(FOLDER / "all.parquet") is None
