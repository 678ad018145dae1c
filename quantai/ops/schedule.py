"""Runs jobs at their times: on any clock by intervals, on the wall clock by APScheduler, which also knows crontabs.

A job is plain or a coroutine function. One that fails is logged and told, and runs again; one that is still running
when it is due is not started a second time. What was missed is made up for once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.errors import BusError, ConfigError
from quantai.core.params import duration_text
from quantai.events import ErrorEvent, Event

logger = logging.getLogger(__name__)

Job = Callable[[int], Awaitable[None] | None]
"""Gets the time it was due, nanoseconds UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Jobs:
    """Jobs on timers of the daemon's clock: in simulated time they repeat to the nanosecond.

    `post` takes the error events of jobs that fail.
    """

    def __init__(self, clock: Clock, post: Callable[[Event], None] = lambda event: None) -> None:
        self._clock = clock
        self._post = post
        self._timers: list[Timer] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_stopped = False
        self.counts = dict.fromkeys(("jobs_run", "jobs_failed", "jobs_skipped"), 0)

    def add(self, name: str, when: int | str, job: Job) -> None:
        """Run `job` at every whole multiple of `when` nanoseconds since 1970; or at the times, UTC, of a crontab line.

        Raises `ConfigError` for a crontab line where there is no wall clock.
        """
        if isinstance(when, str):
            raise ConfigError(f"schedule.{name}.cron: {when!r} needs the wall clock, simulated time has intervals only")
        again = f"in {duration_text(when)}"
        self._timers.append(self._clock.call_every(when, lambda due_ns: self._run(name, job, due_ns, again)))

    def stop(self) -> None:
        """No more runs, and an end to those that wait for something."""
        self._is_stopped = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for task in self._tasks.values():
            task.cancel()

    async def close(self) -> None:
        """The same; returns when nothing runs any more."""
        self.stop()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _run(self, name: str, job: Job, due_ns: int, again: str) -> None:
        if self._is_stopped:
            return
        if name in self._tasks:
            self.counts["jobs_skipped"] += 1
            logger.warning("job %s still runs, it is not started again; it runs again %s", name, again)
            return
        self.counts["jobs_run"] += 1
        try:
            waiting = job(due_ns)
        except Exception as error:
            self._failed(name, error, again)
            return
        if waiting is not None:
            self._tasks[name] = asyncio.get_running_loop().create_task(self._finish(name, waiting, again))

    async def _finish(self, name: str, waiting: Awaitable[None], again: str) -> None:
        try:
            await waiting
        except Exception as error:
            self._failed(name, error, again)
        finally:
            del self._tasks[name]

    def _failed(self, name: str, error: Exception, again: str) -> None:
        self.counts["jobs_failed"] += 1
        logger.error("job %s failed, it runs again %s", name, again, exc_info=error)
        now_ns = self._clock.now_ns()
        try:
            self._post(ErrorEvent(f"job {name}", now_ns, now_ns, type(error).__name__, str(error)))
        except BusError:
            logger.exception("the failure of job %s was not published", name)


class ScheduledJobs(Jobs):
    """Jobs on APScheduler, in the event loop; the first one added starts it."""

    def __init__(self, clock: Clock, post: Callable[[Event], None] = lambda event: None) -> None:
        super().__init__(clock, post)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        log = logging.getLogger("apscheduler")
        if log.level == logging.NOTSET:
            log.setLevel(logging.WARNING)  # it has a line on every run

    def add(self, name: str, when: int | str, job: Job) -> None:
        if isinstance(when, str):
            trigger, again = CronTrigger.from_crontab(when, timezone=UTC), f"by {when!r} UTC"
        else:
            trigger = IntervalTrigger(seconds=when / NS_PER_SECOND, start_date=_EPOCH, timezone=UTC)
            again = f"in {duration_text(when)}"

        async def run() -> None:  # a coroutine, so that the job runs in the event loop and not in a thread
            self._run(name, job, self._clock.now_ns(), again)

        self._scheduler.add_job(run, trigger, id=name)
        if not self._scheduler.running:
            self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running and not self._is_stopped:
            self._scheduler.shutdown(wait=False)
        super().stop()

    async def close(self) -> None:
        await super().close()
        await asyncio.sleep(0)  # APScheduler shuts down in the next turn of the loop
