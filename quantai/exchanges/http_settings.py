"""How patient requests are, and what became of them. All lengths of time are nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from quantai.core.clock import NS_PER_SECOND
from quantai.core.params import PositiveDuration, Section


@dataclass(slots=True)
class HttpCounts:
    """What became of requests, each attempt one."""

    answered: int = 0
    refused: int = 0
    not_sent: int = 0
    unknown: int = 0
    malformed: int = 0
    repeated: int = 0
    breaker_opened: int = 0
    """How often the venue was taken for down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """How patient a client is."""

    repeats: int = 3
    """How often a safe request is sent again."""
    delay_ns: int = NS_PER_SECOND // 4
    """Before the first repeat, at most; doubled each time, and drawn at random below that."""
    max_body_bytes: int = 64 * 1024 * 1024
    connections: int = 200
    """At a time. So many that a cancel does not wait for one behind requests that are not answered."""
    default_pause_ns: int = 60 * NS_PER_SECOND
    """How long to be silent where the venue says too much without saying how long."""
    default_ban_ns: int = 120 * NS_PER_SECOND
    """The same of a ban; Binance's shortest, «Limits»."""
    breaker_failures: int = 5
    """So many requests in a row without an answer, within `breaker_window_ns`, open the circuit breaker."""
    breaker_window_ns: int = 60 * NS_PER_SECOND
    breaker_pause_ns: int = NS_PER_SECOND
    """While the breaker is open one request is tried after this time; after each that fails, a random time up to twice
    as long as before..."""
    breaker_longest_ns: int = 10 * NS_PER_SECOND
    """...but never longer than this."""


class RequestsSection(Section):
    """When a venue is taken for down: then new orders are refused here, at once, and questions wait."""

    breaker_failures: Annotated[int, Field(ge=1, le=1_000)] = 5
    """So many requests in a row that were not answered."""
    breaker_pause: PositiveDuration = NS_PER_SECOND
    """Before it is tried again."""
    breaker_longest: PositiveDuration = 10 * NS_PER_SECOND
    """The longest between two tries."""

    def settings(self) -> HttpSettings:
        """As the client takes them."""
        return HttpSettings(
            breaker_failures=self.breaker_failures,
            breaker_pause_ns=self.breaker_pause,
            breaker_longest_ns=max(self.breaker_pause, self.breaker_longest),
        )
