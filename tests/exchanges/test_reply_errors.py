"""What a reply that is no answer proves: never more than the table says."""

from __future__ import annotations

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import VenueError
from quantai.exchanges.errors import InsufficientFunds, OutcomeUnknown, RateLimitExceeded, RequestRefused
from quantai.exchanges.reply_errors import error_of_reply, retry_after_ns

KINDS: dict[str, type[RequestRefused]] = {"NO_FUNDS": InsufficientFunds}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "NO_FUNDS", InsufficientFunds),
        (400, "SOMETHING_NEW", OutcomeUnknown),
        (400, "", OutcomeUnknown),
        (500, "NO_FUNDS", OutcomeUnknown),
        (503, "", OutcomeUnknown),
        (302, "", OutcomeUnknown),
        (429, "NO_FUNDS", RateLimitExceeded),
    ],
)
def test_only_what_is_declared_proves_that_nothing_was_done(status: int, code: str, kind: type[VenueError]) -> None:
    error = error_of_reply(status, {}, code, "words", KINDS)
    assert type(error) is kind
    assert code in str(error)


def test_a_ban_is_one_and_says_how_long_to_be_silent() -> None:
    error = error_of_reply(418, {"Retry-After": "7"}, "", "", KINDS)
    assert isinstance(error, RateLimitExceeded)
    assert (error.is_ban, error.retry_after_ns) == (True, 7 * NS_PER_SECOND)


@pytest.mark.parametrize("text", ["", "-1", "soon", "1.5", "9" * 10, "٣", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_time_that_is_none_is_not_obeyed(text: str) -> None:
    assert retry_after_ns({"Retry-After": text}) == 0


def test_nobody_is_silent_for_longer_than_four_days() -> None:
    assert retry_after_ns({"Retry-After": "9" * 9}) == 4 * 86_400 * NS_PER_SECOND


def test_words_are_cut_short() -> None:
    assert len(str(error_of_reply(400, {}, "NO_FUNDS", "x" * 10_000, KINDS))) < 300
