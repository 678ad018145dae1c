from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.events import Event, FundingRateEvent, GapEvent, StartedEvent, TradeEvent
from quantai.events.persistence import EventReader, PartWriter, list_parts
from quantai.events.persistence.journal import Journal, JournalWriter, read_journal
from quantai.events.persistence.salvage import salvage
from quantai.events.persistence.schema import EVENT_TYPES, to_table
from quantai.events.persistence.sealing import seal
from quantai.events.persistence.spool import Session, Spool, find_journals

NOW_NS = 1_000


def trade(ts: int, symbol: str = "A/B") -> TradeEvent:
    return TradeEvent("v", symbol, ts, ts, 1.0, 1.0, Side.BUY, str(ts))


def spool_of(root: Path, max_bytes: int = 1_000_000) -> Spool:
    spool = Spool(root / ".journal", "recorder", max_bytes)
    spool.open(5)
    return spool


def record(spool: Spool, *batches: Sequence[Event]) -> None:
    for events in batches:
        assert spool.append(events, (), 6).error is None


def recorded(root: Path, *batches: Sequence[Event], max_bytes: int = 1_000_000) -> list[Path]:
    """The journals of a recorder that recorded `batches` and was killed."""
    spool = spool_of(root, max_bytes)
    record(spool, *batches)
    spool.close()
    return find_journals(root)


def events_in(root: Path, types: Any = "trade") -> list[Event]:
    return [event for batch in EventReader(root).read_batches(types=types) for event in batch]


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW_NS)


def damage(path: Path, text: bytes) -> None:
    """Change a byte after the last `text`."""
    content = bytearray(path.read_bytes())
    content[content.rindex(text) + 200] ^= 0xFF
    path.write_bytes(content)


class Interrupted(Exception):
    """The process was killed."""


class Interrupting(PartWriter):
    """Is killed after so many writes."""

    def __init__(self, root: Path, writes: int) -> None:
        super().__init__(root)
        self._writes = writes

    def write(self, *arguments: Any, **named: Any) -> Any:
        if not self._writes:
            raise Interrupted
        self._writes -= 1
        return super().write(*arguments, **named)


def test_a_journal_becomes_one_part_for_each_stream_and_is_gone(tmp_path: Path) -> None:
    (path,) = recorded(
        tmp_path, [trade(2), trade(1, "C/D"), trade(3)], [FundingRateEvent("v", "A/B", 4, 4, 0.1), trade(1)]
    )
    sealed = seal(path, PartWriter(tmp_path), NOW_NS)
    assert (sealed.journals, sealed.rows, len(sealed.parts), sealed.gaps) == (1, 5, 3, [])
    assert not path.exists()
    assert events_in(tmp_path) == [trade(1), trade(1, "C/D"), trade(2), trade(3)]
    assert [part.rows for part in list_parts(tmp_path)] == [1, 3, 1]


@pytest.mark.parametrize("writes", range(4))
def test_sealing_again_after_an_interruption_writes_nothing_twice(tmp_path: Path, writes: int) -> None:
    events = [trade(1), trade(1, "C/D"), trade(1, "E/F")]
    (path,) = recorded(tmp_path, events)
    kept = path.read_bytes()
    if writes < len(events):
        with pytest.raises(Interrupted):
            seal(path, Interrupting(tmp_path, writes), NOW_NS)
    else:
        seal(path, PartWriter(tmp_path), NOW_NS)
        path.write_bytes(kept)  # as if it had not been deleted yet
    seal(path, PartWriter(tmp_path), NOW_NS)
    assert events_in(tmp_path) == events


def test_equal_rows_of_another_journal_are_kept(tmp_path: Path) -> None:
    recorded(tmp_path, [trade(1)])
    for path in recorded(tmp_path, [trade(1)]):
        seal(path, PartWriter(tmp_path), NOW_NS)
    assert events_in(tmp_path) == [trade(1)] * 2


def test_a_part_that_is_not_what_was_written_is_written_again(tmp_path: Path) -> None:
    (path,) = recorded(tmp_path, [trade(1)])
    kept = path.read_bytes()
    (part,) = seal(path, PartWriter(tmp_path), NOW_NS).parts
    path.write_bytes(kept)
    content = bytearray(part.path.read_bytes())
    content[8] ^= 0xFF
    part.path.write_bytes(content)
    with pytest.raises(OSError, match="what was written is not what can be read"):
        seal(path, PartWriter(tmp_path), NOW_NS)
    assert path.exists()
    seal(path, PartWriter(tmp_path), NOW_NS)
    assert events_in(tmp_path) == [trade(1)]


