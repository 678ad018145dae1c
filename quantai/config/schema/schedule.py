"""Recurring jobs: `schedule`."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator, model_validator

from quantai.core.params import Name, PositiveDuration, Section

_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)"
_WEEKDAYS = re.compile(rf"\*|{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*", re.IGNORECASE)


class JobKind(StrEnum):
    """What a scheduled job does."""

    LOG_STATUS = "log_status"
    """One line on orders, fills, equity and errors."""
    CHECK_FEEDS = "check_feeds"
    """A `system.stale` event for each subscribed stream that is silent for longer than the interval."""
    RECONCILE = "reconcile"
    """Compare open orders, fills, balances and positions with the venues."""
    PRUNE_JOURNAL = "prune_journal"
    """Archive and remove old closed orders from the journal, as `store` says."""


def _crontab(text: str) -> str:
    """Raises `ValueError` for what is no crontab line, or names weekdays by numbers."""
    fields = text.split()
    if len(fields) != 5:
        raise ValueError("a crontab line has five fields: minute hour day month weekday, such as 30 4 * * sun")
    if not _WEEKDAYS.fullmatch(fields[4]):
        raise ValueError("weekdays are mon to sun, such as mon-fri or sat,sun: numbers mean other days elsewhere")
    if fields[2] != "*" and fields[4] != "*":
        raise ValueError("give a day of the month or a weekday, not both: programs differ on what both mean")
    try:
        CronTrigger.from_crontab(text, timezone="UTC")
    except ValueError as error:
        raise ValueError(f"is no crontab line: {error}") from None
    return text


Crontab = Annotated[str, AfterValidator(_crontab)]
"""Five fields, UTC: minute, hour, day of the month, month, weekday."""


class JobSection(Section):
    """A job by its name, run on the daemon's clock (simulated time in a simulation).

    What was missed while the process slept is made up for, once; a job never runs twice at the same time.
    """

    job: JobKind
    every: PositiveDuration | None = None
    """At whole multiples since 1970, so that runs repeat. Either this or `cron`."""
    cron: Crontab | None = None
    """At the times of a crontab line, UTC: `30 4 * * sun`. Only by the wall clock."""
    venues: list[Name] | None = None
    """For `reconcile`: which; all of them where not given."""

    @model_validator(mode="after")
    def _one_time(self) -> JobSection:
        if (self.every is None) == (self.cron is None):
            raise ValueError("needs one of every (such as 30s) and cron (such as 30 4 * * sun), and only one")
        if self.every is None and self.job is JobKind.CHECK_FEEDS:
            raise ValueError("check_feeds needs every: it is also how long an instrument may be silent")
        if self.venues is not None and self.job is not JobKind.RECONCILE:
            raise ValueError(f"venues is for reconcile, {self.job} takes none")
        return self
