"""Where the books and a venue did not agree: an event, a counter and a line in the report for each."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import msgspec

from quantai.core.clock import Clock
from quantai.core.errors import BusError
from quantai.events import Event, MismatchEvent

logger = logging.getLogger(__name__)

_MAX_TOLD = 10_000


class MismatchKind(StrEnum):
    """What did not agree."""

    LOST_ANSWER = "lost_answer"
    """A command was not answered; the venue, asked, told what became of the order."""
    ORDER = "order"
    """An order is in another state, or of another quantity or price, than its reports made it."""
    MISSING_ORDER = "missing_order"
    """An order that is open here is not known to the venue."""
    REOPENED_ORDER = "reopened_order"
    """An order that is closed here is open at the venue."""
    EXTERNAL_ORDER = "external_order"
    """The venue has an order that nobody here placed."""
    MISSED_FILL = "missed_fill"
    """The venue lists a fill that it had not reported."""
    INFERRED_FILL = "inferred_fill"
    """The venue says that more has traded, and does not list the fill."""
    EXCESS_FILL = "excess_fill"
    """More has traded here than the venue says."""
    UNSOUND_FILL = "unsound_fill"
    """The venue lists a fill that cannot be booked."""
    UNSOUND_ANSWER = "unsound_answer"
    """The venue says numbers that no order, balance or position has."""
    BALANCE = "balance"
    """The venue holds another amount."""
    POSITION = "position"
    """The venue has another position."""
    UNCONFIGURED = "unconfigured_instrument"
    """The venue tells of an instrument that is not configured here."""
    UNPROVEN = "unproven_start"
    """Trading began before the books were compared."""


class ReportLine(msgspec.Struct, frozen=True, gc=False):
    """A mismatch, as the report keeps it."""

    ts_ns: int
    venue: str
    kind: MismatchKind
    subject: str
    ours: str
    theirs: str
    action: str


class Mismatches:
    """Tells of mismatches, and keeps the newest `max_lines`; `counts` has how many there were of each kind."""

    def __init__(self, clock: Clock, post: Callable[[Event], None], max_lines: int) -> None:
        self.counts = dict.fromkeys(MismatchKind, 0)
        self._clock = clock
        self._post = post
        self._lines: deque[ReportLine] = deque(maxlen=max_lines)
        self._told: set[tuple[str, MismatchKind, str]] = set()

    def report(self) -> list[ReportLine]:
        """The newest mismatches, oldest first."""
        return list(self._lines)

    def tell(self, venue: str, kind: MismatchKind, subject: str, ours: object, theirs: object, action: str) -> None:
        """Tell of one: what it is of, what both say, and what was done about it."""
        now_ns = self._clock.now_ns()
        line = ReportLine(now_ns, venue, kind, subject, str(ours), str(theirs), action)
        self.counts[kind] += 1
        self._lines.append(line)
        logger.warning("%s: %s %s: here %s, there %s; %s", venue, kind, subject, line.ours, line.theirs, action)
        self.publish(MismatchEvent(venue, now_ns, now_ns, kind, subject, line.ours, line.theirs, action))

    def publish(self, event: Event) -> None:
        """Put `event` on the bus, if it takes it: what was done is done."""
        try:
            self._post(event)
        except BusError:
            logger.exception("%s was not published", event)

    def tell_once(
        self, venue: str, kind: MismatchKind, subject: str, ours: object, theirs: object, action: str
    ) -> None:
        """The same, the first time only: for what nobody here can put right."""
        key = (venue, kind, subject)
        if key in self._told:
            return
        if len(self._told) >= _MAX_TOLD:
            self._told.clear()
        self._told.add(key)
        self.tell(venue, kind, subject, ours, theirs, action)
