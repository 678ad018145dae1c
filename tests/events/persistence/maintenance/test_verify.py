from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quantai.core.errors import StoreError
from quantai.events import DisconnectedEvent, GapEvent, OrderBookDeltaEvent
from quantai.events.persistence.maintenance import GapSummary, Kind, StoreReport, verify
from tests.events.persistence.maintenance.stores import FOLDER, begin_journal, trade, trades, write

LATER_NS = 2**62


def kinds(report: StoreReport) -> list[Kind]:
    return [finding.kind for finding in report.findings]


def deltas(sequences: list[int], start: int = 0) -> list[OrderBookDeltaEvent]:
    return [
        OrderBookDeltaEvent("v", "A/B", start + place, start + place, ((1.0, 1.0),), (), sequence)
        for place, sequence in enumerate(sequences)
    ]


def test_a_sound_store_is_counted(tmp_path: Path) -> None:
    write(tmp_path, trades(range(10)))
    write(tmp_path, trades(range(20, 25), first_id=10))
    write(tmp_path, deltas([1, 2, 3]))
    report = verify(tmp_path)
    assert (report.is_sound, report.findings, report.gaps) == (True, (), ())
    found = [(stream.type, stream.parts, stream.rows, stream.start_ns, stream.end_ns) for stream in report.streams]
    assert found == [("book_delta", 1, 3, 0, 2), ("trade", 2, 15, 0, 24)]
    assert all(stream.bytes > 0 for stream in report.streams)


def test_a_store_of_the_first_version_is_sound() -> None:
    store = Path(__file__).parents[1] / "first_version" / "store"
    report = verify(store)
    assert report.is_sound
    assert {stream.type for stream in report.streams} >= {"trade", "tick", "order_filled"}


def test_damage_makes_a_store_unsound_and_the_rest_is_still_checked(tmp_path: Path) -> None:
    damaged = write(tmp_path, trades([1, 2]))
    write(tmp_path, [trade(5, "a"), trade(6, "a")])
    damaged.path.write_bytes(damaged.path.read_bytes()[:60])
    report = verify(tmp_path)
    assert not report.is_sound
    assert set(kinds(report)) == {Kind.UNREADABLE, Kind.DUPLICATES}
    assert report.streams[0].duplicates == 1


def test_overlaps_and_what_is_only_suspected_leave_a_store_sound(tmp_path: Path) -> None:
    write(tmp_path, [trade(1, "a"), trade(9, "b")])
    write(tmp_path, [trade(5, "b", price=7.0), trade(9, "c")])
    report = verify(tmp_path)
    assert report.is_sound
    assert set(kinds(report)) == {Kind.OVERLAP, Kind.SUSPECTED}
    assert report.streams[0].suspected_duplicates == 1


def test_parts_that_meet_do_not_overlap(tmp_path: Path) -> None:
    write(tmp_path, trades([1, 5]))
    write(tmp_path, trades([5, 9], first_id=5))
    assert verify(tmp_path).findings == ()


def test_files_that_are_no_parts_are_named(tmp_path: Path) -> None:
    write(tmp_path, trades([1]))
    for name in (".1_1.parquet.9-0.tmp", "notes.txt"):
        (tmp_path / FOLDER / name).write_text("x")
    for name in (".quarantine/type=trade/x.parquet", ".imports/a.pending", ".imports/b.json", ".maintenance/x.staged"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    report = verify(tmp_path, now_ns=LATER_NS)
    assert sorted(kinds(report)) == sorted([Kind.IMPORT, Kind.LEFTOVER, Kind.LEFTOVER, Kind.FOREIGN, Kind.QUARANTINE])
    assert Kind.LEFTOVER not in kinds(verify(tmp_path, now_ns=0))


def test_a_live_journal_is_only_noted(tmp_path: Path) -> None:
    write(tmp_path, trades([1]))
    session, journal = begin_journal(tmp_path)
    report = verify(tmp_path)
    assert (report.is_sound, kinds(report)) == (True, [Kind.LIVE_JOURNAL])
    journal.close()
    session.finish()
    assert not verify(tmp_path).is_sound


def test_the_gap_ledger_is_summed_up_and_no_problem(tmp_path: Path) -> None:
    write(tmp_path, [GapEvent("recorder", 20, 20, "v", "A/B", 5, 15, 7, "disk full")])
    write(tmp_path, [DisconnectedEvent("v", 30, 30)])
    report = verify(tmp_path)
    assert report.is_sound
    assert report.gaps == (GapSummary("v", "", 1, 0, 0, 1), GapSummary("v", "A/B", 1, 10, 7, 0))


def test_jumps_are_told_where_a_sequence_counts_by_one(tmp_path: Path) -> None:
    write(tmp_path, deltas([*range(1, 500), *range(510, 900)]))
    (finding,) = verify(tmp_path).findings
    assert finding.kind is Kind.SEQUENCE
    assert "1 jumps" in finding.what
    assert "10 deltas" in finding.what


def test_jumps_say_nothing_where_ids_always_jump(tmp_path: Path) -> None:
    write(tmp_path, deltas(list(range(0, 2_000, 7))))
    assert verify(tmp_path).findings == ()


def test_a_sequence_that_goes_back_is_told_also_from_part_to_part(tmp_path: Path) -> None:
    write(tmp_path, deltas([5, 6, 7]))
    write(tmp_path, deltas([3, 0, 4], start=10))
    (finding,) = verify(tmp_path).findings
    assert "1 deltas have a lower sequence" in finding.what


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    parts = [write(tmp_path, trades([start])) for start in range(5)]
    told: list[tuple[str, int, int]] = []
    verify(tmp_path, on_progress=lambda *where: told.append(where))
    total = sum(part.bytes for part in parts)
    assert told[4] == ("reading parts", total, total)
    assert told[-1] == ("comparing rows", total, total)


def test_a_report_is_plain_data(tmp_path: Path) -> None:
    write(tmp_path, [trade(1, "a"), trade(2, "a")])
    report = verify(tmp_path)
    assert msgspec.json.decode(msgspec.json.encode(report), type=StoreReport) == report


def test_no_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        verify(tmp_path / "nothing")