def test_damage_in_the_middle_is_a_gap_and_the_journal_is_kept_in_quarantine(tmp_path: Path) -> None:
    (path,) = recorded(tmp_path, [trade(1)], [trade(2), trade(3)])
    whole = path.read_bytes()
    damage(path, b'"last_ns":3')
    path.write_bytes(path.read_bytes() + whole[: len(whole) // 64 * 64])
    sealed = seal(path, PartWriter(tmp_path), NOW_NS)
    assert [(gap.symbol, gap.start_ns, gap.end_ns, gap.lost) for gap in sealed.gaps] == [("A/B", 2, 3, 2)]
    assert events_in(tmp_path, GapEvent) == sealed.gaps
    assert not path.exists()
    assert [file.parent for file in sealed.quarantined] == [tmp_path / ".quarantine/.journal"]


def test_damage_at_the_end_of_a_journal_that_was_closed_is_no_torn_tail(tmp_path: Path, clock: SimulatedClock) -> None:
    first, second, _ = recorded(tmp_path, [trade(1)], [trade(2)], [trade(3)], max_bytes=1)
    for path, at in ((first, b'"last_ns":1'), (second, b'"last_ns":2')):
        damage(path, at)
    sealed = seal(first, PartWriter(tmp_path), NOW_NS)
    assert [(gap.symbol, gap.start_ns, gap.lost) for gap in sealed.gaps] == [("A/B", 1, 1)]
    assert (sealed.torn_rows, len(sealed.quarantined)) == (0, 1)
    salvaged = salvage(tmp_path, clock=clock)
    assert next((gap.symbol, gap.start_ns, gap.lost) for gap in salvaged.gaps) == ("A/B", 2, 1)
    assert (salvaged.torn_rows, len(salvaged.quarantined)) == (0, 1)
    assert events_in(tmp_path) == [trade(3)]


def test_a_killed_recorder_costs_the_torn_tail_and_is_told_for_each_stream(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    (path,) = recorded(tmp_path, [trade(1), trade(7, "C/D"), StartedEvent("daemon", 3, 3)], [trade(8), trade(9)])
    os.truncate(path, path.stat().st_size - 300)
    sealed = salvage(tmp_path, clock=clock)
    assert (sealed.rows, sealed.torn_rows, sealed.quarantined, sealed.errors) == (3, 2, [], [])
    assert sealed.torn_bytes > 0
    told = [(gap.venue, gap.symbol, gap.start_ns, gap.end_ns) for gap in sealed.gaps]
    assert sorted(told) == [("", "", 3, NOW_NS), ("v", "A/B", 1, NOW_NS), ("v", "C/D", 7, NOW_NS)]
    assert all("killed, or its disk failed" in gap.reason for gap in sealed.gaps)
    assert events_in(tmp_path, GapEvent) == sorted(sealed.gaps, key=lambda gap: gap.symbol)
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_streams_of_earlier_journals_are_told_too(tmp_path: Path, clock: SimulatedClock) -> None:
    paths = recorded(tmp_path, [trade(1, "C/D")], [trade(2)], [trade(3)], max_bytes=1)
    assert len(paths) == 3
    for path in paths[:2]:
        seal(path, PartWriter(tmp_path), NOW_NS)
    sealed = salvage(tmp_path, clock=clock)
    assert [(gap.symbol, gap.start_ns) for gap in sealed.gaps if gap.symbol] == [("C/D", 1), ("A/B", 3)]
    assert events_in(tmp_path) == [trade(1, "C/D"), trade(2), trade(3)]


def test_a_recorder_that_ended_well_makes_no_gap(tmp_path: Path, clock: SimulatedClock) -> None:
    spool = spool_of(tmp_path)
    record(spool, [trade(1)])
    spool.end()
    spool.close()
    sealed = salvage(tmp_path, clock=clock)
    assert (sealed.rows, sealed.gaps) == (1, [])


def test_the_journals_of_the_living_are_left_alone(tmp_path: Path, clock: SimulatedClock) -> None:
    spool = spool_of(tmp_path)
    record(spool, [trade(1)])
    assert salvage(tmp_path, clock=clock).journals == 0
    record(spool, [trade(2)])
    spool.close()
    assert salvage(tmp_path, clock=clock).rows == 2
    assert salvage(tmp_path, clock=clock).journals == 0


def test_what_cannot_be_read_at_all_goes_to_quarantine(tmp_path: Path, clock: SimulatedClock) -> None:
    _, second = recorded(tmp_path, [trade(1)], [trade(2)], max_bytes=1)
    second.write_bytes(b"something else")
    sealed = salvage(tmp_path, clock=clock)
    (moved,) = sealed.quarantined
    assert moved.read_bytes() == b"something else"
    assert moved.parent == tmp_path / ".quarantine/.journal"
    assert events_in(tmp_path) == [trade(1)]
    assert ("A/B", 1) in [(gap.symbol, gap.start_ns) for gap in sealed.gaps]
    assert find_journals(tmp_path) == []


def test_a_journal_of_a_newer_version_is_left_alone(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = recorded(tmp_path, [trade(1)])
    with monkeypatch.context() as patch:
        patch.setattr("quantai.events.persistence.journal.SCHEMA_VERSION", 0)
        sealed = salvage(tmp_path, clock=clock)
    assert (sealed.newer, sealed.rows, sealed.gaps) == ([path], 0, [])
    assert salvage(tmp_path, clock=clock).rows == 1


def test_trouble_of_the_disk_leaves_a_journal_for_later(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    recorded(tmp_path, [trade(1)])
    with monkeypatch.context() as patch:
        patch.setattr(PartWriter, "write", full)
        sealed = salvage(tmp_path, clock=clock)
    assert [str(error) for error in sealed.errors] == ["[Errno 28] No space left on device"]
    assert len(find_journals(tmp_path)) == 1
    assert salvage(tmp_path, clock=clock).rows == 1


def test_one_that_defies_everything_does_not_hold_up_the_others(
    tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = recorded(tmp_path, [trade(1)])
    recorded(tmp_path, [trade(2)])

    def defiant(path: Path) -> Journal:
        if path == first:
            raise RuntimeError("nobody foresaw this")
        return read_journal(path)

    monkeypatch.setattr("quantai.events.persistence.salvage.read_journal", defiant)
    sealed = salvage(tmp_path, clock=clock)
    assert [str(error) for error in sealed.errors] == ["nobody foresaw this"]
    assert events_in(tmp_path) == [trade(2)]
    assert find_journals(tmp_path) == [first]


def test_a_column_that_is_newer_than_the_journal_gets_its_default(tmp_path: Path) -> None:
    funding = FundingRateEvent("v", "A/B", 1, 1, 0.5, 9)
    spool = spool_of(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quantai.events.persistence.recording.to_table", _without_next_funding)
        record(spool, [funding])
    spool.close()
    (path,) = find_journals(tmp_path)
    seal(path, PartWriter(tmp_path), NOW_NS)
    assert events_in(tmp_path, FundingRateEvent) == [FundingRateEvent("v", "A/B", 1, 1, 0.5)]


def _without_next_funding(cls: type[Event], events: Sequence[Event]) -> Any:
    return to_table(cls, events).drop_columns(["next_funding_ns"])


def test_a_type_nobody_knows_any_more_goes_to_quarantine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = recorded(
        tmp_path, [trade(1), FundingRateEvent("v", "A/B", 1, 1, 0.1)], [FundingRateEvent("v", "A/B", 4, 4, 0.1)]
    )
    monkeypatch.delitem(EVENT_TYPES, "funding_rate")
    sealed = seal(path, PartWriter(tmp_path), NOW_NS)
    assert (sealed.rows, len(sealed.quarantined)) == (1, 1)
    (gap,) = events_in(tmp_path, GapEvent)
    assert isinstance(gap, GapEvent)
    assert (gap.symbol, gap.start_ns, gap.end_ns, gap.lost) == ("A/B", 1, 4, 2)
    assert "funding_rate" in gap.reason


def test_a_session_has_one_owner(tmp_path: Path) -> None:
    session = Session.begin(tmp_path)
    assert Session.claim(session.folder) is None
    session.finish()
    assert not session.folder.exists()
    assert Session.claim(session.folder) is None


def test_a_folder_that_was_salvaged_while_it_was_begun_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def salvaged(descriptor: int, _: int) -> None:
        monkeypatch.undo()
        shutil.rmtree(next(tmp_path.iterdir()))

    monkeypatch.setattr("quantai.events.persistence.spool.fcntl.flock", salvaged)
    session = Session.begin(tmp_path)
    assert session.folder.is_dir()
    session.finish()


def test_a_spool_carries_a_bounded_number_of_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantai.events.persistence.spool._MAX_STREAMS", 4)
    spool = spool_of(tmp_path)
    record(spool, [trade(ts, f"S{ts}") for ts in range(5)])
    spool.rotate(7)
    spool.close()
    headers = [path.read_bytes() for path in find_journals(tmp_path)]
    assert [b'"S1"' in header for header in headers] == [True, False]
    assert b'"S4"' in headers[1]


def test_a_full_disk_keeps_the_journal_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = spool_of(tmp_path, max_bytes=1)
    record(spool, [trade(1)])
    with monkeypatch.context() as patch:
        patch.setattr(JournalWriter, "__init__", _full)
        assert isinstance(spool.append([trade(2)], (), 6).error, OSError)
    record(spool, [trade(2)])
    spool.close()
    for path in find_journals(tmp_path):
        seal(path, PartWriter(tmp_path), NOW_NS)
    assert events_in(tmp_path) == [trade(1), trade(2)]


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")
