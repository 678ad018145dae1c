"""Bad rows are named by file, line and reason; good ones are all there."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.data.importers.outcome import MAX_EXAMPLES, Outcome
from quantai.data.importers.parser import RowParser
from quantai.data.importers.source import Number, Text
from tests.data.importers.fixture_types import Events, Run, RunOne, Write

HEADER = "id,price,qty,quote_qty,time,is_buyer_maker"
NAME = "BTCUSDT-trades-2020-03.csv"


def trade(
    number: int, price: object = "2", size: object = "3", time: object = 1583709433583, side: str = "true"
) -> str:
    return f"{number},{price},{size},6,{time},{side}"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,2,3,6,1583709433583", "5 columns where there should be 6"),
        ("1,2,3,6,1583709433583,true,x", "7 columns where there should be 6"),
        ("<html>", "1 columns where there should be 6"),
        (trade(1, price="2\r3"), "2 columns where there should be 6"),
        (trade(1, price="abc"), "price cannot be read: 'abc'"),
        (trade(1, price=""), "price is empty or NaN, not above 0"),
        (trade(1, price="nan"), "price is empty or NaN, not above 0"),
        (trade(1, price="inf"), "price is inf, not above 0"),
        (trade(1, price="1e999"), "price is inf, not above 0"),
        (trade(1, price=0), "price is 0.0, not above 0"),
        (trade(1, price=-2), "price is -2.0, not above 0"),
        (trade(1, size=0), "size is 0.0, not above 0"),
        (trade(1, size="0x10"), "size cannot be read: '0x10'"),
        (trade(1, time="1583709433583.5"), "ts_event cannot be read: '1583709433583.5'"),
        (trade(1, time=""), "ts_event is empty or no time"),
        (trade(1, time=-5), "ts_event is empty or no time"),
        (trade(1, time=10**18), "ts_event is empty or no time"),
        (
            trade(1, time=1583709433),
            "ts_event is 1970-01-19T07:55:09.433000000Z, not between 1980 and 2200: is its unit right?",
        ),
        (
            trade(1, side="maybe"),
            "side cannot be read: 'maybe' is none of 'true', 'True', 'TRUE', 'false', 'False', 'FALSE'",
        ),
    ],
)
def test_bad_row_is_named_and_the_others_are_imported(
    write: Write, run_one: RunOne, events: Events, line: str, why: str
) -> None:
    path = write(NAME, HEADER, *(trade(number) for number in range(5)), line, trade(6))
    report = run_one(path)
    assert [str(bad) for bad in report.bad_row_examples] == [f"{path}:7: {why}"]
    assert [event.trade_id for event in events()] == ["0", "1", "2", "3", "4", "6"]
    assert (report.rows_read, report.bad_rows, report.rows_written) == (7, 1, {"trade": 6})


def test_bad_row_of_a_later_block_has_its_line_in_the_file(
    write: Write, run_one: RunOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantai.data.importers.file_import.BLOCK_BYTES", 100)
    lines = [trade(number, price="x" if number in (17, 40) else "2") for number in range(60)]
    report = run_one(write(NAME, HEADER, *lines))
    assert [bad.line for bad in report.bad_row_examples] == [19, 42]


def test_blank_lines_are_no_rows_and_do_not_shift_line_numbers(write: Write, run_one: RunOne, events: Events) -> None:
    report = run_one(write(NAME, HEADER, trade(1), "", trade(2, price="x"), "", trade(3), ""))
    assert [bad.line for bad in report.bad_row_examples] == [4]
    assert (report.rows_read, len(events())) == (3, 2)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("head", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_do_not_matter(
    write: Write, run_one: RunOne, events: Events, end: str, head: str
) -> None:
    report = run_one(write(NAME, head + HEADER, trade(1), "", trade(2, side="x"), trade(3), end=end))
    assert [bad.line for bad in report.bad_row_examples] == [4]
    assert [event.trade_id for event in events()] == ["1", "3"]


def test_last_line_needs_no_line_end(tmp_path: Path, run_one: RunOne, events: Events) -> None:
    path = tmp_path / NAME
    path.write_text(f"{HEADER}\n{trade(1)}\n{trade(2)}")
    assert run_one(path).rows_read == len(events()) == 2


def test_more_bad_rows_than_allowed_import_nothing(write: Write, run: Run, events: Events) -> None:
    path = write(NAME, HEADER, *(trade(number, price="x" if number % 2 else 1) for number in range(20)))
    (report,) = run(path, max_bad_rows=9).files
    assert report.status == "failed"
    assert (
        report.error
        == f"{path}: more than 9 bad rows, nothing of it was imported; the first: line 3: price cannot be read: 'x'"
    )
    assert events() == []
    assert run(path, max_bad_rows=10).files[0].rows_written == {"trade": 10}


def test_file_of_bad_rows_only_fails(write: Write, run: Run, events: Events) -> None:
    (report,) = run(write(NAME, HEADER, trade(1, price=0), trade(2, price="x"))).files
    assert "every row is bad; the first: " in report.error
    assert events() == []


def test_only_the_first_bad_rows_are_told_but_all_are_counted(write: Write, run_one: RunOne) -> None:
    lines = [trade(number, price=0) for number in range(50)]
    report = run_one(write(NAME, HEADER, *lines, trade(50)))
    assert (report.bad_rows, len(report.bad_row_examples)) == (50, MAX_EXAMPLES)


def test_bar_that_ends_before_it_begins_or_has_high_below_low_is_bad(
    write: Write, run_one: RunOne, events: Events
) -> None:
    def bar(open_: int, high: int, low: int, close: int, end: int = 1601510399999) -> str:
        return f"1601510340000,{open_},{high},{low},{close},1,{end},1,1,1,1,0"

    rows = (bar(2, 3, 1, 2), bar(2, 1, 3, 2), bar(2, 3, 1, 2, 1601510300000), bar(4, 3, 1, 2))
    report = run_one(write("BTCUSDT-1m-2020-10.csv", *rows))
    assert [(bad.line, bad.why.split(",")[0]) for bad in report.bad_row_examples] == [
        (3, "the bar lasts -39999000000 ns"), (2, "high 1.0 is below low 3.0"),
    ]  # fmt: skip
    assert report.oddities == {"open or close outside of high and low": 1}
    assert len(events()) == 2


cells = st.sampled_from(["1", "2.5", "-3e2", "x", "", "1,2", '"7"', '"a,b"', " 4", "1e5"])


@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_parser_finds_the_rows_a_csv_reader_finds(rows: list[tuple[str, str]]) -> None:
    lines = [f"{text},{number}" for text, number in rows]
    outcome = Outcome(Path("f.csv"), max_bad_rows=1_000)
    table = RowParser({"text": Text(0), "number": Number(1)}, 2, ",", outcome).parse(
        "\n".join(lines).encode() + b"\n", 10
    )
    expected = {}
    for line, fields in enumerate(csv.reader(io.StringIO("\n".join(lines))), 10):
        if len(fields) == 2 and fields[1] not in ("x", "a,b"):
            expected[line] = (fields[0], float(fields[1]) if fields[1] else math.nan)
    found = {
        line: (text, math.nan if number is None else number)
        for text, number, line in (row.values() for row in table.to_pylist())
    }
    assert repr(found) == repr(expected)
    assert outcome.bad_rows == len(lines) - len(expected)
    assert outcome.rows_read == len(lines)
