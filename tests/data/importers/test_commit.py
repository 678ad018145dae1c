"""An import happens once, as a whole or not at all."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest

from quantai.core.errors import ConfigError, StoreError
from quantai.data.importers.ledger import ImportLedger
from quantai.data.importers.stage import Stage
from quantai.data.imports import FileStatus, ImportProgress, import_files, list_formats
from quantai.events.persistence.store import foreign_files
from tests.data.importers.fixture_types import Events, Run, RunOne, Write

HEADER = "id,price,qty,quote_qty,time,is_buyer_maker"
DAY_MS = 86_400_000
FIRST_MS = 1583712000000
NAME = "BTCUSDT-trades-2020-03.csv"


def trades(*numbers: int, step_ms: int = 1) -> list[str]:
    return [HEADER, *(f"{number},2,3,6,{FIRST_MS + number * step_ms},true" for number in numbers)]


def files_in(store: Path) -> set[str]:
    return {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}


class Killed(BaseException):
    """Stands for the end of the process."""


def test_the_same_file_twice_changes_nothing(write: Write, run_one: RunOne, store: Path, events: Events) -> None:
    path = write(NAME, *trades(1, 2, 3))
    first, before = run_one(path), files_in(store)
    again = run_one(path)
    assert (first.status, again.status) == (FileStatus.IMPORTED, FileStatus.SKIPPED)
    assert files_in(store) == before
    assert (again.rows_written, again.start_ns, again.end_ns) == (first.rows_written, first.start_ns, first.end_ns)
    assert len(events()) == 3


def test_a_renamed_copy_is_the_same_file(write: Write, run_one: RunOne, events: Events) -> None:
    run_one(write(NAME, *trades(1, 2)))
    assert run_one(write("copy.csv", *trades(1, 2))).status is FileStatus.SKIPPED
    assert len(events()) == 2


def test_the_same_content_packed_otherwise_is_refused(write: Write, run_one: RunOne, run: Run, events: Events) -> None:
    run_one(write(NAME, *trades(1, 2)))
    for name in (f"{NAME}.gz", NAME.replace("csv", "zip")):
        (report,) = run(write(name, *trades(1, 2))).files
        assert f"its content is in the store already, imported as {NAME}" in report.error
    assert len(events()) == 2


def test_the_same_file_for_another_symbol_or_venue_is_another_import(
    write: Write, run_one: RunOne, events: Events
) -> None:
    path = write(NAME, *trades(1, 2))
    run_one(path)
    assert run_one(path, symbol="BTC/USDC").status is FileStatus.IMPORTED
    assert run_one(path, venue="other").status is FileStatus.IMPORTED
    assert len(events()) == 6


def test_overlap_with_what_is_there_is_told_with_the_ids_in_both(
    write: Write, run_one: RunOne, run: Run, events: Events
) -> None:
    run_one(write(NAME, *trades(1, 2, 3)))
    report = run_one(write("BTCUSDT-trades-2020-04.csv", *trades(2, 3, 4)))
    (warning,) = report.warnings
    assert warning.count(".parquet") == 2
    assert warning.endswith(
        "both cover 2020-03-09T00:00:00.002000000Z to 2020-03-09T00:00:00.003000000Z; 2 trade ids are in both"
    )
    assert len(events()) == 6


def test_overlap_can_be_refused(write: Write, run_one: RunOne, run: Run, events: Events) -> None:
    run_one(write(NAME, *trades(1, 2, 3)))
    (report,) = run(write("BTCUSDT-trades-2020-04.csv", *trades(2, 3, 4)), on_overlap="refuse").files
    assert "2 trade ids are in both" in report.error
    assert len(events()) == 3


def test_days_that_follow_each_other_do_not_overlap(write: Write, run_one: RunOne) -> None:
    run_one(write(NAME, *trades(1, 2)))
    assert run_one(write("BTCUSDT-trades-2020-04.csv", *trades(3, 4))).warnings == ()


def test_bars_of_another_interval_do_not_overlap(write: Write, run_one: RunOne) -> None:
    def bar(length_ms: int) -> str:
        return f"{FIRST_MS},2,3,1,2,1,{FIRST_MS + length_ms - 1},1,1,1,1,0"

    run_one(write("BTCUSDT-1m-2020-03.csv", bar(60_000), bar(120_000)))
    assert run_one(write("BTCUSDT-30s-2020-03.csv", bar(30_000), bar(90_000))).warnings == ()
    assert len(run_one(write("BTCUSDT-2m-2020-03.csv", bar(60_000), bar(150_000))).warnings) == 1


def test_part_that_ends_when_another_does_gets_the_next_number(
    write: Write, run_one: RunOne, store: Path, events: Events
) -> None:
    run_one(write(NAME, *trades(1, 2)))
    run_one(write("BTCUSDT-trades-2020-04.csv", *trades(1, 2), trades(2)[1]))
    assert sorted(path.name for path in store.rglob("*.parquet")) == [
        "1583712000001000000_1583712000002000000-1.parquet", "1583712000001000000_1583712000002000000.parquet",
    ]  # fmt: skip
    assert len(events()) == 5


def test_killed_while_reading_leaves_nothing_to_see_and_can_be_repeated(
    write: Write, run: Run, run_one: RunOne, store: Path, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(NAME, *trades(*range(20)))

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ImportLedger, "discard", lambda *_: None)
        patch.setattr(Stage, "finish", die)
        with pytest.raises(Killed):
            run(path)
        assert events() == []
    assert run_one(path).status is FileStatus.IMPORTED
    assert len(events()) == 20
    assert foreign_files(store) == []
    assert list((store / ".imports").glob("*/")) == []


@pytest.mark.parametrize("links_before_death", range(5))
def test_killed_while_committing_is_finished_by_the_next_import(
    write: Write,
    run: Run,
    run_one: RunOne,
    store: Path,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
    links_before_death: int,
) -> None:
    path = write(NAME, *trades(1, 2, 3, 4, step_ms=DAY_MS))
    link = Path.hardlink_to
    links: list[Path] = []

    def die_after_some(self: Path, target: Path) -> None:
        if self.is_relative_to(store) and ".imports" not in str(self):
            links.append(self)
            if len(links) > links_before_death:
                raise Killed
        link(self, target)

    def die_at_the_end(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "hardlink_to", die_after_some)
        patch.setattr(ImportLedger, "discard", die_at_the_end)
        with pytest.raises(Killed):
            run(path)
    assert run_one(path).status is FileStatus.SKIPPED
    assert [event.trade_id for event in events()] == ["1", "2", "3", "4"]
    assert list((store / ".imports").glob("*/")) == []


def test_error_in_one_file_does_not_stop_the_others(write: Write, run: Run, events: Events) -> None:
    bad = write("BTCUSDT-trades-2020-04.csv", HEADER, "x")
    good = write(NAME, *trades(1))
    report = run(bad, good)
    assert [file.status for file in report.files] == [FileStatus.FAILED, FileStatus.IMPORTED]
    assert report.failed == (report.files[0],)
    assert (report.rows_read, report.bad_rows, len(events())) == (2, 1, 1)


@pytest.mark.parametrize("name", [f"{NAME}.gz", NAME.replace("csv", "zip")])
def test_file_that_is_cut_short_imports_nothing(write: Write, run: Run, events: Events, name: str) -> None:
    path = write(name, *trades(*range(3_000)))
    path.write_bytes(path.read_bytes()[:-40])
    try:
        (report,) = run(path).files
        message = report.error
    except StoreError as error:
        message = str(error)
    assert message.startswith(f"{path}: cannot be read")
    assert events() == []


def test_zip_of_several_files_is_refused(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "t"
    (path / "in").mkdir(parents=True)
    for name in ("a.csv", "b.csv"):
        (path / "in" / name).write_text("1,2\n")
    archive = Path(shutil.make_archive(str(path / "BTCUSDT-trades-2020-03"), "zip", path / "in"))
    with pytest.raises(StoreError, match=r"a zip must hold one file, this one holds a\.csv, b\.csv"):
        run(archive)


def test_line_without_end_is_refused(tmp_path: Path, run: Run) -> None:
    path = tmp_path / f"{NAME}.gz"
    path.write_bytes(gzip.compress(b"1" * 9 * 2**20))
    with pytest.raises(StoreError, match="a line is longer than"):
        run(path)


def test_two_imports_at_a_time_are_refused(write: Write, run: Run, store: Path) -> None:
    with ImportLedger(store), pytest.raises(StoreError, match=r"another import into .* is running"):
        run(write(NAME, *trades(1)))


def test_store_that_cannot_be_written_is_named(write: Write, run: Run, store: Path) -> None:
    store.write_text("a file")
    with pytest.raises(StoreError, match="the store .* cannot be written"):
        run(write(NAME, *trades(1)))


def test_full_disk_stops_the_import_and_leaves_nothing(
    write: Write, run: Run, store: Path, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Stage, "add", full)
        with pytest.raises(StoreError, match="No space left on device"):
            run(write(NAME, *trades(1)))
    assert events() == []
    assert list((store / ".imports").glob("*/")) == []


def test_unreadable_manifest_is_named(write: Write, run_one: RunOne, run: Run, store: Path) -> None:
    run_one(write(NAME, *trades(1)))
    (manifest,) = (store / ".imports").glob("*.json")
    manifest.write_text("{")
    with pytest.raises(StoreError, match=manifest.name):
        run(write(NAME, *trades(2)))


def test_deleted_parts_are_told_when_the_import_is_skipped(write: Write, run_one: RunOne, store: Path) -> None:
    path = write(NAME, *trades(1))
    run_one(path)
    shutil.rmtree(store / "type=trade")
    (warning,) = run_one(path).warnings
    assert warning.startswith("1 of the 1 parts it was imported to are gone")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"venue": "Binance US"}, "venue 'Binance US' must be small letters"),
        ({"symbol": "BTCUSDT"}, "'BTCUSDT' is not a ccxt-unified symbol"),
        ({"symbol": None}, "an import needs to know the unified symbol"),
        ({"symbols": {"BTCUSDT": "BTC-USDT"}}, "'BTC-USDT' is not a ccxt-unified symbol"),
        ({"format": "binanse"}, "there is no import format 'binanse', did you mean binance"),
        ({"format": "tardis"}, "has no format that was expected"),
        ({"format": "csv"}, "format csv needs a column mapping"),
        ({"max_bad_rows": -1}, "max_bad_rows must be 0 or more"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(
    write: Write, run: Run, store: Path, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        run(write(NAME, *trades(1)), **arguments)
    assert not store.exists()


def test_missing_and_empty_files_are_named(write: Write, run: Run, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"missing\.csv: cannot be read"):
        run(tmp_path / "missing.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(StoreError, match=r"empty\.csv: the file is empty"):
        run(tmp_path / "empty.csv")


def test_a_format_name_or_its_family_can_be_given(write: Write, run_one: RunOne) -> None:
    assert run_one(write("a.csv", *trades(1)), format="binance_trades").format == "binance_trades"
    assert run_one(write("b.csv", *trades(2)), format="Binance").format == "binance_trades"
    assert {"binance_trades", "tardis_incremental_book_L2", "csv"} <= list_formats().keys()


def test_progress_goes_from_nothing_to_all_bytes_of_all_files(write: Write, run: Run) -> None:
    paths = [write(NAME, *trades(*range(50))), write("BTCUSDT-trades-2020-04.csv.gz", *trades(*range(50, 100)))]
    told: list[ImportProgress] = []
    run(*paths, on_progress=told.append)
    total = sum(path.stat().st_size for path in paths)
    done = [progress.bytes_done for progress in told]
    assert done == sorted(done)
    assert (done[-1], told[-1].bytes_total, told[-1].rows) == (total, total, 100)


def test_an_import_into_object_storage_is_refused(write: Write) -> None:
    path = write(NAME, *trades(1))
    with pytest.raises(ConfigError, match=r"s3://bucket/live cannot be imported into: import into a local store"):
        import_files([path], "s3://bucket/live", venue="binance", symbol="BTC/USDT")
