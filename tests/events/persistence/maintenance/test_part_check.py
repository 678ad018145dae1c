from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.events import TradeEvent
from quantai.events.persistence import Part, PartWriter
from quantai.events.persistence.maintenance.findings import Kind
from quantai.events.persistence.maintenance.part_check import check_part
from quantai.events.persistence.parts import parse_part
from quantai.events.persistence.schema import EVENT_TYPES, arrow_schema, to_table
from quantai.events.persistence.storage import LocalStorage
from tests.events.persistence.maintenance.stores import FOLDER, trade, trades, write
from tests.generators import events

SCHEMA = arrow_schema(TradeEvent)
TABLE = to_table(TradeEvent, trades([10, 20, 30]))


def put(root: Path, table: pa.Table, name: str = "10_30.parquet", **options: object) -> Part:
    """A part as no writer of ours would make it."""
    (root / FOLDER).mkdir(parents=True)
    pq.write_table(table, root / FOLDER / name, write_page_checksum=True, **options)
    part = parse_part(LocalStorage(root), FOLDER / name)
    assert part is not None
    return part


def kinds(part: Part) -> list[Kind]:
    return [finding.kind for finding in check_part(part).findings]


def with_column(name: str, values: pa.Array) -> pa.Table:
    position = SCHEMA.get_field_index(name)
    return TABLE.set_column(position, pa.field(name, values.type, SCHEMA.field(name).nullable), values)


@settings(max_examples=3)
@given(data=st.data())
@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_what_was_written_is_sound(name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    drawn = data.draw(st.lists(events(EVENT_TYPES[name]), min_size=1, max_size=5))
    root = tmp_path_factory.mktemp("store")
    for part in PartWriter(root).write(EVENT_TYPES[name], "v", "A/B", to_table(EVENT_TYPES[name], drawn)):
        check = check_part(part)
        assert check.findings == []
        assert check.rows == part.rows


def test_rows_are_counted_over_row_groups(tmp_path: Path) -> None:
    check = check_part(put(tmp_path, TABLE, row_group_size=1))
    assert (check.rows, check.is_sound) == (3, True)


def test_rows_out_of_order_are_found(tmp_path: Path) -> None:
    assert kinds(put(tmp_path, TABLE.take([0, 2, 1]))) == [Kind.ORDER]


def test_rows_out_of_order_between_row_groups_are_found(tmp_path: Path) -> None:
    assert kinds(put(tmp_path, TABLE.take([0, 2, 1]), row_group_size=2)) == [Kind.ORDER]


@pytest.mark.parametrize("name", ["10_29.parquet", "11_30.parquet"])
def test_rows_at_other_times_than_the_name_says_are_found(tmp_path: Path, name: str) -> None:
    assert kinds(put(tmp_path, TABLE, name)) == [Kind.NAME]


def test_a_part_without_rows_is_found(tmp_path: Path) -> None:
    assert kinds(put(tmp_path, TABLE.slice(0, 0))) == [Kind.NAME]


def test_numbers_that_are_not_finite_are_found(tmp_path: Path) -> None:
    assert kinds(put(tmp_path, with_column("price", pa.array([1.0, float("nan"), 2.0])))) == [Kind.VALUES]


def test_a_text_that_is_no_member_of_an_enum_makes_a_row_group_unreadable(tmp_path: Path) -> None:
    sides = pa.array(["buy", "long", "sell"]).dictionary_encode()
    assert kinds(put(tmp_path, with_column("side", sides))) == [Kind.UNREADABLE]


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["price"]),
        lambda table: table.set_column(table.schema.get_field_index("price"), "price", pa.array([1, 2, 3])),
        lambda table: table.replace_schema_metadata({**SCHEMA.metadata, b"quantai.schema_version": b"99"}),
        lambda table: table.replace_schema_metadata({**SCHEMA.metadata, b"quantai.type": b"tick"}),
    ],
)
def test_another_schema_is_found_and_not_taken_for_damage(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table]
) -> None:
    assert kinds(put(tmp_path, change(TABLE))) == [Kind.SCHEMA]


def test_a_changed_byte_is_found_or_changes_nothing(tmp_path: Path) -> None:
    part = write(tmp_path, trades(range(50)))
    content, rows = part.path.read_bytes(), pq.read_table(part.path, partitioning=None)
    found = 0
    for place in range(0, len(content), 17):
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        part.path.write_bytes(damaged)
        if check_part(part).is_sound:  # as where the name of the program that wrote it is
            assert pq.read_table(part.path, partitioning=None).equals(rows)
        else:
            found += 1
    assert found > 50


def test_a_file_cut_short_is_unreadable(tmp_path: Path) -> None:
    part = write(tmp_path, trades([10, 20]))
    part.path.write_bytes(part.path.read_bytes()[:-20])
    assert kinds(part) == [Kind.UNREADABLE]


def test_a_file_that_is_gone_meanwhile_is_said_to_be(tmp_path: Path) -> None:
    part = write(tmp_path, [trade(10)])
    part.path.unlink()
    (finding,) = check_part(part).findings
    assert (finding.kind, "look again" in finding.what) == (Kind.UNREADABLE, True)


def test_statistics_of_other_values_are_found(tmp_path: Path) -> None:
    """The footer of one file on the pages of another of the same size."""
    part = put(tmp_path, TABLE, use_dictionary=False, compression="none")
    other = with_column("price", pa.array([7.0, 8.0, 9.0]))
    donor = put(tmp_path / "donor", other, use_dictionary=False, compression="none")
    content, donated = part.path.read_bytes(), donor.path.read_bytes()
    assert len(content) == len(donated)
    footer = int.from_bytes(content[-8:-4], "little") + 8
    part.path.write_bytes(donated[:-footer] + content[-footer:])
    assert kinds(part) == [Kind.STATISTICS]
