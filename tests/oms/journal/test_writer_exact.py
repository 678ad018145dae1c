"""The writer without a thread or a database: how long it waits, when it gives up, what it writes in halves."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from sqlalchemy import URL
from sqlalchemy.exc import OperationalError

from quantai.core.errors import StoreError
from quantai.oms.journal import writer as writing
from quantai.oms.journal.entries import Entry, Setting
from quantai.oms.journal.store import Store
from quantai.oms.journal.writer import Task, Writer, WriterListener
from tests.oms.journal.books import DEADLINE_S, Books, make_journal, opened, until


class Disk:
    """A store that fails as often as it is told to, and refuses some numbers."""

    def __init__(self, fails: int = 0, refused: Sequence[int] = ()) -> None:
        self.fails = fails
        self.refused = refused
        self.tried: list[list[int]] = []
        self.aside: list[int] = []

    def write(self, entries: Sequence[Entry]) -> int:
        self.tried.append([entry.number for entry in entries])
        if self.fails:
            self.fails -= 1
            raise OSError("away")
        if any(entry.number in self.refused for entry in entries):
            raise ValueError("cannot be encoded")
        return len(entries) % 2

    def set_aside(self, entry: Entry, error: BaseException) -> None:
        self.aside.append(entry.number)
        if self.fails:
            self.fails -= 1
            raise OSError("away")

    def transact(self, work: Callable[[Any], Any]) -> Any:
        return work("connection")


class Heard:
    """Has what the writer says."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def on_durable(self, number: int, duplicate_fills: int) -> None:
        self.said.append(("durable", number, duplicate_fills))

    def on_refused(self, number: int, error: str) -> None:
        self.said.append(("refused", number, error))

    def on_failed(self, error: str) -> None:
        self.said.append(("failed", error))


class Desk:
    """A writer whose pauses are only noted."""

    def __init__(self, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.disk = disk
        self.heard = Heard()
        self.pauses: list[float] = []
        self.writer = Writer(
            cast(Store, disk), cast(WriterListener, self.heard), lambda call, *arguments: call(*arguments)
        )
        monkeypatch.setattr(self.writer, "_pause", self.pauses.append)


def entries(*numbers: int) -> list[Entry]:
    return [Entry(number, Setting("a", "b"), None, 0.0) for number in numbers]


def test_each_pause_is_twice_as_long_as_the_one_before_up_to_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(Disk(fails=8), monkeypatch)
    assert desk.writer._persist(entries(1))
    assert desk.pauses == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0]
    assert desk.heard.said == [("failed", "OSError: away")] * 8 + [("durable", 1, 1)]


def test_after_a_success_the_pauses_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(fails=2, refused=[1])
    desk = Desk(disk, monkeypatch)
    monkeypatch.setattr(writing, "_MAX_BATCH", 1)
    write = disk.write

    def fails_once_more(some: Sequence[Entry]) -> int:
        if some[0].number == 2 and len(disk.tried) == 3:
            disk.fails = 1
        return write(some)

    monkeypatch.setattr(disk, "write", fails_once_more)
    assert desk.writer._persist(entries(1, 2))
    assert desk.pauses == [0.02, 0.04, 0.02]
    assert disk.aside == [1]


