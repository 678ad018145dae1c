"""The times people write, as nanoseconds UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import ConfigError

Time = int | str | datetime

DAY_NS = 86_400 * NS_PER_SECOND
# One past the last time an event can have, as the end of a range is exclusive.
END_NS = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"[.,](\d+)")


def to_ns(time: Time) -> int:
    """Nanoseconds UTC of an int (nanoseconds already), a `datetime` or an ISO 8601 text of up to nine decimals.

    What has no time zone is UTC; a date alone is its midnight. Raises `ConfigError` for anything else, and for times
    before 1970 or after 2262, which no event can have.
    """
    if isinstance(time, bool) or not isinstance(time, int | str | datetime):
        raise ConfigError(f"a time must be nanoseconds, an ISO 8601 text or a datetime, not {time!r}")
    ts_ns = time if isinstance(time, int) else _from_datetime(time) if isinstance(time, datetime) else _from_text(time)
    if not 0 <= ts_ns <= END_NS:
        raise ConfigError(f"time {time!r} is outside 1970 to 2262")
    return ts_ns


def to_range_ns(start: Time | None, end: Time | None) -> tuple[int, int]:
    """`start` (inclusive) and `end` (exclusive) in nanoseconds, None meaning the beginning and the end of time."""
    start_ns = 0 if start is None else to_ns(start)
    end_ns = END_NS if end is None else to_ns(end)
    if start_ns > end_ns:
        raise ConfigError(f"the range starts at {start!r}, after its end at {end!r}")
    return start_ns, end_ns


def utc_date(ts_ns: int) -> str:
    """The day of `ts_ns` in UTC, `2026-11-22`."""
    return str((_EPOCH + timedelta(days=ts_ns // DAY_NS)).date())


def _from_datetime(moment: datetime) -> int:
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_SECOND + since.microseconds * 1_000


def _from_text(text: str) -> int:
    """`datetime` would cut the decimals after the sixth, so they are read apart."""
    match = _FRACTION.search(text)
    decimals = match[1] if match else ""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub("", text, count=1))
    except ValueError:
        raise ConfigError(f"time {text!r} is not ISO 8601, such as 2026-11-22 or 2026-11-22T09:30:00.5Z") from None
    if len(decimals) > 9:
        raise ConfigError(f"time {text!r} is finer than a nanosecond")
    return _from_datetime(moment) + int(decimals.ljust(9, "0"))
