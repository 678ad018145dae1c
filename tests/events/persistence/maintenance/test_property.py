"""Whatever a store holds and whenever its keeper dies: what is read is what was written."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.events import Event
from quantai.events.persistence.maintenance import Kind, compact, repair, verify
from quantai.events.persistence.schema import EVENT_TYPES
from quantai.events.persistence.times import DAY_NS
from tests.events.persistence.maintenance.stores import Killed, MortalStorage, read, write
from tests.generators import events

TYPES = st.sampled_from(["trade", "book_delta", "order_filled", "mark_price", "system_error"])


@st.composite
def parts(draw: st.DrawFn) -> list[list[Event]]:
    """Parts of a few streams on a few days, with many equal times."""
    drawn = []
    for name in draw(st.lists(TYPES, min_size=2, max_size=6)):
        times = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4).map(sorted))
        start_ns = draw(st.integers(0, 1)) * DAY_NS
        rows = [msgspec.structs.replace(draw(events(EVENT_TYPES[name])), ts_init=start_ns + time) for time in times]
        if "symbol" in type(rows[0]).__struct_fields__:
            rows = [msgspec.structs.replace(row, venue="v", symbol="Ü/B") for row in rows]
        drawn.append(rows)
    return drawn


keeping = st.lists(st.tuples(st.sampled_from([compact, repair]), st.integers(0, 40)), max_size=4)


@settings(max_examples=20)
@given(parts(), keeping)
def test_what_is_read_stays_what_was_written(written: list[list[Event]], kept: list[tuple[object, int]]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for rows in written:
            write(root, rows)
        before = read(root)
        assert Counter(before) == Counter(event for rows in written for event in rows)
        for keep, changes in kept:
            with suppress(Killed):
                if keep is compact:
                    compact(MortalStorage(root, changes), all_days=True)
                else:
                    repair(MortalStorage(root, changes))
            assert read(root) == before
        compact(root, all_days=True)
        assert read(root) == before
        report = verify(root)
        # Trades of the same id may well be drawn, and are then told.
        assert {finding.kind for finding in report.findings if finding.is_problem} <= {Kind.DUPLICATES}
        assert sum(stream.rows for stream in report.streams) == len(before)
        assert sum(stream.parts for stream in report.streams) == len({(type(event), _day(event)) for event in before})


def _day(event: Event) -> int:
    ts_init: int = attrgetter("ts_init")(event)
    return ts_init // DAY_NS
