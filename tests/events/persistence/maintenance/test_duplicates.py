from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quantai.core.enums import Side
from quantai.events import TickEvent
from quantai.events.persistence import list_parts
from quantai.events.persistence.maintenance import duplicates as module
from quantai.events.persistence.maintenance.duplicates import Duplicates, find_duplicates
from tests.events.persistence.maintenance.stores import trade, trades, write


def tick(ts_init: int, bid: float = 1.0) -> TickEvent:
    return TickEvent("v", "A/B", ts_init, ts_init, bid, 1.0, 2.0, 1.0)


def look(root: Path) -> Duplicates:
    return find_duplicates(list_parts(root))


def test_ids_that_differ_are_no_duplicates(tmp_path: Path) -> None:
    write(tmp_path, trades(range(100)))
    write(tmp_path, trades(range(50, 150), first_id=100))
    assert look(tmp_path) == Duplicates()


def test_a_trade_that_came_again_is_certain(tmp_path: Path) -> None:
    first = write(tmp_path, trades(range(10)))
    second = write(tmp_path, [trade(20, "3"), trade(21, "new"), trade(22, "7")])
    found = look(tmp_path)
    assert dict(found.certain) == {second: [0, 2]}
    assert (found.count, found.suspected) == (2, 0)
    assert first not in found.certain


def test_a_trade_twice_in_one_part_is_certain(tmp_path: Path) -> None:
    part = write(tmp_path, [trade(1, "a"), trade(2, "a"), trade(3, "b"), trade(4, "a")])
    assert dict(look(tmp_path).certain) == {part: [1, 3]}


# A venue that counts from one again when it restarts has another time; an import may be of the same to the millisecond.
ANOTHER_TIME = msgspec.structs.replace(trade(9, "a"), ts_event=1_000_000)
FINER_TIME = msgspec.structs.replace(trade(9, "a"), ts_event=999_999)


def test_the_time_is_compared_to_the_millisecond(tmp_path: Path) -> None:
    write(tmp_path, [trade(1, "a"), FINER_TIME])
    assert look(tmp_path).count == 1


@pytest.mark.parametrize("again", [trade(9, "a", price=2.0), trade(9, "a", side=Side.SELL), ANOTHER_TIME])
def test_an_id_of_another_trade_is_only_suspected(tmp_path: Path, again: object) -> None:
    write(tmp_path, [trade(1, "a"), again])  # type: ignore[list-item]
    found = look(tmp_path)
    assert (found.count, found.suspected) == (0, 1)


def test_trades_without_an_id_are_never_duplicates(tmp_path: Path) -> None:
    write(tmp_path, [trade(1), trade(1), trade(2)])
    assert look(tmp_path) == Duplicates()


def test_rows_of_other_types_are_suspected_where_parts_overlap(tmp_path: Path) -> None:
    write(tmp_path, [tick(time) for time in range(10)])
    second = write(tmp_path, [tick(5), tick(6, bid=1.5), tick(7)])
    found = look(tmp_path)
    assert (found.count, found.suspected, found.suspected_in) == (0, 2, {second})


def test_a_market_that_repeats_itself_in_one_part_is_no_duplicate(tmp_path: Path) -> None:
    write(tmp_path, [tick(1), tick(1), tick(1)])
    write(tmp_path, [tick(0), tick(3)])
    assert look(tmp_path) == Duplicates()


def test_memory_is_a_window_and_duplicates_in_it_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW_ROWS", 10)
    for start in range(0, 100, 5):  # ids come again 5 rows later, and once more after 80
        write(tmp_path, [trade(start * 10 + place, str((start + place) % 80)) for place in range(5)])
        write(tmp_path, [trade(start * 10 + 5 + place, str((start + place) % 80)) for place in range(5)])
    assert look(tmp_path).count == 100


def test_an_import_of_what_was_recorded_is_found_whole(tmp_path: Path) -> None:
    write(tmp_path, trades(range(1_000)))
    write(tmp_path, trades(range(1_000)))
    assert look(tmp_path).count == 1_000
