"""What the Redis bus counted so far, as plain integers that whoever exports metrics reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RedisCounters:
    """Events, but for `entries_quarantined` and `reconnects`."""

    published: int = 0
    """That Redis has."""
    dropped: int = 0
    """That other processes never get: they waited longest when the backlog was full, or were left when closing."""
    refused: int = 0
    """That could not be encoded."""
    received: int = 0
    """Of other processes that were published here."""
    duplicates: int = 0
    """That came again and were skipped."""
    redelivered: int = 0
    """That were published here though a former run may have handled them."""
    lost: int = 0
    """Of other processes that are known to be missing."""
    quarantined: int = 0
    """Of other processes that could not be read."""
    entries_quarantined: int = 0
    """Stream entries set aside, whole or in part."""
    reconnects: int = 0
