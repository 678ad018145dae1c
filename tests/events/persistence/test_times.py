from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.clock import iso_utc
from quantai.core.errors import ConfigError
from quantai.events.persistence.times import END_NS, Time, to_ns, to_range_ns, utc_date

MORNING_NS = 1_795_339_800_000_000_000  # 2026-11-22T09:30:00Z


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (MORNING_NS, MORNING_NS),
        ("2026-11-22", MORNING_NS - 34_200_000_000_000),
        ("2026-11-22T09:30", MORNING_NS),
        ("2026-11-22 09:30:00Z", MORNING_NS),
        ("2026-11-22T10:30:00+01:00", MORNING_NS),
        ("2026-11-22T09:30:00.5", MORNING_NS + 500_000_000),
        ("2026-11-22T10:30:00.000000001+01:00", MORNING_NS + 1),
        (datetime(2026, 11, 22, 9, 30, tzinfo=UTC), MORNING_NS),
        (datetime(2026, 11, 22, 10, 30, 0, 7, tzinfo=timezone(timedelta(hours=1))), MORNING_NS + 7_000),
        (datetime.fromisoformat("2026-11-22T09:30"), MORNING_NS),
    ],
)
def test_times_are_nanoseconds_utc(time: Time, expected: int) -> None:
    assert to_ns(time) == expected


@given(st.integers(0, 2**63 - 1))
def test_every_time_is_read_back_from_its_iso_text(ts_ns: int) -> None:
    assert to_ns(iso_utc(ts_ns)) == ts_ns


@pytest.mark.parametrize(
    "time",
    ["", "yesterday", "2026-13-01", "2026-11-22T09:30:00.0000000001", "1969-12-31", "2300-01-01", -1, 2**64, True],
)
def test_what_is_no_time_is_refused_by_name(time: Time) -> None:
    with pytest.raises(ConfigError, match="time"):
        to_ns(time)


def test_a_range_without_bounds_is_all_of_time() -> None:
    assert to_range_ns(None, None) == (0, END_NS)


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ConfigError, match="after its end"):
        to_range_ns("2026-11-23", "2026-11-22")


@pytest.mark.parametrize(("ts_ns", "date"), [(86_399_999_999_999, "1970-01-01"), (86_400_000_000_000, "1970-01-02")])
def test_a_day_ends_at_midnight_utc(ts_ns: int, date: str) -> None:
    assert utc_date(ts_ns) == date
