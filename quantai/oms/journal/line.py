"""The line of what waits to become durable, as the event loop sees it: who is told, and when orders must stop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from quantai.core.clock import Clock
from quantai.events import ConnectedEvent, ErrorEvent, Event, OrderDeniedEvent
from quantai.oms.journal.base import Note, Written
from quantai.oms.journal.entries import Entry, Item, OrderItem, Setting
from quantai.oms.journal.tables import INCOMPLETE

logger = logging.getLogger(__name__)

COMPONENT = "journal"
COUNTED = (
    "entries",
    "durable",
    "failures",
    "outages",
    "refused",
    "dropped",
    "quarantined",
    "duplicate_fills",
    "callback_errors",
    "unknown_instruments",
)


class Line:
    """Numbers entries, gives them to the writer, and calls back in their order.

    While nothing becomes durable, `is_available` is False: whoever waits for an answer gets False at once, and the
    entries stay in line. At most `max_waiting` do, of which the second half is for what must not be lost: submissions,
    denials and notes only get the first. What has no room is counted, and where that is a fill or a change of an order
    or the account, the journal is marked as incomplete.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        timeout_s: float,
        max_waiting: int,
        on_event: Callable[[Event], None],
        counts: dict[str, int],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._timeout_s = timeout_s
        self._max_waiting = max_waiting
        self._max_lesser = max_waiting // 2
        self._on_event = on_event
        self._counts = counts
        self._waiting: deque[Entry] = deque()
        self._unsent: list[Entry] = []
        self._is_flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._last_number = 0
        self._is_incomplete = False
        self.trouble = ""
        """Why nothing becomes durable; empty where all is well."""

    @property
    def waiting(self) -> int:
        """Entries that are not durable yet."""
        return len(self._waiting)

    def begin(self, last_number: int, send: Callable[[list[Entry]], None]) -> None:
        """Number entries from the one after `last_number`, and give them to `send`: those that somebody waits for at
        once, with all before them, others at the end of the loop's turn.
        """
        self._last_number = last_number
        self._send = send

    def add(self, item: Item, then: Written | None = None) -> None:
        """Put `item` in line, or count it as lost."""
        if len(self._waiting) >= self._max_lesser and len(self._waiting) >= self._room_for(item, then):
            self._lose(item, then)
            return
        self._enter(item, then)
        if self.trouble and then is not None:
            self._answer(self._waiting[-1], False)

    def flush(self) -> None:
        """Give the writer all that it was not given yet."""
        if self._unsent:
            unsent, self._unsent = self._unsent, []
            self._send(unsent)

    def end(self) -> str:
        """Nothing becomes durable from now on: whoever waits is told. What is lost, in words, if anything is."""
        lost = len(self._waiting)
        self._counts["dropped"] += lost
        self._refuse_all()
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
        return f"{lost} entries could not be written: {self.trouble or 'the database is too slow'}" if lost else ""

    def on_durable(self, number: int, duplicate_fills: int) -> None:
        """The writer's word."""
        self._counts["duplicate_fills"] += duplicate_fills
        self._settle(number)
        self._look_up()

    def on_refused(self, number: int, error: str) -> None:
        """The writer's word."""
        self._settle(number - 1)
        if not self._waiting:  # it came after the end
            return
        entry = self._waiting.popleft()
        self._counts["quarantined"] += 1
        self._alarm("JournalRefused", f"entry {number} cannot be kept and was put into the quarantine table: {error}")
        if not _is_lesser(entry.item, entry.then):
            self._mark_incomplete(f"entry {number} was refused")
        self._answer(entry, False)
        self._look_up()

    def on_failed(self, error: str) -> None:
        """The writer's word."""
        self._counts["failures"] += 1
        self._go_down(error)

    def _enter(self, item: Item, then: Written | None) -> None:
        self._last_number += 1
        entry = Entry(self._last_number, item, then, self._loop.time())
        self._waiting.append(entry)
        self._counts["entries"] += 1
        self._unsent.append(entry)
        if then is not None:
            self.flush()
        elif not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush_at_last)
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._look)

    def _flush_at_last(self) -> None:
        """The loop's turn ends."""
        self._is_flush_due = False
        self.flush()

    def _room_for(self, item: Item, then: Written | None) -> int:
        return self._max_lesser if _is_lesser(item, then) else self._max_waiting

    def _lose(self, item: Item, then: Written | None) -> None:
        if then is not None:
            self._counts["refused"] += 1
            self._call(then, False)
            return
        self._counts["dropped"] += 1
        if not _is_lesser(item, then):
            self._mark_incomplete(f"{len(self._waiting)} entries wait, and no more can")

    def _mark_incomplete(self, reason: str) -> None:
        """Once a run: it stays so until somebody compared the books with the venues."""
        if self._is_incomplete:
            return
        self._is_incomplete = True
        self._alarm("JournalIncomplete", f"{reason}: the journal must be reconciled with the venues")
        self._enter(Setting(INCOMPLETE, f"{self._clock.now_ns()} {reason}"), None)

    def _settle(self, number: int) -> None:
        """All up to `number` are durable."""
        waiting, counts = self._waiting, self._counts
        while waiting and waiting[0].number <= number:
            counts["durable"] += 1
            entry = waiting.popleft()
            if entry.then is not None:
                self._answer(entry, True)

    def _look(self) -> None:
        """Whether the oldest entry waits for too long."""
        self._timer = None
        if not self._waiting:
            return
        late_s = self._age_s() - self._timeout_s
        if late_s >= 0:
            self._go_down(self.trouble or f"nothing was durable for {self._age_s():.1f} s")
        self._timer = self._loop.call_later(self._timeout_s if late_s >= 0 else -late_s, self._look)

    def _look_up(self) -> None:
        """Something was written: all is well again, but where what waits is late."""
        if self.trouble and (not self._waiting or self._age_s() < self._timeout_s):
            logger.warning("the order journal works again, after: %s", self.trouble)
            self.trouble = ""
            now_ns = self._clock.now_ns()
            self._tell(ConnectedEvent(COMPONENT, now_ns, now_ns))

    def _age_s(self) -> float:
        return self._loop.time() - self._waiting[0].given_s

    def _go_down(self, reason: str) -> None:
        """Told once: whoever waits gets False, now and until it works again."""
        is_new = not self.trouble
        self.trouble = reason
        if is_new:
            self._counts["outages"] += 1
            self._alarm("JournalDown", f"{reason}. No new orders until it works again; all else waits to be written")
            self._refuse_all()

    def _refuse_all(self) -> None:
        for entry in list(self._waiting):
            self._answer(entry, False)

    def _answer(self, entry: Entry, is_durable: bool) -> None:
        then, entry.then = entry.then, None
        if then is not None:
            self._call(then, is_durable)

    def _call(self, then: Written, is_durable: bool) -> None:
        try:
            then(is_durable)
        except Exception:
            self._counts["callback_errors"] += 1
            logger.exception("whoever waited for the order journal failed")

    def _alarm(self, error: str, message: str) -> None:
        logger.error("%s: %s", error, message)
        now_ns = self._clock.now_ns()
        self._tell(ErrorEvent(COMPONENT, now_ns, now_ns, error, f"order journal: {message}"))

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:
            self._counts["callback_errors"] += 1
            logger.exception("nobody was told that %s", event)


def _is_lesser(item: Item, then: Written | None) -> bool:
    """Whether nothing in the books is wrong without it: it was never sent, or only explains."""
    if isinstance(item, OrderItem):
        return then is not None or isinstance(item.event, OrderDeniedEvent)
    return isinstance(item, Note)
