"""How patient reconciliation is, and what it tolerates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from quantai.core.clock import NS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times are nanoseconds.

    `answer_timeout_ns` is how long a command may stay without an answer, and how long it may be on its way; `settle_ns`
    lies between two reads that must agree; `overlap_ns` is how much of what is known of fills is asked for again, more
    than the clocks differ. `dust` is, by currency, what a balance may differ by.
    """

    answer_timeout_ns: int = 5 * NS_PER_SECOND
    settle_ns: int = 2 * NS_PER_SECOND
    query_timeout_ns: int = 5 * NS_PER_SECOND
    backoff_ns: int = NS_PER_SECOND
    max_backoff_ns: int = 30 * NS_PER_SECOND
    start_timeout_ns: int = 25 * NS_PER_SECOND
    overlap_ns: int = 60 * NS_PER_SECOND
    max_queries: int = 4
    fill_tries: int = 5
    account_tries: int = 5
    report_lines: int = 1_000
    dust: Mapping[str, Decimal] = field(default_factory=dict)
    may_start_unproven: bool = False
    seed: int = 0

    @property
    def scan_ns(self) -> int:
        """How often orders without an answer are looked for."""
        return max(1, min(self.answer_timeout_ns, self.settle_ns) // 4)
