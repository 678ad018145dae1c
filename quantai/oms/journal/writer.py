"""The writer's thread: all that waits goes into one transaction (group commit), over and over until it is durable."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from quantai.core.errors import StoreError
from quantai.oms.journal.database import is_refusal, reason_of
from quantai.oms.journal.entries import Entry
from quantai.oms.journal.store import Store

Answer = TypeVar("Answer")

_MAX_BATCH = 2_000
_FIRST_DELAY_S = 0.02
_LONGEST_DELAY_S = 1.0


class WriterListener(Protocol):
    """Hears, on the event loop, what became of entries. Numbers come in order, each in one of the first two."""

    def on_durable(self, number: int, duplicate_fills: int) -> None:
        """All up to `number` are durable."""

    def on_refused(self, number: int, error: str) -> None:
        """All before `number` are durable; `number` cannot be written as what it is, and was set aside."""

    def on_failed(self, error: str) -> None:
        """An attempt failed; another follows."""


class Task:
    """Something else to do with the database, between two transactions."""

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.done: Future[Any] = Future()

    def run(self, store: Store) -> None:
        """Do it, if anybody still wants that; it is not tried again."""
        if not self.done.set_running_or_notify_cancel():
            return
        try:
            self.done.set_result(store.transact(self.work))
        except Exception as error:
            self.done.set_exception(StoreError(f"the order journal could not be changed: {reason_of(error)}"))


class Writer:
    """Owns the thread, and gives it work.

    `post` calls a function on the event loop from the thread.
    """

    def __init__(self, store: Store, listener: WriterListener, post: Callable[..., object]) -> None:
        self._store = store
        self._listener = listener
        self._post = post
        self._line: SimpleQueue[list[Entry] | Task | None] = SimpleQueue()
        self._is_stopping = threading.Event()
        self._refusal: Exception | None = None
        self._give_up_s = math.inf
        self._ended: Future[None] = Future()
        self._ended.set_running_or_notify_cancel()  # whoever stops waiting must not stop the thread
        self.put: Callable[[list[Entry]], None] = self._line.put
        """Have entries written. Does not wait."""

    def start(self, read: Callable[[Connection], Answer]) -> Future[tuple[int, Answer]]:
        """Start the thread, which opens the journal first: the number of its last entry and what `read` finds, or the
        error.
        """
        begun: Future[tuple[int, Answer]] = Future()
        begun.set_running_or_notify_cancel()
        threading.Thread(target=self._run, args=(begun, read), name="journal-writer", daemon=True).start()
        return begun

    def do(self, work: Callable[[Connection], Answer]) -> Future[Answer]:
        """Have `work` done in a transaction of its own, soon; not after `stop`. The answer may be a `StoreError`."""
        task = Task(work)
        self._line.put(task)
        return task.done

    def stop(self, patience_s: float) -> Future[None]:
        """Write what waits, trying for `patience_s`. Done when the thread has ended."""
        self._give_up_s = time.monotonic() + patience_s
        self._is_stopping.set()
        self._line.put(None)
        return self._ended

    def _run(self, begun: Future[tuple[int, Answer]], read: Callable[[Connection], Answer]) -> None:
        try:
            begun.set_result(self._store.open(read))
        except BaseException as error:
            self._store.close()
            begun.set_exception(error)
            self._ended.set_result(None)
            return
        try:
            self._work()
        finally:
            self._store.close()
            self._ended.set_result(None)

    def _work(self) -> None:
        goes_on = True
        while goes_on:
            entries, tasks, goes_on = self._take()
            for task in tasks:
                task.run(self._store)
            if not self._persist(entries):
                self._refuse_tasks(goes_on)
                return

    def _refuse_tasks(self, more: bool) -> None:
        """Nothing in line is done any more, up to its end, which `stop` puts there."""
        while more and (item := self._line.get()) is not None:
            if isinstance(item, Task) and item.done.set_running_or_notify_cancel():
                item.done.set_exception(StoreError("the order journal was closed before it could be changed"))

    def _take(self) -> tuple[list[Entry], list[Task], bool]:
        """All that waits, and whether more may come; waits for the first."""
        entries: list[Entry] = []
        tasks: list[Task] = []
        item = self._line.get()
        while item is not None:
            if isinstance(item, Task):
                tasks.append(item)
            else:
                entries += item
            if len(entries) >= _MAX_BATCH:
                return entries, tasks, True
            try:
                item = self._line.get_nowait()
            except Empty:
                return entries, tasks, True
        return entries, tasks, False

    def _persist(self, entries: list[Entry]) -> bool:
        """Write `entries`, again and again; False where the journal was closed before that could be done.

        What is refused for one entry's sake is written in halves, until that one stands alone and is set aside.
        """
        count = len(entries)
        delay_s = _FIRST_DELAY_S
        while entries:
            try:
                count = self._attempt(entries, min(count, _MAX_BATCH))
                delay_s = _FIRST_DELAY_S
            except Exception as error:
                self._post(self._listener.on_failed, reason_of(error))
                if time.monotonic() >= self._give_up_s:
                    return False
                self._pause(delay_s)
                delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
        return True

    def _pause(self, delay_s: float) -> None:
        """Wait; a stop cuts it short once."""
        if self._is_stopping.is_set():
            time.sleep(max(0.0, min(delay_s, self._give_up_s - time.monotonic())))
        else:
            self._is_stopping.wait(delay_s)

    def _attempt(self, entries: list[Entry], count: int) -> int:
        """Write the first `count`; how many to try next. Raises where the database fails."""
        if self._refusal is None:
            try:
                duplicates = self._store.write(entries[:count])
            except Exception as error:
                if not is_refusal(error):
                    raise
                if count > 1:
                    return count // 2
                self._refusal = error
            else:
                self._post(self._listener.on_durable, entries[count - 1].number, duplicates)
                del entries[:count]
                return len(entries)
        # From here on it is not written as what it is, also where only the answer of the database is lost.
        self._store.set_aside(entries[0], self._refusal)
        self._post(self._listener.on_refused, entries[0].number, reason_of(self._refusal))
        self._refusal = None
        del entries[0]
        return len(entries)
