"""How the books are compared with the venues: `reconciliation`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from quantai.core.params import NonNegative, PositiveDuration, Section


class ReconciliationSection(Section):
    """Comparing the books with the venues. Venues that cannot be asked, the simulated one say, are left out."""

    enabled: bool = True
    """Compare at start, after reconnects and on schedules, and ask for orders without an answer."""
    answer_timeout: PositiveDuration = 5_000_000_000
    """How long a command may stay without an answer before the order is asked for; also how long it may be on its
    way."""
    settle: PositiveDuration = 2_000_000_000
    """Between two reads that must agree before something is called missing, or different."""
    query_timeout: PositiveDuration = 5_000_000_000
    """How long a venue may take to answer a question."""
    backoff: PositiveDuration = 1_000_000_000
    """The first wait before a question is asked again; it doubles..."""
    max_backoff: PositiveDuration = 30_000_000_000
    """...up to this."""
    start_timeout: PositiveDuration = 25_000_000_000
    """What all venues get to be compared with at start; less than `ops.start_timeout`."""
    may_start_unproven: bool = False
    """Trade although a venue could not be compared with at start. It is told, and goes on in the background."""
    overlap: PositiveDuration = 60_000_000_000
    """How much of the fills that are known is asked for again; more than the clocks differ."""
    max_queries: Annotated[int, Field(ge=1, le=64)] = 4
    """Questions that a venue is asked at a time, at most."""
    fill_tries: Annotated[int, Field(ge=1, le=100)] = 5
    """How often a venue is asked for fills that it owes before they are inferred."""
    account_tries: Annotated[int, Field(ge=1, le=100)] = 5
    """How often balances and positions are read that do not hold still, before it is tried later."""
    report_lines: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """Mismatches kept for the report."""
    dust: dict[Annotated[str, Field(min_length=1)], NonNegative] = {}
    """By currency, what a balance may differ by without being adjusted."""
