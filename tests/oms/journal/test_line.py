"""The line of what waits: who is told what when, on a loop whose time the test moves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import pytest

from quantai.core.account import AccountChange
from quantai.core.clock import SimulatedClock
from quantai.events import BalanceAdjustedEvent, ConnectedEvent, ErrorEvent, Event, OrderEvent
from quantai.oms.journal import Note, NoteKind
from quantai.oms.journal.entries import AccountItem, Entry, Item, OrderItem, Setting, snapshot
from quantai.oms.journal.line import COUNTED, Line
from quantai.oms.journal.memory import MemoryJournal
from quantai.oms.journal.tables import INCOMPLETE
from quantai.oms.models import Order
from tests.oms.journal.books import START_NS, Books, D, submitted


class Handle:
    def __init__(self, due_s: float, callback: Callable[[], None]) -> None:
        self.due_s = due_s
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """Has time, and at most one timer."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.timer: Handle | None = None
        self.due: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.due.append(callback)

    def turn(self) -> None:
        due, self.due = self.due, []
        for callback in due:
            callback()

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Handle:
        assert self.timer is None
        self.timer = Handle(self.now_s + delay_s, callback)
        return self.timer

    def move_to(self, now_s: float) -> None:
        while self.timer is not None and self.timer.due_s <= now_s:
            timer, self.timer = self.timer, None
            self.now_s = timer.due_s
            timer.callback()
        self.now_s = now_s


class Bench:
    """A line, and all that it says."""

    def __init__(self, max_waiting: int = 100) -> None:
        self.loop = Loop()
        self.events: list[Event] = []
        self.given: list[list[Entry]] = []
        self.counts = dict.fromkeys(COUNTED, 0)
        self.answers: list[tuple[str, bool]] = []
        self.line = Line(
            loop=cast(Any, self.loop), clock=SimulatedClock(START_NS), timeout_s=2.0, max_waiting=max_waiting,
            on_event=self.tell, counts=self.counts,
        )  # fmt: skip
        self.line.begin(41, self.given.append)
        self.fails_to_tell = False

    @property
    def sent(self) -> list[Entry]:
        """All that the writer got by the end of the loop's turn."""
        self.loop.turn()
        return [entry for entries in self.given for entry in entries]

    def tell(self, event: Event) -> None:
        if self.fails_to_tell:
            raise RuntimeError("nobody listens")
        self.events.append(event)

    def submit(self, name: str) -> None:
        self.line.add(ordered(), lambda is_durable: self.answers.append((name, is_durable)))

    def errors(self) -> list[tuple[str, str]]:
        return [(event.error, event.message) for event in self.events if isinstance(event, ErrorEvent)]

    def counted(self) -> dict[str, int]:
        return {name: count for name, count in self.counts.items() if count}


class Kept(MemoryJournal):
    """Has what it was given last."""

    item: Item

    def append(self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Any = None) -> None:
        self.item = OrderItem(snapshot(order), event, account)


def fail(is_durable: bool) -> None:
    raise RuntimeError("cannot take an answer")


def ordered() -> OrderItem:
    order = Books(MemoryJournal()).order()
    return OrderItem(snapshot(order), submitted(order), None)


def given(act: Callable[[Books, Order], object]) -> Item:
    journal = Kept()
    books = Books(journal)
    act(books, books.order())
    return journal.item


FILL = given(lambda books, order: books.fill(order, "1", "t"))
DENIAL = given(lambda books, order: books.deny(order))
NOTE = Note("a", 1, NoteKind.RISK, {})
BOOKED = AccountItem(BalanceAdjustedEvent(1, 1, "okx", "USDT", D(0), D(1), "x"), AccountChange())


def test_what_somebody_waits_for_goes_at_once_with_all_before_it_and_the_rest_at_the_end_of_the_turn() -> None:
    bench = Bench()
    bench.line.add(Note("a", 1, NoteKind.RISK, 0))
    assert bench.given == []
    bench.submit("a")
    assert [[entry.number for entry in entries] for entries in bench.given] == [[42, 43]]
    bench.line.add(Note("a", 2, NoteKind.REPORT, 0))
    bench.line.add(Setting("key", "value"))
    assert len(bench.given) == 1
    bench.loop.turn()
    assert [[entry.number for entry in entries] for entries in bench.given[1:]] == [[44, 45]]
    bench.line.add(Setting("key", "other"))
    bench.loop.turn()
    bench.line.flush()
    assert [[entry.number for entry in entries] for entries in bench.given[2:]] == [[46]]


