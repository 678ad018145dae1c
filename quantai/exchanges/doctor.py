"""What an examination of a venue finds; venues that can be examined say so by `Examinable`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How grave a finding is."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    """Works, and somebody should look at it."""
    BAD = "bad"
    """Trading will fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, in a line; never a secret."""

    check: str
    health: Health
    text: str


class Examinable(ABC):
    """An exchange that `quantai doctor` can examine, after `bind`."""

    @abstractmethod
    async def examine(self) -> Sequence[Finding]:
        """Look at everything that trading needs, changing nothing. Starts and stops what it needs itself."""
