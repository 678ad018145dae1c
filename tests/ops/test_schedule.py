"""When jobs run: on a clock that the test moves, and on the wall clock with APScheduler."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock, WallClock
from quantai.core.errors import BusClosed, ConfigError
from quantai.events import ErrorEvent, Event
from quantai.ops.jobs import reconcile
from quantai.ops.schedule import Jobs, ScheduledJobs
from tests.oms.reconciliation.model import Core

MINUTE_NS = 60 * NS_PER_SECOND


async def until(condition: Callable[[], bool], limit_s: float = 60) -> None:
    """Wait for `condition`."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.002)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Waiting:
    """A job that waits until it is told to end."""

    def __init__(self) -> None:
        self.begun = self.ended = self.cancelled = 0
        self.may_end = asyncio.Event()

    async def __call__(self, due_ns: int) -> None:
        self.begun += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1


def boom(due_ns: int) -> None:
    raise RuntimeError("boom")


async def test_a_job_that_still_runs_is_not_started_a_second_time(caplog: pytest.LogCaptureFixture) -> None:
    clock, job = SimulatedClock(), Waiting()
    jobs = Jobs(clock)
    jobs.add("slow", MINUTE_NS, job)
    clock.advance_to(MINUTE_NS)
    await turns()
    clock.advance_to(2 * MINUTE_NS)
    await turns()
    assert (job.begun, jobs.counts) == (1, {"jobs_run": 1, "jobs_failed": 0, "jobs_skipped": 1})
    assert caplog.messages == ["job slow still runs, it is not started again; it runs again in 1m"]
    job.may_end.set()
    await turns()
    clock.advance_to(3 * MINUTE_NS)
    await turns()
    assert job.ended == 2


async def test_a_job_that_fails_is_told_of_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    clock, told = SimulatedClock(), list[Event]()
    jobs = Jobs(clock, told.append)

    async def fail(due_ns: int) -> None:
        raise ValueError("late boom")

    jobs.add("plain", MINUTE_NS, boom)
    jobs.add("async", MINUTE_NS, fail)
    clock.advance_to(2 * MINUTE_NS)
    await turns()
    assert [(each.component, each.error, each.message) for each in told if isinstance(each, ErrorEvent)][:2] == [
        ("job plain", "RuntimeError", "boom"),
        ("job plain", "RuntimeError", "boom"),
    ]
    assert ("job async", "ValueError", "late boom") in [(e.component, e.error, e.message) for e in told]  # type: ignore[attr-defined]
    assert jobs.counts["jobs_failed"] == 3


async def test_a_failure_that_cannot_be_published_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimulatedClock()

    def refuse(event: Event) -> None:
        raise BusClosed("closed")

    jobs = Jobs(clock, refuse)
    jobs.add("plain", MINUTE_NS, boom)
    clock.advance_to(MINUTE_NS)
    assert caplog.messages == ["job plain failed, it runs again in 1m", "the failure of job plain was not published"]


async def test_a_job_that_waits_ends_when_the_jobs_are_closed() -> None:
    clock, job = SimulatedClock(), Waiting()
    jobs = Jobs(clock)
    jobs.add("slow", MINUTE_NS, job)
    clock.advance_to(MINUTE_NS)
    await turns()
    await jobs.close()
    clock.advance_to(5 * MINUTE_NS)
    await turns()
    assert (job.begun, job.cancelled) == (1, 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_crontab_needs_the_wall_clock() -> None:
    with pytest.raises(ConfigError, match=r"schedule\.night\.cron: '0 4 \* \* \*' needs the wall clock"):
        Jobs(SimulatedClock()).add("night", "0 4 * * *", boom)


async def test_on_the_wall_clock_jobs_run_in_the_event_loop_at_whole_multiples() -> None:
    due: list[int] = []
    threads: list[bool] = []
    jobs = ScheduledJobs(WallClock())

    def job(due_ns: int) -> None:
        due.append(due_ns)
        threads.append(asyncio.get_running_loop().is_running())

    jobs.add("often", 200 * NS_PER_MS, job)
    jobs.add("fails", 100 * NS_PER_MS, boom)
    first = jobs._scheduler.get_job("often").next_run_time
    assert first.microsecond % 200_000 == 0
    await until(lambda: len(due) >= 2 and jobs.counts["jobs_failed"] >= 2)
    await jobs.close()
    assert all(threads)
    assert jobs.counts["jobs_run"] == len(due) + jobs.counts["jobs_failed"]
    assert due[0] // NS_PER_MS >= (first - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


async def test_jobs_on_the_wall_clock_are_stopped_without_a_rest() -> None:
    job = Waiting()
    jobs = ScheduledJobs(WallClock())
    jobs.add("slow", 10 * NS_PER_MS, job)
    await until(lambda: job.begun == 1 and jobs.counts["jobs_skipped"] >= 1)
    jobs.stop()
    await jobs.close()
    assert (job.begun, job.cancelled) == (1, 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_stopping_before_anything_was_added_is_nothing() -> None:
    await ScheduledJobs(WallClock()).close()


async def test_a_crontab_is_in_utc() -> None:
    jobs = ScheduledJobs(WallClock())
    jobs.add("sunday", "30 4 * * sun", boom)
    run = jobs._scheduler.get_job("sunday").next_run_time
    assert (run.weekday(), run.hour, run.minute, run.tzinfo) == (6, 4, 30, UTC)
    assert run > datetime.now(UTC)
    await jobs.close()


async def test_missed_runs_are_made_up_for_once_and_none_is_dropped_for_being_late() -> None:
    jobs = ScheduledJobs(WallClock())
    jobs.add("often", NS_PER_SECOND, boom)
    job = jobs._scheduler.get_job("often")
    assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, None)
    await jobs.close()


async def test_the_line_on_every_run_of_apscheduler_is_not_logged() -> None:
    ScheduledJobs(WallClock())
    assert logging.getLogger("apscheduler.executors.default").getEffectiveLevel() == logging.WARNING


async def test_the_reconcile_job_asks_for_a_comparison_and_does_not_wait() -> None:
    core = Core()
    await core.start()
    asked = len(core.binance.model.asked), len(core.okx.model.asked)
    assert reconcile(core.reconciler, ["binance"])(0) is None
    await core.wait(1)
    assert (len(core.binance.model.asked), len(core.okx.model.asked)) == (asked[0] + 4, asked[1])
    reconcile(core.reconciler)(0)
    await core.wait(1)
    assert (len(core.binance.model.asked), len(core.okx.model.asked)) == (asked[0] + 8, asked[1] + 4)
    await core.reconciler.stop()
