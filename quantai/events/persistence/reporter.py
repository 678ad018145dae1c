"""What the recorder says of itself: in the log, to a listener, and for the ledger of gaps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from quantai.core.clock import Clock
from quantai.events.base import Event
from quantai.events.persistence.ledger import Ledger
from quantai.events.persistence.recording import gaps, span_gaps
from quantai.events.persistence.sealer import SealerListener
from quantai.events.persistence.sealing import Sealed
from quantai.events.persistence.spool import Closed, Outcome
from quantai.events.system import ErrorEvent, GapEvent

logger = logging.getLogger(__name__)

OnEvent = Callable[[GapEvent | ErrorEvent], None]

_FAILURES_PER_LOG_LINE = 60
_MAX_ECHOES = 65_536


class Reporter(SealerListener):
    """Counts and tells losses, outages and repairs.

    `ledger` has the gaps that are to be written; `echoes` the ids of those that the listener was told, which may come
    back from the bus and are not to be written twice. `dropped` counts events, `files` parts, `failures` the flushes
    that left events unwritten, of which `failures_in_row` were without a success in between.
    """

    def __init__(self, name: str, clock: Clock, on_event: OnEvent | None) -> None:
        self.ledger = Ledger()
        self.echoes: dict[int, GapEvent] = {}
        self.dropped = 0
        self.files = 0
        self.failures = 0
        self.failures_in_row = 0
        self._name = name
        self._clock = clock
        self._on_event = on_event
        self._is_sealing = True

    def lose(self, events: Sequence[Event], reason: str) -> None:
        """`events` have no room. Gaps among them stay in the ledger."""
        known = [event for event in events if type(event) is GapEvent]
        self.ledger.add(gap for gap in known if id(gap) not in self.echoes)
        self._lose([event for event in events if type(event) is not GapEvent], reason)

    def take_outcome(self, outcome: Outcome) -> None:
        """What became of a buffer."""
        if outcome.vanished:
            self._lose_journal(outcome)
        if outcome.refused:
            self._lose(outcome.refused, f"no column can hold it: {outcome.refusal}")
        if outcome.error:
            if self.failures_in_row == 0:
                self._alarm(outcome.error, "recording is paused, what comes is held until it can be written")
            elif self.failures_in_row % _FAILURES_PER_LOG_LINE == 0:
                logger.error("%s: recording is still paused: %s", self._name, outcome.error)
            self.failures += 1
            self.failures_in_row += 1
        elif self.failures_in_row:
            logger.warning("%s: recording goes on after %d failed attempts", self._name, self.failures_in_row)
            self.failures_in_row = 0

    def on_sealed(self, sealed: Sealed) -> None:
        self.files += len(sealed.parts)
        if sealed.torn_bytes:
            logger.warning(
                "%s: a write was interrupted, %d bytes of it (%d known rows) were cut off",
                self._name, sealed.torn_bytes, sealed.torn_rows,
            )  # fmt: skip
        for path in sealed.quarantined:
            self._alarm(OSError(f"{path} is a journal that could not be read or sealed whole"), "it was moved there")
        for path in sealed.newer:
            self._alarm(
                OSError(f"{path} was written by a newer QuantAI"), "it is left alone until this one is upgraded"
            )
        for gap in sealed.gaps:
            self._tell(gap)

    def on_vanished(self, closed: Closed) -> None:
        self._lose_journal(Outcome(vanished=closed.spans))

    def on_sealing(self, error: Exception | None) -> None:
        if error and self._is_sealing:
            self._alarm(error, "journals cannot be made into parts, they are kept and it is tried again")
        elif not error and not self._is_sealing:
            logger.warning("%s: journals are made into parts again", self._name)
        self._is_sealing = error is None

    def _lose_journal(self, outcome: Outcome) -> None:
        reason = "somebody removed the journal"
        lost = span_gaps(self._name, self._clock.now_ns(), outcome.vanished, reason)
        self._tell_lost(sum(span.rows for span in outcome.vanished.values()), lost, reason)

    def _lose(self, events: Sequence[Event], reason: str) -> None:
        self._tell_lost(len(events), gaps(self._name, self._clock.now_ns(), events, reason), reason)

    def _tell_lost(self, count: int, lost: Sequence[GapEvent], reason: str) -> None:
        if not count:
            return
        self.dropped += count
        logger.error("%s: %d events are lost: %s", self._name, count, reason)
        self.ledger.add(lost)
        for gap in lost:
            self._tell(gap)

    def _alarm(self, error: Exception, what: str) -> None:
        logger.error("%s: %s: %s", self._name, what, error)
        now_ns = self._clock.now_ns()
        self._tell(ErrorEvent(self._name, now_ns, now_ns, type(error).__name__, f"{what}: {error}"))

    def _tell(self, event: GapEvent | ErrorEvent) -> None:
        if self._on_event is None:
            return
        if isinstance(event, GapEvent):
            self.echoes[id(event)] = event
            if len(self.echoes) > _MAX_ECHOES:
                del self.echoes[next(iter(self.echoes))]
        try:
            self._on_event(event)
        except Exception:
            logger.exception("%s: could not tell of %s", self._name, event)
