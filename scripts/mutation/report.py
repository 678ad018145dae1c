"""What a run found: a line while it goes on, a table and the survivors at the end."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from scripts.mutation.mutants import Mutant
from scripts.mutation.runs import Outcome

DEAD = (Outcome.KILLED, Outcome.TIMEOUT)
ALIVE = (Outcome.SURVIVED, Outcome.NO_TESTS)


class Report:
    """Counts outcomes by subpackage."""

    def __init__(self, under: Path, total: int) -> None:
        self._under = under
        self._total = total
        self._tried = 0
        self._started = time.monotonic()
        self._counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
        self._alive: list[tuple[Mutant, Outcome]] = []

    def tell(self, mutant: Mutant, outcome: Outcome) -> None:
        """One was tried."""
        self._tried += 1
        inside = mutant.path.relative_to(self._under)
        self._counts[inside.parts[0] if len(inside.parts) > 1 else "(itself)"][outcome] += 1
        if outcome in ALIVE:
            self._alive.append((mutant, outcome))
            sys.stderr.write(f"{_line(mutant, outcome)}\n")
        if self._tried % 25 == 0 or self._tried == self._total:
            seconds = time.monotonic() - self._started
            left = seconds / self._tried * (self._total - self._tried)
            line = f"{self._tried} of {self._total} mutants, {self.score:.1%} killed, {left / 60:.0f} min left"
            sys.stderr.write(f"{line}\n")

    @property
    def score(self) -> float:
        """The part of the mutants that the tests see; NaN without mutants."""
        return _score(self._all())

    def survivors(self) -> str:
        """One line each, by place."""
        alive = sorted(self._alive, key=lambda each: (each[0].path, each[0].line, each[0].number))
        return "".join(f"{_line(*each)}\n" for each in alive)

    def table(self) -> str:
        """In Markdown, with the interval in which the score of all mutants lies if these are a sample."""
        head = "| package | mutants | killed | timeout | survived | no tests | score |\n|---|--:|--:|--:|--:|--:|--:|\n"
        rows = [_row(name, counts) for name, counts in sorted(self._counts.items())]
        low, high = _interval(self._all())
        foot = f"\n95 % interval of the score, if this is a sample: {low:.1%} to {high:.1%}"
        return head + "".join(rows) + _row("**all**", self._all()) + foot

    def _all(self) -> Counter[Outcome]:
        return sum(self._counts.values(), Counter[Outcome]())


def _line(mutant: Mutant, outcome: Outcome) -> str:
    return f"{mutant}{'  (no tests)' * (outcome is Outcome.NO_TESTS)}"


def _real(counts: Counter[Outcome]) -> int:
    return sum(counts[each] for each in (*DEAD, *ALIVE))


def _score(counts: Counter[Outcome]) -> float:
    real = _real(counts)
    return sum(counts[each] for each in DEAD) / real if real else math.nan


def _row(name: str, counts: Counter[Outcome]) -> str:
    cells = (counts[each] for each in (*DEAD, *ALIVE))
    return f"| {name} | {_real(counts)} | {' | '.join(map(str, cells))} | {_score(counts):.1%} |\n"


def _interval(counts: Counter[Outcome]) -> tuple[float, float]:
    """Wilson's, which is right near 100 % too (E. B. Wilson, JASA 22, 1927)."""
    n, p, z = _real(counts), _score(counts), 1.96
    if not n:
        return math.nan, math.nan
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