def test_entries_are_numbered_and_sent_in_order() -> None:
    bench = Bench()
    for item in (FILL, NOTE, BOOKED):
        bench.loop.now_s += 1
        bench.line.add(item)
    assert [(entry.number, entry.item, entry.given_s) for entry in bench.sent] == [
        (42, FILL, 101.0), (43, NOTE, 102.0), (44, BOOKED, 103.0)
    ]  # fmt: skip
    assert bench.line.waiting == 3
    bench.line.on_durable(43, 1)
    assert bench.line.waiting == 1
    assert bench.counted() == {"entries": 3, "durable": 2, "duplicate_fills": 1}
    assert bench.events == []


def test_answers_come_in_order_up_to_what_is_durable() -> None:
    bench = Bench()
    for name in "abc":
        bench.submit(name)
    bench.line.on_durable(43, 0)
    assert bench.answers == [("a", True), ("b", True)]
    bench.line.on_durable(44, 0)
    assert bench.answers[2:] == [("c", True)]


def test_who_fails_on_an_answer_keeps_no_other_from_his(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.line.add(FILL, fail)
    bench.submit("b")
    bench.line.on_durable(43, 0)
    assert bench.answers == [("b", True)]
    assert bench.counts["callback_errors"] == 1
    assert "whoever waited for the order journal failed" in caplog.text


def test_an_answer_may_put_more_in_line() -> None:
    bench = Bench()
    bench.line.add(FILL, lambda is_durable: bench.submit("later"))
    bench.line.on_durable(42, 0)
    assert bench.answers == []
    bench.line.on_durable(43, 0)
    assert bench.answers == [("later", True)]


def test_a_failed_write_is_told_once_and_answers_all_who_wait(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.submit("a")
    bench.line.add(FILL)
    bench.line.on_failed("disk full")
    assert bench.line.trouble == "disk full"
    assert bench.answers == [("a", False)]
    bench.line.on_failed("still full")
    assert bench.line.trouble == "still full"
    message = "order journal: disk full. No new orders until it works again; all else waits to be written"
    assert bench.events == [ErrorEvent("journal", START_NS, START_NS, "JournalDown", message)]
    assert bench.counted() == {"entries": 2, "failures": 2, "outages": 1}
    assert bench.line.waiting == 2
    assert "JournalDown: disk full" in caplog.text


def test_while_nothing_is_durable_a_submission_is_answered_at_once_and_stays_in_line() -> None:
    bench = Bench()
    bench.line.add(FILL)
    bench.line.on_failed("away")
    bench.submit("b")
    assert bench.answers == [("b", False)]
    assert [entry.number for entry in bench.sent] == [42, 43]
    bench.line.on_durable(43, 0)
    assert bench.answers == [("b", False)]
    assert bench.counts["durable"] == 2


def test_it_works_again_when_something_is_durable(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.line.add(FILL)
    bench.line.on_failed("away")
    with caplog.at_level(logging.WARNING):
        bench.line.on_durable(42, 0)
    assert bench.line.trouble == ""
    assert bench.events[1:] == [ConnectedEvent("journal", START_NS, START_NS)]
    assert "the order journal works again, after: away" in caplog.text
    bench.line.add(FILL)
    bench.line.on_durable(43, 0)
    assert len(bench.events) == 2
    bench.line.on_failed("again")
    assert bench.counts["outages"] == 2


def test_it_stays_down_while_what_waits_is_late() -> None:
    bench = Bench()
    bench.line.add(FILL)
    bench.loop.now_s += 1
    bench.line.add(FILL)
    bench.line.on_failed("away")
    bench.loop.now_s += 2
    bench.line.on_durable(42, 0)
    assert bench.line.trouble == "away"
    bench.line.add(FILL)
    bench.line.on_durable(43, 0)
    assert bench.line.trouble == ""


def test_nothing_durable_for_the_timeout_is_an_outage() -> None:
    bench = Bench()
    bench.submit("a")
    bench.loop.move_to(101.999)
    assert (bench.line.trouble, bench.answers) == ("", [])
    bench.loop.move_to(102.0)
    assert bench.line.trouble == "nothing was durable for 2.0 s"
    assert bench.answers == [("a", False)]
    bench.loop.move_to(105.0)
    assert bench.line.trouble == "nothing was durable for 2.0 s"
    assert (bench.counts["outages"], bench.counts["failures"], len(bench.events)) == (1, 0, 1)
    bench.line.on_durable(42, 0)
    assert bench.line.trouble == ""


def test_the_timeout_counts_from_the_oldest_that_waits() -> None:
    bench = Bench()
    bench.line.add(FILL)
    bench.loop.move_to(101.0)
    bench.line.add(FILL)
    bench.line.on_durable(42, 0)
    bench.loop.move_to(102.9)
    assert bench.line.trouble == ""
    bench.loop.move_to(103.0)
    assert bench.line.trouble == "nothing was durable for 2.0 s"


def test_an_empty_line_needs_no_timer() -> None:
    bench = Bench()
    bench.line.add(FILL)
    bench.line.on_durable(42, 0)
    bench.loop.move_to(110.0)
    assert bench.loop.timer is None
    bench.line.add(FILL)
    assert bench.loop.timer is not None
    bench.loop.move_to(111.9)
    assert bench.line.trouble == ""


@pytest.mark.parametrize("item", [NOTE, DENIAL])
def test_notes_and_denials_get_half_of_the_line(item: Item) -> None:
    bench = Bench(max_waiting=5)
    for _ in range(3):
        bench.line.add(item)
    assert (bench.line.waiting, bench.counts["dropped"]) == (2, 1)
    assert bench.events == []


def test_submissions_get_half_of_the_line_and_are_answered() -> None:
    bench = Bench(max_waiting=4)
    for name in "abc":
        bench.submit(name)
    assert bench.answers == [("c", False)]
    assert (bench.counts["refused"], bench.counts["dropped"], bench.line.waiting) == (1, 0, 2)
    assert bench.events == []


@pytest.mark.parametrize("item", [FILL, BOOKED, Setting("a", "b")])
def test_what_must_not_be_lost_gets_the_whole_line(item: Item) -> None:
    bench = Bench(max_waiting=4)
    for _ in range(4):
        bench.line.add(item)
    assert (bench.line.waiting, bench.events) == (4, [])
    bench.line.add(item)
    bench.line.add(item)
    assert bench.counts["dropped"] == 2
    message = "order journal: 4 entries wait, and no more can: the journal must be reconciled with the venues"
    assert bench.errors() == [("JournalIncomplete", message)]
    assert bench.sent[4:] == [bench.sent[-1]]
    assert bench.sent[-1].item == Setting(INCOMPLETE, f"{START_NS} 4 entries wait, and no more can")


def test_a_setting_that_finds_no_room_is_answered() -> None:
    bench = Bench(max_waiting=2)
    for _ in range(2):
        bench.line.add(FILL)
    bench.line.add(Setting("a", "b"), lambda is_durable: bench.answers.append(("a", is_durable)))
    assert bench.answers == [("a", False)]
    assert bench.counted() == {"entries": 2, "refused": 1}


def test_a_refused_entry_is_told_and_answers_no() -> None:
    bench = Bench()
    for name in "abc":
        bench.submit(name)
    bench.line.on_refused(43, "no such text")
    assert bench.answers == [("a", True), ("b", False)]
    assert bench.line.waiting == 1
    message = "order journal: entry 43 cannot be kept and was put into the quarantine table: no such text"
    assert bench.errors() == [("JournalRefused", message)]
    assert (bench.counts["quarantined"], bench.counts["durable"]) == (1, 1)
    assert bench.line.trouble == ""


def test_a_refused_fill_makes_the_journal_incomplete() -> None:
    bench = Bench()
    bench.line.add(FILL)
    bench.line.on_refused(42, "no")
    assert bench.errors()[1][1].startswith("order journal: entry 42 was refused: the journal must be reconciled")
    assert bench.sent[1].item == Setting(INCOMPLETE, f"{START_NS} entry 42 was refused")


def test_a_refused_entry_shows_that_the_database_works() -> None:
    bench = Bench()
    bench.line.add(NOTE)
    bench.line.on_failed("away")
    bench.line.on_refused(42, "no")
    assert bench.line.trouble == ""


def test_the_end_tells_all_who_wait() -> None:
    bench = Bench()
    bench.submit("a")
    bench.line.add(FILL)
    timer = bench.loop.timer
    assert bench.line.end() == "2 entries could not be written: the database is too slow"
    assert bench.answers == [("a", False)]
    assert (bench.counts["dropped"], bench.line.waiting) == (2, 0)
    assert timer is not None
    assert timer.is_cancelled
    bench.line.on_durable(42, 0)
    bench.line.on_refused(43, "too late")
    assert bench.counts["quarantined"] == 0


def test_the_end_says_why_something_is_lost_and_nothing_where_nothing_is() -> None:
    assert Bench().line.end() == ""
    bench = Bench()
    bench.line.add(FILL)
    bench.line.on_failed("away")
    assert bench.line.end() == "1 entries could not be written: away"


def test_a_listener_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.fails_to_tell = True
    bench.submit("a")
    bench.line.on_failed("away")
    assert bench.answers == [("a", False)]
    assert bench.counts["callback_errors"] == 1
    assert "nobody was told that ErrorEvent(" in caplog.text
