"""Keeps the books what the venues say: at start, after reconnects, on reports nobody can explain, on schedules."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from quantai.core.clock import Clock, Timer
from quantai.core.errors import StartupError
from quantai.core.params import duration_text
from quantai.exchanges.execution import ExecutionConnector, ExecutionReport
from quantai.oms.reconciliation.fills import INCOMPLETE, known_until
from quantai.oms.reconciliation.mismatches import Mismatches, MismatchKind, ReportLine
from quantai.oms.reconciliation.rounds import VenueRounds
from quantai.oms.reconciliation.settings import Settings

logger = logging.getLogger(__name__)

Unmatched = Callable[[str, ExecutionReport], None]


class Reconciler:
    """Reconciles every venue that can be asked. `otherwise` takes the unmatched reports of those that cannot."""

    def __init__(
        self,
        rounds: Mapping[str, VenueRounds],
        clock: Clock,
        mismatches: Mismatches,
        settings: Settings,
        otherwise: Unmatched,
    ) -> None:
        self._rounds = rounds
        self._clock = clock
        self._mismatches = mismatches
        self._settings = settings
        self._otherwise = otherwise
        self._scan: Timer | None = None
        self._is_incomplete = False

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name: rounds, questions, and mismatches by kind."""
        counts: dict[str, int] = {}
        for rounds in self._rounds.values():
            for name, count in rounds.counts.items():
                counts[name] = counts.get(name, 0) + count
        return counts | {str(kind): count for kind, count in self._mismatches.counts.items()}

    @property
    def proven_ns(self) -> Mapping[str, int]:
        """By venue, when everything was found to agree, or made to, last; 0 where that was not yet."""
        return {venue: rounds.proven_ns for venue, rounds in self._rounds.items()}

    def report(self) -> list[ReportLine]:
        """The newest mismatches, oldest first."""
        return self._mismatches.report()

    def listen(self, executors: Mapping[str, ExecutionConnector]) -> None:
        """Reconcile a venue whenever its private stream stands again."""
        for venue in self._rounds:
            executors[venue].on_connection(partial(self._on_connection, venue))

    def restore(self, settings: Mapping[str, str]) -> None:
        """Take over until when fills are known, from what the journal kept, and whether it lost something."""
        self._is_incomplete = bool(settings.get(INCOMPLETE))
        for venue, rounds in self._rounds.items():
            rounds.fills.known_ns = known_until(venue, settings)

    async def start(self) -> None:
        """Return when the books are what every venue says.

        Raises `StartupError` where that is not so in time, unless it is allowed to begin without.
        """
        if not self._rounds:
            return
        self._scan = self._clock.call_every(self._settings.scan_ns, self._on_scan)
        tasks = {}
        for venue, rounds in self._rounds.items():
            rounds.resolver.doubt_all()
            tasks[venue] = asyncio.get_running_loop().create_task(rounds.reconcile())

        def give_up(due_ns: int) -> None:
            for task in tasks.values():
                task.cancel()

        deadline = self._clock.call_later(self._settings.start_timeout_ns, give_up)
        try:
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        finally:
            deadline.cancel()
        self._judge([venue for venue, task in tasks.items() if task.cancelled()])

    def _judge(self, late: list[str]) -> None:
        if not late:
            logger.info("reconciled with %s", ", ".join(self._rounds))
            if self._is_incomplete:
                next(iter(self._rounds.values())).fills.mark_complete()
            return
        if not self._settings.may_start_unproven:
            limit = duration_text(self._settings.start_timeout_ns)
            found = "; ".join(f"{venue}: {self._rounds[venue].unproven}" for venue in late)
            raise StartupError(f"not reconciled within {limit} (reconciliation.start_timeout): {found}")
        for venue in late:
            self._mismatches.tell(
                venue, MismatchKind.UNPROVEN, venue, "not compared", self._rounds[venue].unproven,
                "started without, as reconciliation.may_start_unproven says",
            )  # fmt: skip

    async def stop(self) -> None:
        """Ask no more."""
        if self._scan is not None:
            self._scan.cancel()
            self._scan = None
        for rounds in self._rounds.values():
            await rounds.stop()
            await rounds.resolver.stop()

    async def reconcile(self, venue: str) -> None:
        """Wait until a comparison of everything at `venue`, begun after now, succeeded; nothing where it cannot be
        asked, or between `stop` and `start`.
        """
        if venue in self._rounds and self._scan is not None:
            await self._rounds[venue].reconcile()

    def request(self, venues: Iterable[str] = ()) -> None:
        """The same for these venues, or all of them, without waiting for it."""
        for venue in venues or self._rounds:
            if venue in self._rounds and self._scan is not None:
                self._rounds[venue].request()

    def take_unmatched(self, venue: str, report: ExecutionReport) -> None:
        """A report of an order that nobody here knows: what it tells is found by asking."""
        rounds = self._rounds.get(venue)
        if rounds is None or self._scan is None:
            self._otherwise(venue, report)
        elif not report.symbol or rounds.known.is_configured(report.symbol):
            rounds.request_soon()

    def _on_connection(self, venue: str, is_connected: bool) -> None:
        if is_connected and self._scan is not None:
            self._rounds[venue].resolver.hurry()
            self._rounds[venue].request()

    def _on_scan(self, due_ns: int) -> None:
        for rounds in self._rounds.values():
            rounds.resolver.scan(self._clock.now_ns())
