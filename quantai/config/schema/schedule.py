"""Recurring jobs: `schedule`."""

from __future__ import annotations

from enum import StrEnum

from quantai.core.params import PositiveDuration, Section


class JobKind(StrEnum):
    """What a scheduled job does."""

    LOG_STATUS = "log_status"
    """One line on orders, fills, equity and errors."""
    CHECK_FEEDS = "check_feeds"
    """A `system.stale` event for each subscribed stream that is silent for longer than the interval."""


class JobSection(Section):
    """A job by its name, run on the daemon's clock (simulated time in a simulation)."""

    job: JobKind
    every: PositiveDuration
    """At whole multiples since 1970, so that runs repeat."""
