from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.events.persistence.maintenance.fingerprint import Digest, row_hashes
from quantai.events.persistence.schema import EVENT_TYPES, to_table
from tests.generators import events


def hashes(table: pa.Table) -> list[int]:
    return [value for batch in table.to_batches() for value in row_hashes(batch).tolist()]


@settings(max_examples=5)
@given(data=st.data())
@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_a_row_has_the_same_hash_in_any_batch(name: str, data: st.DataObject) -> None:
    cls = EVENT_TYPES[name]
    drawn = data.draw(st.lists(events(cls), min_size=1, max_size=5))
    together = hashes(to_table(cls, drawn))
    assert together == [hashes(to_table(cls, [event]))[0] for event in drawn]
    assert together == [hashes(to_table(cls, drawn).slice(place, 1))[0] for place in range(len(drawn))]


@settings(max_examples=5)
@given(data=st.data())
@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_rows_that_differ_have_other_hashes(name: str, data: st.DataObject) -> None:
    cls = EVENT_TYPES[name]
    drawn = data.draw(st.lists(events(cls), min_size=2, max_size=5))
    rows = to_table(cls, drawn).to_pylist()
    bits = [repr(row) for row in rows]
    assert len(set(bits)) == len(set(hashes(to_table(cls, drawn))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        (["", "a"], ["a", ""]),
        ([None, "a"], ["", "a"]),
        ([0.0, 1.0], [-0.0, 1.0]),
        ([[1.0], [2.0, 3.0]], [[1.0, 2.0], [3.0]]),
        ([True, False], [False, False]),
    ],
)
def test_values_that_are_nearly_the_same_are_told_apart(one: list[object], other: list[object]) -> None:
    kind = pa.array(one).type
    first, second = (pa.record_batch([pa.array(values, kind)], ["x"]) for values in (one, other))
    assert row_hashes(first)[0] != row_hashes(second)[0]


def test_a_digest_tells_order_from_content() -> None:
    rows = pa.record_batch([pa.array([1, 2, 3])], ["x"])
    turned = rows.take(pa.array([2, 1, 0]))
    one, other = Digest.of([rows]), Digest.of([turned])
    assert one.content == other.content
    assert one.sequence != other.sequence
    assert Digest.of([rows.slice(0, 1), rows.slice(1)]) == one


def test_columns_are_not_interchangeable() -> None:
    one = pa.record_batch([pa.array([1]), pa.array([2])], ["a", "b"])
    other = pa.record_batch([pa.array([2]), pa.array([1])], ["a", "b"])
    assert not np.array_equal(row_hashes(one), row_hashes(other))
