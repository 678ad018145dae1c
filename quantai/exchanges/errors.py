"""What can go wrong between us and a venue, in ccxt's words, and above all what it proves.

    VenueError
    ├── RequestRefused             the venue certainly said no: nothing was done
    │   ├── AuthenticationError    key, signature or listen key not accepted
    │   │   └── PermissionDenied   the key is right and may not do this
    │   ├── InsufficientFunds
    │   ├── InvalidOrder           filters, precision, flags that do not go together
    │   │   ├── OrderNotFound
    │   │   ├── DuplicateOrderId
    │   │   └── OrderImmediatelyFillable
    │   ├── ClockSkew              our time is outside what the venue takes
    │   ├── RateLimitExceeded      too much was asked; `retry_after_ns` says how long to be silent
    │   └── OnMaintenance          busy, down for maintenance, market closed
    ├── NotSent                    certainly never left: no rate budget, breaker open, too late
    │   └── NoConnection           the venue could not be connected
    └── OutcomeUnknown             sent, and no answer that can be trusted: it may have been done or not
        └── MalformedReply         an answer came that cannot be read

A message names the venue's code and words, the method and the path; never parameters, keys, signatures or listen keys.
"""

from __future__ import annotations

from quantai.core.errors import VenueError


class RequestRefused(VenueError):
    """The venue certainly said no. `code` is its own, as text; empty where it has none."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class AuthenticationError(RequestRefused):
    """The key, the signature or the listen key was not accepted."""


class PermissionDenied(AuthenticationError):
    """The key is right and may not do this, or not from here."""


class InsufficientFunds(RequestRefused):
    """Balance or margin do not suffice."""


class InvalidOrder(RequestRefused):
    """The order breaks a filter, the precision, or has flags that do not go together."""


class OrderNotFound(InvalidOrder):
    """The venue does not know the order."""


class DuplicateOrderId(InvalidOrder):
    """An order of that client order id is there already."""


class OrderImmediatelyFillable(InvalidOrder):
    """A post-only order would take, or a stop would trigger at once."""


class ClockSkew(RequestRefused):
    """Our time is outside what the venue takes; measure the offset anew."""


class RateLimitExceeded(RequestRefused):
    """Too much was asked. Be silent for `retry_after_ns` nanoseconds (0 where the venue did not say how long).

    `is_ban`: the venue has shut us out; going on prolongs it. `limits` names the limits that are used up, where it is
    only them (too many orders, say, which does not keep anybody from cancelling).
    """

    def __init__(
        self,
        message: str,
        code: str = "",
        *,
        retry_after_ns: int = 0,
        is_ban: bool = False,
        limits: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, code)
        self.retry_after_ns = retry_after_ns
        self.is_ban = is_ban
        self.limits = limits


class OnMaintenance(RequestRefused):
    """The venue is busy, down for maintenance, or the market is closed: it did not take the request."""


class NotSent(VenueError):
    """The request certainly never left."""


class NoConnection(NotSent):
    """The venue could not be connected: trying again is no harm."""


class OutcomeUnknown(VenueError):
    """The request was sent, and what became of it is not known: a timeout, a cut, a 5xx."""


class MalformedReply(OutcomeUnknown):
    """An answer came that cannot be read."""
