"""What is asked of a venue over HTTP, and what a venue has of its own there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import VenueError
from quantai.exchanges.rate_limiter import Priority, RateLimiter

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request. Parameters are sent in the order given; they are in no message, for they may be secret.

    `is_safe`: may be repeated without knowing what became of the first; None: if it is a GET. `timeout_ns` is for the
    whole way there and back, `budget_ns` for waiting for the rate budget before it.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    costs: Mapping[str, int] = field(default_factory=dict)
    is_signed: bool = False
    needs_key: bool = False
    """Wants the API key in a header, and no signature."""
    is_safe: bool | None = None
    priority: Priority = Priority.QUERY
    timeout_ns: int = 10 * NS_PER_SECOND
    budget_ns: int = 60 * NS_PER_SECOND

    @property
    def can_repeat(self) -> bool:
        """Whether doing it twice is the same as once."""
        return self.method == "GET" if self.is_safe is None else self.is_safe

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Wire:
    """What is sent of a request: the query exactly as it stands in the URL, the body, the headers."""

    query: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    headers: Headers = field(default_factory=dict, repr=False)


class HttpDialect(ABC):
    """What a venue has of its own over HTTP."""

    base_url: str
    """Without a slash at the end."""

    @abstractmethod
    def sign(self, request: HttpRequest, now_ms: int) -> Wire:
        """Encode the request, signed where it `is_signed`. `now_ms` is the time at the venue. Raises `NotSent` where
        there is no key to sign with.
        """

    @abstractmethod
    def error(self, status: int, headers: Headers, body: bytes) -> VenueError:
        """What a reply that is no answer means. Header names are not case-sensitive; the body may be anything."""

    def refusal(self, status: int, headers: Headers, body: bytes) -> VenueError | None:
        """None where the reply is an answer. Override where a venue says no with status 200."""
        return None if 200 <= status < 300 else self.error(status, headers, body)

    def learn(self, headers: Headers, limiter: RateLimiter, sent_ns: int) -> None:
        """Tell the limiter what the venue says that it has counted. `sent_ns` is when the request left."""
