"""The line of what waits, to the letter: counters beyond one, and who is answered."""

from __future__ import annotations

import pytest

from quantai.oms.journal.entries import Setting
from tests.oms.journal.test_line import FILL, NOTE, Bench, fail


def test_every_submission_that_finds_no_room_is_counted() -> None:
    bench = Bench(max_waiting=2)
    for name in "abcd":
        bench.submit(name)
    assert bench.answers == [("b", False), ("c", False), ("d", False)]
    assert bench.counted() == {"entries": 1, "refused": 3}


def test_every_answer_that_nobody_can_take_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    for _ in range(3):
        bench.line.add(FILL, fail)
    bench.line.on_durable(44, 0)
    assert bench.counts["callback_errors"] == 3
    assert caplog.messages == ["whoever waited for the order journal failed"] * 3


def test_every_event_that_nobody_can_take_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.fails_to_tell = True
    for _ in range(2):
        bench.line.add(FILL)
        bench.line.on_failed("away")
        bench.line.on_durable(42 + bench.counts["outages"], 0)
    assert bench.counts["callback_errors"] == 4
    told = [message for message in caplog.messages if message.startswith("nobody was told that ")]
    assert ["JournalDown" in message for message in told] == [True, False, True, False]
    assert "ConnectedEvent" in told[1]


def test_every_outage_failure_and_refused_entry_is_counted() -> None:
    bench = Bench()
    for number in (42, 44, 46):
        bench.line.add(NOTE)
        bench.line.add(NOTE)
        bench.line.on_failed("away")
        bench.line.on_failed("still away")
        bench.line.on_refused(number, "no")
        bench.line.on_durable(number + 1, 2)
    assert bench.counted() == {
        "entries": 6, "durable": 3, "quarantined": 3, "failures": 6, "outages": 3, "duplicate_fills": 6,
    }  # fmt: skip


def test_while_nothing_is_durable_only_who_comes_last_is_answered() -> None:
    bench = Bench()
    bench.line.add(FILL)
    bench.line.on_failed("away")
    bench.line.add(FILL)
    bench.line.add(FILL)
    bench.submit("last")
    assert bench.answers == [("last", False)]
    bench.submit("after")
    assert bench.answers == [("last", False), ("after", False)]


def test_what_is_lost_at_the_end_is_counted_with_what_was_lost_before() -> None:
    bench = Bench(max_waiting=2)
    for _ in range(3):
        bench.line.add(NOTE)
    assert bench.counts["dropped"] == 2
    assert bench.line.end() == "1 entries could not be written: the database is too slow"
    assert (bench.counts["dropped"], bench.line.waiting) == (3, 0)
    assert bench.line.end() == ""
    assert bench.counts["dropped"] == 3


def test_a_line_begins_behind_the_last_number() -> None:
    bench = Bench()
    bench.line.begin(99, bench.given.append)
    bench.line.add(Setting("a", "b"))
    assert [entry.number for entry in bench.sent] == [100]
