"""Who sends a request, and whether its signature holds. Source: Binance Spot API, «Request security»."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.loopback.dialects.binance.endpoint import Call, Security
from quantai.loopback.dialects.binance.errors import (
    AHEAD,
    BAD_KEY_FORMAT,
    BAD_SIGNATURE,
    OUTSIDE_WINDOW,
    REJECTED_KEY,
    ApiError,
)
from quantai.loopback.dialects.binance.params import Params, missing
from quantai.loopback.server.keys import ApiKey

if TYPE_CHECKING:
    from quantai.loopback.server.venue import LoopbackVenue

_DEFAULT_WINDOW_MS = 5_000
_LONGEST_WINDOW_MS = 60_000
_FIRST_US = 10**15
"""Timestamps from here on are microseconds."""


class Authority:
    """Checks keys, times and signatures of one venue."""

    def __init__(self, venue: LoopbackVenue) -> None:
        self._venue = venue

    def admit(self, call: Call, security: Security, key_text: str | None, payload: bytes | None) -> None:
        """Name the account of `call`. `payload` is what was signed, None where a session vouches. Raises `ApiError`."""
        if security is Security.NONE:
            return
        call.key = self.key(key_text)
        call.account = self._venue.engine.accounts[call.key.account]
        if security in (Security.SIGNED, Security.TRADE):
            self._check_time(call.params)
            if payload is not None:
                self.check_signature(call.key, payload, call.params.text("signature"))
        if security is Security.TRADE and "trade" not in call.key.permissions:
            raise ApiError(*REJECTED_KEY)

    def key(self, text: str | None) -> ApiKey:
        """The key. Raises `ApiError` where there is none such."""
        if not text:
            raise ApiError(*BAD_KEY_FORMAT)
        key = self._venue.keys.get(text)
        if key is None:
            raise ApiError(*REJECTED_KEY)
        return key

    def check_signature(self, key: ApiKey, payload: bytes, signature: str) -> None:
        """Raise `ApiError` where `signature` is not of `payload`."""
        if not key.verify(payload, signature):
            self._venue.counts["bad_signatures"] += 1
            raise ApiError(*BAD_SIGNATURE)

    def _check_time(self, params: Params) -> None:
        stamp = params.integer("timestamp")
        if stamp is None:
            raise missing("timestamp")
        window_ms = params.number("recvWindow") if params.values.get("recvWindow") else _DEFAULT_WINDOW_MS
        if window_ms > _LONGEST_WINDOW_MS:
            raise ApiError(-1131, "recvWindow must be less than 60000.")
        if not self._venue.settings.checks_time:
            return
        stamp_ns = stamp * (1_000 if stamp >= _FIRST_US else NS_PER_MS)
        now_ns = self._venue.now_ns()
        if stamp_ns >= now_ns + NS_PER_SECOND:
            raise self._bad_time(AHEAD)
        if now_ns - stamp_ns > window_ms * NS_PER_MS:
            raise self._bad_time(OUTSIDE_WINDOW)

    def _bad_time(self, complaint: tuple[int, str]) -> ApiError:
        self._venue.counts["bad_timestamps"] += 1
        return ApiError(*complaint)


def unsigned(text: str) -> str:
    """A query or body as it was sent, without its signature."""
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))
