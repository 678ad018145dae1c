"""An hour at the loopback Binance, spot and USD-M, with faults on and the daemon killed in the middle.

`python -m tests.e2e.hour --minutes 60 --speed 12 --seed 1 --mode live_trading`: 0 where venue, journal and portfolio
agree to the last digit (or, for `live_recording`, the store has everything that its gap ledger does not excuse). With
`--as-user` it is the shipped commands in processes of their own, at the wall's speed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from quantai.core.clock import NS_PER_SECOND, Clock, WallClock
from tests.e2e.hour_as_user import live_as_user
from tests.e2e.hour_books import Portfolio, Told, compare_books
from tests.e2e.hour_clock import shared_clock
from tests.e2e.hour_rest import VenueRest
from tests.e2e.hour_run import LIMIT_S, QUIET_S, RECORDING, STRATEGIES, TRADING, Report, Run
from tests.e2e.hour_store import compare_store, printed_by
from tests.e2e.hour_venues import KEY, SECRET, START_NS, Venues, fault_plan, running_venues


async def live(run: Run) -> Report:
    """Run it, and compare."""
    origin_ns = WallClock().now_ns()
    clock = shared_clock(origin_ns, START_NS, run.speed)
    async with running_venues(clock, run.seed) as venues:
        daemons = _Daemons(run, origin_ns, venues)
        try:
            report = await _play(run, clock, venues, daemons)
        finally:
            await daemons.end()
        if run.mode == TRADING:
            told = {name: Told.of_account(venue.engine.accounts["main"]) for name, venue in venues.by_name.items()}
            for name, venue in venues.by_name.items():
                if await VenueRest(name, venue.address, KEY, SECRET, clock).account() != told[name]:
                    report.wrong.append(f"{name} says something else over REST than it knows")
            portfolio = _portfolio(report.figures["daemon"])
            compare_books(report, told, run.folder / "state" / "journal.db", portfolio)
        else:
            await asyncio.to_thread(compare_store, report, printed_by(venues), run.folder)
    return report


def _portfolio(told: Mapping[str, Mapping[str, str]]) -> Portfolio:
    def amounts(name: str) -> dict[tuple[str, str], Decimal]:
        keys = {key: key.partition(" ") for key in told[name]}
        return {(venue, of): Decimal(told[name][key]) for key, (venue, _, of) in keys.items()}

    return Portfolio(amounts("balances"), amounts("positions"))


async def _play(run: Run, clock: Clock, venues: Venues, daemons: _Daemons) -> Report:
    span_ns = int(run.span_s * NS_PER_SECOND)
    await daemons.start()
    venues.plan(fault_plan(run.seed, span_ns))
    began_ns = clock.now_ns()
    for time_s in run.kill_times_s():
        await _until(clock, began_ns + int(time_s * NS_PER_SECOND))
        await daemons.kill()
        await daemons.start()
    await _until(clock, began_ns + span_ns)
    venues.clear()
    await _until(clock, clock.now_ns() + int(QUIET_S * NS_PER_SECOND))
    report = await daemons.stop()
    report.figures |= {"venue_minutes": round((clock.now_ns() - began_ns) / 6e10, 1), "faults": venues.counts}
    report.judge_limits({status: venues.answered(status) for status in (418, 429)}, venues.counts)
    return report


class _Daemons:
    """One daemon after another, in one folder."""

    def __init__(self, run: Run, origin_ns: int, venues: Venues) -> None:
        self._run = run
        self._clock = ["--origin", str(origin_ns), "--start", str(START_NS), "--speed", str(run.speed)]
        self._overrides = [f"mode={run.mode}", "schedule=none", *venues.overrides(), *self._of_mode()]
        self._process: asyncio.subprocess.Process | None = None
        self._number = 0

    def _of_mode(self) -> list[str]:
        if self._run.mode == RECORDING:
            return ["strategies=[]", "recorder=market", "recorder.flush_interval=1s", "recorder.part_interval=5m"]
        # Timeouts of questions are the daemon's time, the way to the venue is real: they grow with the speed.
        wait = f"{max(5, round(self._run.speed))}s"
        return [
            "store=sqlite", *STRATEGIES, f"reconciliation.answer_timeout={wait}",
            f"reconciliation.query_timeout={wait}", "ops.start_timeout=11m", "reconciliation.start_timeout=10m",
            f"+schedule.reconcile={{job: reconcile, every: {max(0.5, 60 / self._run.speed):.1f}s}}",
        ]  # fmt: skip

    @property
    def folder(self) -> Path:
        """Where the running one writes."""
        return self._run.folder / "runs" / str(self._number)

    async def start(self) -> None:
        """Start the next one; returns when it runs."""
        self._number += 1
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.e2e.hour_daemon", *self._clock, "--folder", str(self.folder),
            *self._overrides, cwd=self._run.folder, stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, "HOUR_KEY": KEY, "HOUR_SECRET": SECRET, "PYTHONPATH": str(Path.cwd())},
        )  # fmt: skip
        async with asyncio.timeout(LIMIT_S):
            while not (self.folder / "running").exists():
                if self._process.returncode is not None:
                    raise AssertionError(f"the daemon ended with {self._process.returncode}: see {self.folder}")
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """No warning."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> Report:
        """As systemd does; what it said at its end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT_S):
            status = await self._process.wait()
        report = Report()
        if status != 0:
            report.wrong.append(f"the daemon ended with {status}: see {self.folder}")
        report.figures["daemon"] = msgspec.json.decode((self.folder / "end.json").read_bytes())
        return report

    async def end(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()


async def _until(clock: Clock, due_ns: int) -> None:
    done = asyncio.Event()
    timer = clock.call_at(due_ns, lambda _due_ns: done.set())
    try:
        await done.wait()
    finally:
        timer.cancel()


def main() -> int:
    """Run it, tell its figures; 1 where something does not agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the venue's time")
    parser.add_argument("--speed", type=float, default=12.0, help="venue seconds in a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", choices=(TRADING, RECORDING), default=TRADING)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--as-user", action="store_true", help="the commands as shipped; the speed is 1")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hour-"))
    run = Run(options.mode, options.minutes, options.speed, options.seed, folder, options.kills)
    report = asyncio.run(live_as_user(run) if options.as_user else live(run))
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(report.figures), indent=2).decode() + "\n")
    for line in report.wrong:
        sys.stdout.write(f"WRONG: {line}\n")
    sys.stdout.write(f"{len(report.wrong)} things wrong, in {folder}\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
