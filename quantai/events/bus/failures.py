"""What is told of a handler that failed."""

from __future__ import annotations

import logging

from quantai.events.base import Event
from quantai.events.bus.base import Subscription
from quantai.events.system import ErrorEvent

logger = logging.getLogger(__name__)

_LOGGED_AT_FIRST = 10
_ERRORS_PER_LOG_LINE = 1_000


def tell_failure(subscription: Subscription, event: Event, error: BaseException, now_ns: int) -> ErrorEvent | None:
    """Count and log that a subscriber failed on `event`; what to publish of it.

    None where the event was an error itself: a handler of errors that fails must not feed itself.
    """
    subscription.errors += 1
    message = _message_of(error)
    if subscription.errors <= _LOGGED_AT_FIRST or subscription.errors % _ERRORS_PER_LOG_LINE == 0:
        logger.error(
            "%s failed on %s (error %d): %s: %s",
            subscription.name, event.topic, subscription.errors, type(error).__name__, message, exc_info=error,
        )  # fmt: skip
    if isinstance(event, ErrorEvent):
        return None
    return ErrorEvent(subscription.name, now_ns, now_ns, type(error).__name__, message, event.reference)


def _message_of(error: BaseException) -> str:
    """The text of `error`, or why it has none: nothing that a handler raises may stop delivery."""
    try:
        return str(error)
    except Exception as failure:
        return f"(its text cannot be had: {type(failure).__name__})"
