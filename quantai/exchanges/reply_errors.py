"""What replies of a venue that are no answers prove: for venues that name what is wrong by a code in the body."""

from __future__ import annotations

from collections.abc import Mapping

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import VenueError
from quantai.exchanges.errors import OutcomeUnknown, RateLimitExceeded, RequestRefused
from quantai.exchanges.http_request import Headers

_LONGEST_S = 4 * 86_400
_MAX_DIGITS = 9
_MAX_WORDS = 200


def retry_after_ns(headers: Headers) -> int:
    """How long to be silent, by `Retry-After` in seconds; 0 where it does not say. Four days at most."""
    after = headers.get("Retry-After", "")
    seconds = int(after) if len(after) <= _MAX_DIGITS and after.isascii() and after.isdigit() else 0
    return min(seconds, _LONGEST_S) * NS_PER_SECOND


def error_of_reply(
    status: int, headers: Headers, code: str, words: str, kinds: Mapping[str, type[RequestRefused]]
) -> VenueError:
    """`kinds` are the codes that say that the venue certainly did nothing. Any other, and every 5xx, proves nothing."""
    if status in (418, 429):
        after_ns = retry_after_ns(headers)
        return RateLimitExceeded(f"HTTP {status} {code}", code, retry_after_ns=after_ns, is_ban=status == 418)
    text = f"HTTP {status} {code}: {words[:_MAX_WORDS]}"
    return kinds[code](text, code) if status < 500 and code in kinds else OutcomeUnknown(text)
