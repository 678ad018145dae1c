"""What became of the rows of one file: how many were read, which were refused and why, what looked odd but was kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from quantai.core.errors import StoreError

MAX_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not imported: its file, its line (the first is 1, a header counts) and the reason."""

    file: Path
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.why}"


class Outcome:
    """Counts of one file. The first bad rows are kept as examples, the rest only counted.

    Raises `StoreError` as soon as more than `max_bad_rows` rows are bad.
    """

    def __init__(self, path: Path, max_bad_rows: int) -> None:
        self.path = path
        self.rows_read = 0
        self.bad_rows = 0
        self.examples: list[BadRow] = []
        self.oddities: Counter[str] = Counter()
        self._max_bad_rows = max_bad_rows

    def reject(self, line: int, why: str) -> None:
        """Refuse one row."""
        self.reject_many([line], lambda _: why)

    def reject_many(self, lines: Iterable[int], why: Callable[[int], str]) -> None:
        """Refuse rows; `why` gets the position of a line in `lines`."""
        for position, line in enumerate(lines):
            self.bad_rows += 1
            if len(self.examples) < MAX_EXAMPLES:
                self.examples.append(BadRow(self.path, int(line), why(position)))
            if self.bad_rows > self._max_bad_rows:
                raise StoreError(
                    f"{self.path}: more than {self._max_bad_rows} bad rows, nothing of it was imported; the first: "
                    f"line {self.examples[0].line}: {self.examples[0].why}"
                )

    def note(self, what: str, count: int) -> None:
        """Count rows that were kept though they look odd."""
        if count:
            self.oddities[what] += int(count)