@pytest.mark.parametrize(("now_s", "is_over"), [(9.9, False), (10.0, True), (10.1, True)])
def test_it_gives_up_when_its_time_is_over(now_s: float, is_over: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(Disk(fails=1), monkeypatch)
    desk.writer._give_up_s = 10.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    assert desk.writer._persist(entries(1)) is not is_over
    assert len(desk.pauses) == (not is_over)


def test_before_it_is_told_to_stop_it_never_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(Disk(), monkeypatch)
    assert desk.writer._give_up_s == math.inf
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    ended = desk.writer.stop(2.5)
    assert desk.writer._give_up_s == 7.5
    assert desk.writer._is_stopping.is_set()
    assert desk.writer._line.get_nowait() is None
    assert not ended.done()
    assert not ended.cancel()  # whoever stops waiting must not stop the thread


@pytest.mark.parametrize(("now_s", "delay_s", "slept_s"), [(9.0, 0.5, 0.5), (9.75, 0.5, 0.25), (11.0, 0.5, 0.0)])
def test_a_pause_while_it_stops_ends_when_its_time_is_over(
    now_s: float, delay_s: float, slept_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(cast(Store, Disk()), cast(WriterListener, Heard()), lambda call, *arguments: None)
    slept: list[float] = []
    waited: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(writer._is_stopping, "wait", waited.append)
    writer._pause(0.25)
    assert (slept, waited) == ([], [0.25])
    writer._is_stopping.set()
    writer._give_up_s = 10.0
    writer._pause(delay_s)
    assert (slept, waited) == ([slept_s], [0.25])


def test_what_is_refused_is_written_in_halves_until_it_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(Disk(refused=[6]), monkeypatch)
    assert desk.writer._persist(entries(*range(1, 9)))
    assert desk.disk.tried == [
        [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [5, 6, 7, 8], [5, 6], [5], [6, 7, 8], [6], [7, 8],
    ]  # fmt: skip
    assert desk.disk.aside == [6]
    assert desk.heard.said == [
        ("durable", 4, 0), ("durable", 5, 1), ("refused", 6, "ValueError: cannot be encoded"), ("durable", 8, 0),
    ]  # fmt: skip
    assert desk.pauses == []


def test_what_was_refused_once_is_set_aside_though_that_fails_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(refused=[1])
    desk = Desk(disk, monkeypatch)
    set_aside = disk.set_aside

    def fails_first(entry: Entry, error: BaseException) -> None:
        disk.fails = not disk.aside
        set_aside(entry, error)

    monkeypatch.setattr(disk, "set_aside", fails_first)
    assert desk.writer._persist(entries(1))
    assert (disk.tried, disk.aside) == ([[1]], [1, 1])
    assert [said[0] for said in desk.heard.said] == ["failed", "refused"]


def test_no_more_than_a_batch_is_taken_and_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_MAX_BATCH", 3)
    desk = Desk(Disk(), monkeypatch)
    for some in ((1, 2), (3,), (4,)):
        desk.writer.put(entries(*some))
    task = desk.writer.do(lambda connection: 1)
    taken, tasks, goes_on = desk.writer._take()
    assert ([entry.number for entry in taken], tasks, goes_on) == ([1, 2, 3], [], True)
    taken, tasks, goes_on = desk.writer._take()
    assert ([entry.number for entry in taken], [each.done for each in tasks], goes_on) == ([4], [task], True)
    desk.writer.put(entries(5))
    desk.writer.stop(0)
    taken, tasks, goes_on = desk.writer._take()
    assert ([entry.number for entry in taken], tasks, goes_on) == ([5], [], False)
    assert desk.writer._persist(entries(1, 2, 3, 4))
    assert desk.disk.tried == [[1, 2, 3], [4]]


def test_after_it_gave_up_nothing_in_line_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(Disk(), monkeypatch)
    first, forgotten = desk.writer.do(lambda connection: 1), desk.writer.do(lambda connection: 1)
    forgotten.cancel()
    desk.writer.put(entries(1))
    desk.writer.stop(0)
    after = desk.writer.do(lambda connection: 1)
    desk.writer._refuse_tasks(True)
    with pytest.raises(StoreError) as error:
        first.result(timeout=0)
    assert str(error.value) == "the order journal was closed before it could be changed"
    assert (forgotten.cancelled(), after.done(), desk.disk.tried) == (True, False, [])
    desk.writer._refuse_tasks(False)  # its end was taken already: it must not wait for another
    assert not after.done()


def test_a_task_is_done_once_and_its_error_is_told() -> None:
    store = cast(Store, Disk())
    done = Task(lambda connection: [connection])
    done.run(store)
    assert done.done.result(timeout=0) == ["connection"]

    def fail(connection: object) -> None:
        raise OperationalError("SELECT 1", {}, ConnectionError("gone"))

    failed = Task(fail)
    failed.run(store)
    with pytest.raises(StoreError) as error:
        failed.done.result(timeout=0)
    assert str(error.value) == "the order journal could not be changed: ConnectionError: gone"


async def test_the_threads_are_named_and_the_writer_keeps_no_process_alive(sqlite_url: URL) -> None:
    before = set(threading.enumerate())  # those of other journals may still be ending
    async with opened(sqlite_url) as journal:
        await journal.find("x")
        new = set(threading.enumerate()) - before
        [writer] = [thread for thread in new if thread.name == "journal-writer"]
        assert writer.daemon
        assert [thread.name for thread in new - {writer}] == ["journal-reader_0"]
    writer.join(DEADLINE_S)
    assert not writer.is_alive()


async def test_a_close_does_not_wait_for_who_still_reads(sqlite_url: URL) -> None:
    journal = make_journal(sqlite_url)
    await journal.start()
    reading, released, read = threading.Event(), threading.Event(), threading.Event()

    def hang(connection: object) -> None:
        reading.set()
        released.wait(DEADLINE_S)
        read.set()

    loop = journal._readers.submit(hang, None)
    second = journal._readers.submit(hang, None)
    third = journal._readers.submit(hang, None)
    await until(reading.is_set)
    await journal.close()
    assert not read.is_set()
    assert third.cancelled()
    released.set()
    loop.result(DEADLINE_S)
    second.result(DEADLINE_S)


async def test_every_step_of_a_write_can_be_killed(sqlite_url: URL) -> None:
    steps: list[str] = []
    async with opened(sqlite_url, on_step=steps.append) as journal:
        books = Books(journal)
        order = books.submit()
        await until(lambda: journal.waiting == 0)
        books.fill(order, "1.5", "t")
        await until(lambda: journal.waiting == 0)
    assert steps == [
        "begin", "orders", "order_events", "commit", "committed",
        "begin", "orders", "order_events", "fills", "commit", "committed",
    ]  # fmt: skip
