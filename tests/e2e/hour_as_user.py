"""The hour as a user has it: `quantai venue` twice, `quantai-daemon`, each a process, at the speed of the wall."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from quantai.core.clock import NS_PER_SECOND, WallClock
from quantai.core.numbers import plain
from tests.e2e.hour_books import Portfolio, compare_books
from tests.e2e.hour_rest import VenueRest
from tests.e2e.hour_run import LIMIT_S, QUIET_S, STRATEGIES, TRADING, Report, Run
from tests.e2e.hour_store import compare_store
from tests.e2e.hour_venues import BALANCES, MARKETS, Planned, fault_plan, instrument_lines

_BIN = Path(sys.executable).parent
_KEY, _SECRET = "loopback-key", "loopback-secret"
_READ_EVERY_S = 240.0
"""A venue keeps its newest 20,000 trades: so often they are read."""
_MODES = {
    True: ["store=sqlite", "schedule=trading", *STRATEGIES],
    False: ["strategies=[]", "recorder=market", "schedule=live"],
}


async def live_as_user(run: Run) -> Report:
    """Run it, and compare."""
    started: list[asyncio.subprocess.Process] = []
    try:
        venues = [await _start_venue(run, name, started) for name in MARKETS]
        return await _Hour(run, venues, started).play()
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _start_venue(run: Run, name: str, started: list[asyncio.subprocess.Process]) -> VenueRest:
    """Start it on a free port, and put what it prints where the daemon finds it, as it says."""
    held = ",".join(f"{asset}={plain(amount)}" for asset, amount in BALANCES[name].items())
    with (run.folder / f"{name}.err").open("wb") as errors:
        venue = await asyncio.create_subprocess_exec(
            _BIN / "quantai", "venue", name, "--port", "0", "--symbols", ",".join(MARKETS[name]), "--balances", held,
            "--seed", str(run.seed), cwd=run.folder, stdout=asyncio.subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    started.append(venue)
    assert venue.stdout is not None
    printed = ""
    async with asyncio.timeout(LIMIT_S):
        while "    ws_api:" not in printed:
            line = await venue.stdout.readline()
            assert line, f"quantai venue {name} ended: see {run.folder}"
            printed += line.decode()
    file = run.folder / "my_conf" / "exchanges" / "loopback.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as conf:
        conf.write(printed)
    found = re.search(r"on (127\.0\.0\.1:\d+)", printed)
    assert found is not None, printed
    return VenueRest(name, found[1], _KEY, _SECRET, WallClock())


class _Hour:
    """One daemon after another in one folder, while things go wrong at the venues."""

    def __init__(self, run: Run, venues: list[VenueRest], started: list[asyncio.subprocess.Process]) -> None:
        self._run = run
        self._venues = {venue.name: venue for venue in venues}
        self._started = started
        self._daemon: asyncio.subprocess.Process | None = None
        self._number = 0
        self._began_s = 0.0
        self._read_s = 0.0

    async def play(self) -> Report:
        """All of it."""
        await self._start()
        self._began_s = time.monotonic()
        plan = fault_plan(self._run.seed, int(self._run.span_s * NS_PER_SECOND))
        steps: list[tuple[float, Planned | None]] = [(each.after_ns / NS_PER_SECOND, each) for each in plan]
        steps += [(time_s, None) for time_s in self._run.kill_times_s()]
        for due_s, fault in sorted(steps, key=lambda step: step[0]):
            await self._until(due_s)
            if fault is None:
                await self._kill()
                await self._start()
            else:
                await self._venues[fault.venue].inject(msgspec.json.encode(fault.fault))
        await self._until(self._run.span_s)
        for venue in self._venues.values():
            await venue.clear()
        await self._until(time.monotonic() - self._began_s + QUIET_S)
        report = await self._stop()
        await self._compare(report)
        return report

    async def _until(self, due_s: float) -> None:
        while (left_s := due_s - (time.monotonic() - self._began_s)) > 0:
            if time.monotonic() - self._read_s > _READ_EVERY_S:
                self._read_s = time.monotonic()
                await self._read_prints()
            assert self._daemon is not None
            assert self._daemon.returncode is None, f"the daemon ended by itself: see {self._run.folder}"
            await asyncio.sleep(min(left_s, 1.0))

    async def _read_prints(self) -> None:
        for venue in self._venues.values():
            await venue.read_prints()

    async def _start(self) -> None:
        """Start the next one; returns when it says that it is live."""
        self._number += 1
        errors = self._run.folder / f"daemon_{self._number}.err"
        with errors.open("wb") as err, errors.with_suffix(".out").open("wb") as out:
            self._daemon = await asyncio.create_subprocess_exec(
                _BIN / "quantai-daemon", "--config-dir", "my_conf", f"mode={self._run.mode}", "exchanges=loopback",
                "portfolio=none", *instrument_lines(), *_MODES[self._run.mode == TRADING], cwd=self._run.folder,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, "LOOPBACK_KEY": _KEY, "LOOPBACK_SECRET": _SECRET},
            )  # fmt: skip
        self._started.append(self._daemon)
        async with asyncio.timeout(LIMIT_S):
            while b": live: " not in errors.read_bytes():
                assert self._daemon.returncode is None, f"the daemon ended: see {errors}"
                await asyncio.sleep(0.1)

    async def _kill(self) -> None:
        assert self._daemon is not None
        self._daemon.kill()
        await self._daemon.wait()

    async def _stop(self) -> Report:
        """As systemd does."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT_S):
            status = await self._daemon.wait()
        report = Report({"processes": self._number, "summary": self._summary()})
        if status != 0:
            report.wrong.append(f"the daemon ended with {status}: see {self._run.folder}")
        return report

    def _summary(self) -> dict[str, Any]:
        newest = max(self._run.folder.glob("runs/*/*/summary.json"))
        summary: dict[str, Any] = msgspec.json.decode(newest.read_bytes())
        return summary

    async def _compare(self, report: Report) -> None:
        faults: Counter[str] = Counter()
        answered = {418: 0, 429: 0}
        for venue in self._venues.values():
            state = await venue.state()
            faults.update(state["faults"])
            answered = {status: n + state["counts"].get(f"status_{status}", 0) for status, n in answered.items()}
        report.figures["faults"] = dict(sorted(faults.items()))
        report.judge_limits(answered, faults)
        if self._run.mode == TRADING:
            told = {name: await venue.account() for name, venue in self._venues.items()}
            portfolio = _portfolio(report.figures["summary"])
            compare_books(report, told, self._run.folder / "state" / "journal.db", portfolio)
        else:
            await self._read_prints()
            prints = {
                (name, symbol): told for name, each in self._venues.items() for symbol, told in each.printed.items()
            }
            await asyncio.to_thread(compare_store, report, prints, self._run.folder)


def _portfolio(summary: Mapping[str, Any]) -> Portfolio:
    """What `summary.json` tells, whose keys are `venue:currency` and `venue:symbol`."""

    def split(key: str) -> tuple[str, str]:
        venue, _, of = key.partition(":")
        return venue, of

    return Portfolio(
        {split(key): Decimal(amount) for key, amount in summary["balances"].items()},
        {split(key): Decimal(row["position"]) for key, row in summary["instruments"].items()},
    )
