from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.persistence.journal import Bytes, Header, Journal, JournalWriter, read_journal
from quantai.events.persistence.parts import Stream
from quantai.events.persistence.recording import encode

HEADER = Header("session", 1, "recorder", 5, [("tick", "v", "C/D", 3)])


def frames(*times: int, symbol: str = "A/B") -> list[Bytes]:
    return encode([TradeEvent("v", symbol, ts, ts, 1.0, 1.0, Side.BUY, str(ts)) for ts in times]).frames


def written(folder: Path, *batches: tuple[int, ...]) -> JournalWriter:
    folder.mkdir(exist_ok=True)
    writer = JournalWriter(folder / "000001.journal", HEADER)
    for times in batches:
        writer.append(frames(*times))
    return writer


def times_in(journal: Journal) -> list[int]:
    found: list[int] = []
    for _, table in journal.tables("trade"):
        found += table["ts_init"].to_pylist()
    return found


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    writer = written(tmp_path / "s", (10, 11), (12,))
    journal = read_journal(writer.path)
    assert journal.header == HEADER
    assert journal.id == "s-1"
    assert [rows.streams for rows, _ in journal.frames] == [[("v", "A/B", 2, 11)], [("v", "A/B", 1, 12)]]
    assert times_in(journal) == [10, 11, 12]
    assert journal.last_times() == {Stream("tick", "v", "C/D"): 3, Stream("trade", "v", "A/B"): 12}
    assert (journal.damages, journal.is_ended, journal.is_newer) == ([], False, False)
    writer.end()
    writer.close()
    assert read_journal(writer.path).is_ended


def test_rows_lie_by_stream_in_the_order_they_came(tmp_path: Path) -> None:
    events = [TradeEvent("v", f"S{ts % 3}", ts, ts, 1.0, 1.0, Side.SELL, "") for ts in range(20_000)]
    writer = written(tmp_path)
    writer.append(encode(events).frames)
    writer.close()
    ((rows, table),) = read_journal(writer.path).tables("trade")
    assert [stream[1:3] for stream in rows.streams] == [("S0", 6_667), ("S1", 6_667), ("S2", 6_666)]
    assert table["ts_init"].to_pylist() == [*range(0, 20_000, 3), *range(1, 20_000, 3), *range(2, 20_000, 3)]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_tail_torn_anywhere_costs_only_itself(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    writer = written(tmp_path_factory.mktemp("journal"), (1,), (2,))
    whole = writer.size
    writer.append(frames(3, 4))
    writer.close()
    size = data.draw(st.integers(whole, writer.size - 1))
    os.truncate(writer.path, size)
    journal = read_journal(writer.path)
    assert times_in(journal) in ([1, 2], [1, 2, 3, 4])  # the last bytes are padding
    assert all(damage.is_tail and damage.offset == whole for damage in journal.damages)
    assert sum(damage.size for damage in journal.damages) in (0, size - whole)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_changed_byte_costs_only_its_frame(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    writer = written(tmp_path_factory.mktemp("journal"), (1,))
    start = writer.size
    writer.append(frames(2))
    end = writer.size
    writer.append(frames(3))
    writer.close()
    content = bytearray(writer.path.read_bytes())
    position = data.draw(st.integers(start, end - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    writer.path.write_bytes(content)
    journal = read_journal(writer.path)
    if journal.damages:
        assert times_in(journal) == [1, 3]
        assert [(damage.offset, damage.size, damage.is_tail) for damage in journal.damages] == [
            (start, end - start, False)
        ]
    else:  # in the padding
        assert times_in(journal) == [1, 2, 3]


def test_zeros_after_a_power_cut_are_a_torn_tail(tmp_path: Path) -> None:
    writer = written(tmp_path, (1,))
    writer.close()
    os.truncate(writer.path, writer.size + 5_000)
    journal = read_journal(writer.path)
    assert times_in(journal) == [1]
    assert [(damage.size, damage.rows, damage.is_tail) for damage in journal.damages] == [(5_000, None, True)]


def test_the_rows_of_a_torn_write_are_counted_where_they_are_known(tmp_path: Path) -> None:
    writer = written(tmp_path, (1,), (2, 3))
    writer.close()
    os.truncate(writer.path, writer.size - 100)
    (damage,) = read_journal(writer.path).damages
    assert damage.rows is not None
    assert damage.rows.count == 2


@pytest.mark.parametrize("content", [b"", b"no journal at all", bytes(100_000)])
def test_what_is_no_journal_has_no_header(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "000001.journal"
    path.write_bytes(content)
    journal = read_journal(path)
    assert (journal.header, journal.frames) == (None, [])
    assert sum(damage.size for damage in journal.damages) == len(content)


def test_a_failed_append_leaves_nothing_and_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = written(tmp_path, (1,))
    size = writer.size
    with monkeypatch.context() as patch:

        def fail(_: int) -> None:
            raise OSError(5, "Input/output error")

        patch.setattr("quantai.events.persistence.journal.os.fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            writer.append(frames(2))
    assert writer.path.stat().st_size == writer.size == size
    writer.append(frames(2))
    writer.close()
    assert times_in(read_journal(writer.path)) == [1, 2]


def test_what_could_not_be_cut_is_cut_before_the_next_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = written(tmp_path, (1,))
    size = writer.size
    with monkeypatch.context() as patch:

        def fail(*_: int) -> None:
            raise OSError(30, "Read-only file system")

        patch.setattr("quantai.events.persistence.journal.os.fsync", fail)
        patch.setattr("quantai.events.persistence.journal.os.ftruncate", fail)
        with pytest.raises(OSError, match="Read-only"):
            writer.append(frames(2, 3, 4))
        with pytest.raises(OSError, match="Read-only"):
            writer.append(frames(2))
    assert writer.path.stat().st_size > size
    writer.append(frames(5))
    writer.close()
    assert times_in(read_journal(writer.path)) == [1, 5]


def test_a_journal_that_cannot_be_made_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("quantai.events.persistence.journal.os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        written(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_was_moved_is_not_there(tmp_path: Path) -> None:
    writer = written(tmp_path)
    assert writer.is_there()
    writer.path.rename(tmp_path / "elsewhere")
    assert not writer.is_there()
    writer.path.write_bytes(b"another file")
    assert not writer.is_there()
    writer.close()


@pytest.mark.parametrize("header", [{"format": 2}, {"schema_version": 99}])
def test_nothing_of_a_newer_journal_is_read_but_its_header(tmp_path: Path, header: dict[str, int]) -> None:
    writer = JournalWriter(tmp_path / "000001.journal", Header("s", 1, "recorder", 5, [], **header))
    writer.append(frames(1))
    writer.close()
    journal = read_journal(writer.path)
    assert journal.is_newer
    assert journal.frames == []


def test_no_events_make_no_frame() -> None:
    assert encode([]).frames == []


def test_tables_of_different_flushes_join(tmp_path: Path) -> None:
    writer = written(tmp_path, (1,), (2,))
    writer.close()
    tables = [table for _, table in read_journal(writer.path).tables("trade")]
    joined = pa.concat_tables(tables).combine_chunks()
    assert joined["side"].to_pylist() == ["buy", "buy"]
