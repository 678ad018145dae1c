"""The collected tests: which of them run a line, how long they take, and running some of them."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from coverage import Coverage

from scripts.mutation.forks import forked, wait
from scripts.mutation.mutants import Mutant

SLACK_SECONDS = 3.0
"""On top of what a test may take with a mutant."""

SLOWER = 5
"""A test may take this many times as long as it does without."""


class Tests:
    """The tests of one session of pytest, by their place in it."""

    def __init__(self, items: Sequence[pytest.Item], under: Path, scratch: Path) -> None:
        self._items = items
        self._under = under
        self._scratch = scratch
        self._seconds: list[float] = []
        self._by_line: dict[Path, dict[int, set[int]]] = {}
        self._killers: dict[tuple[Path, range], set[int]] = defaultdict(set)

    def run(self, tests: Sequence[int], before: Callable[[int], None]) -> None:
        """Run some, here and now; tell each before it starts. To be called in a fork, which gets a folder of its own:
        in one that forks shared, each would remove the files of the others.
        """
        folder = self.folder_of(os.getpid())
        folder.mkdir(exist_ok=True)
        os.chdir(folder)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        chosen = [self._items[each] for each in tests]
        for number, item, following in zip(tests, chosen, [*chosen[1:], None], strict=True):
            before(number)
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)

    def folder_of(self, pid: int) -> Path:
        """Where the tests of a process leave their files."""
        return self._scratch / str(pid)

    def measure(self) -> None:
        """Run each once in a fork, and note which lines it runs.

        Raises:
            pytest.UsageError: One failed.
        """
        timings, data = self._scratch / "timings.json", self._scratch / "coverage"
        _, status = wait(forked(lambda: self._run_measured(timings, data)))
        if status:
            raise pytest.UsageError("a test fails without any mutant: make the tests pass first")
        self._seconds = json.loads(timings.read_text())
        coverage = Coverage(data_file=data)
        coverage.load()
        found = coverage.get_data()
        for name in found.measured_files():
            lines = found.contexts_by_lineno(name)
            self._by_line[Path(name)] = {line: {int(each) for each in of if each} for line, of in lines.items()}

    def covering(self, mutant: Mutant) -> Sequence[int]:
        """The tests that run the statement of a mutant: first those that killed a neighbour, then the fastest."""
        lines = self._by_line.get(mutant.path.resolve(), {})
        found = set().union(*(lines.get(line, set()) for line in mutant.statement))
        known = self._killers[mutant.path, mutant.statement]
        return sorted(found, key=lambda each: (each not in known, self._seconds[each]))

    def killed(self, mutant: Mutant, test: int) -> None:
        """Remember who killed a mutant: it is likely to kill the next one there."""
        self._killers[mutant.path, mutant.statement].add(test)

    def allowed_seconds(self, test: int) -> float:
        """How long a test may take with a mutant."""
        return SLACK_SECONDS + SLOWER * self._seconds[test]

    def _run_measured(self, timings: Path, data: Path) -> int:
        coverage = Coverage(data_file=data, config_file=False, include=[f"{self._under}/*"])
        starts: list[float] = []

        def before(test: int) -> None:
            starts.append(time.perf_counter())
            coverage.switch_context(str(test))

        coverage.start()
        self.run(range(len(self._items)), before)
        coverage.stop()
        coverage.save()
        ends = [*starts[1:], time.perf_counter()]
        timings.write_text(json.dumps([end - start for start, end in zip(starts, ends, strict=True)]))
        return 0
