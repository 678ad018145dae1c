"""What must go together of `schedule` and `reconciliation` and the rest of the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from quantai.config.problems import Problem
from quantai.config.schema import ClockKind, Config, Execution
from quantai.config.validate import suggestion
from quantai.core.params import duration_text


def check_schedule(config: Config) -> Iterator[Problem]:
    """Jobs at times that the clock does not have, or on venues that are not configured."""
    for name, job in config.schedule.items():
        if job.cron is not None and config.mode.clock is ClockKind.SIMULATED:
            message = "only the wall clock has times of day, a replay has every: give an interval, or schedule=none"
            yield Problem(("schedule", name, "cron"), message, shown=repr(job.cron))
        for index, venue in enumerate(job.venues or ()):
            if venue not in config.exchanges:
                near = suggestion(venue, sorted(config.exchanges), "there are: ")
                message = f"no exchange of that name is configured; {near}"
                yield Problem(("schedule", name, "venues", str(index)), message, shown=repr(venue))


def check_reconciliation(config: Config) -> Iterator[Problem]:
    """A start that is given up before it could say why."""
    section, limit = config.reconciliation, config.ops.start_timeout
    if config.mode.execution is Execution.VENUES and section.enabled and section.start_timeout >= limit:
        message = f"must be less than ops.start_timeout ({duration_text(limit)}), which ends the start without a reason"
        yield Problem(("reconciliation", "start_timeout"), message, shown=duration_text(section.start_timeout))
