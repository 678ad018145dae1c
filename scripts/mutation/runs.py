"""Tries each mutant in a fork of its own: the tests that run its statement, until one fails."""

from __future__ import annotations

import gc
import mmap
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path

import pytest

from scripts.mutation.forks import BROKEN, end, forked, wait
from scripts.mutation.mutants import Mutant
from scripts.mutation.swap import Functions, NothingToSwap, loaded_functions, swap
from scripts.mutation.tests import Tests


class Outcome(IntEnum):
    """How a mutant ended: the exit code of its process."""

    TIMEOUT = -signal.SIGALRM
    SURVIVED = 0
    KILLED = 1
    NO_TESTS = 3
    NO_MUTANT = 4
    """It is the same code, or none, or does not fit in the place of the old."""


class MutationRun:
    """A plugin of pytest: where it would run the tests, it tries mutants."""

    def __init__(
        self, mutants: Sequence[Mutant], under: Path, scratch: Path, jobs: int, tell: Callable[[Mutant, Outcome], None]
    ) -> None:
        self._mutants = mutants
        self._under = under
        self._scratch = scratch
        self._jobs = jobs
        self._tell = tell

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what starts servers or processes: those are slow, outlive a kill, and run no mutant."""
        items[:] = [each for each in items if "postgres" not in str([each.nodeid, *_fixtures(each)])]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The first test that fails ends the process of its mutant."""
        if report.failed:
            os._exit(Outcome.KILLED)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants, some at a time."""
        if session.testsfailed:
            raise pytest.UsageError("the tests cannot be collected: run them alone first")
        tests = Tests(session.items, self._under, self._scratch)
        tests.measure()
        functions = loaded_functions(self._under)
        gc.freeze()  # what is here is shared with all forks, and never looked at again
        waiting, running = list(reversed(self._mutants)), dict[int, _Trial]()
        try:
            while waiting or running:
                while waiting and len(running) < self._jobs:
                    trial = _Trial(waiting.pop(), tests, functions)
                    running[forked(trial.run)] = trial
                pid, code = wait()
                shutil.rmtree(tests.folder_of(pid), ignore_errors=True)
                trial = running.pop(pid)
                self._tell(trial.mutant, trial.outcome(code))
        finally:
            end(running)
        return True


class _Trial:
    """One mutant against its tests."""

    def __init__(self, mutant: Mutant, tests: Tests, functions: Functions) -> None:
        self.mutant = mutant
        self._tests = tests
        self._functions = functions
        self._chosen = tests.covering(mutant)
        self._current = mmap.mmap(-1, 4)  # shared with the fork: the test that it runs

    def run(self) -> int:
        """In the fork: swap, test."""
        try:
            swap(self.mutant, self._functions)
        except NothingToSwap:
            return Outcome.NO_MUTANT
        if not self._chosen:
            return Outcome.NO_TESTS
        try:
            self._tests.run(self._chosen, self._before)
        except BaseException:  # a mutant may make pytest itself give up
            return Outcome.KILLED
        return Outcome.SURVIVED

    def outcome(self, code: int) -> Outcome:
        """In the parent: what the exit code says. A crash is a kill."""
        if code == BROKEN:
            raise RuntimeError(f"cannot try {self.mutant}")
        outcome = Outcome(code) if code in list(Outcome) else Outcome.KILLED
        if outcome in (Outcome.KILLED, Outcome.TIMEOUT):
            self._tests.killed(self.mutant, int.from_bytes(self._current[:4]))
        self._current.close()
        return outcome

    def _before(self, test: int) -> None:
        self._current[:4] = test.to_bytes(4)
        signal.setitimer(signal.ITIMER_REAL, self._tests.allowed_seconds(test))


def _fixtures(item: pytest.Item) -> Sequence[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else ()
