from __future__ import annotations

from pathlib import Path

import pytest

from quantai.core.errors import StoreError
from quantai.events import ConnectedEvent, DisconnectedEvent, GapEvent, StartedEvent, StoppedEvent
from quantai.events.persistence.maintenance import Gap, GapSummary, read_gaps
from quantai.events.persistence.maintenance.gaps import summarise_gaps
from tests.events.persistence.maintenance.stores import trades, write

SECOND = 1_000_000_000


def gap(start: int, end: int, venue: str = "v", symbol: str = "A/B", lost: int = 0) -> GapEvent:
    """Told a second after it was over."""
    told = (end + 1) * SECOND
    return GapEvent("recorder", told, told, venue, symbol, start * SECOND, end * SECOND, lost, "disk full")


def disconnected(time: int, component: str = "v") -> DisconnectedEvent:
    return DisconnectedEvent(component, time * SECOND, time * SECOND, "reset by peer")


def connected(time: int, component: str = "v") -> ConnectedEvent:
    return ConnectedEvent(component, time * SECOND, time * SECOND)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write(tmp_path, trades([1]))
    write(tmp_path, [gap(10, 20, lost=5), gap(40, 50)])
    write(tmp_path, [gap(12, 15, symbol="C/D", lost=1)])
    write(tmp_path, [gap(12, 30, venue="w")])
    return tmp_path


def spans(gaps: list[Gap]) -> list[tuple[int, int | None]]:
    return [(found.start_ns // SECOND, found.end_ns and found.end_ns // SECOND) for found in gaps]


def test_gaps_come_in_order_of_time(store: Path) -> None:
    found = read_gaps(store)
    assert spans(found) == [(10, 20), (12, 15), (12, 30), (40, 50)]
    assert found[0] == Gap(10 * SECOND, 20 * SECOND, "v", "A/B", 5, "disk full", "recorder")


def test_gaps_are_filtered_by_instrument_and_by_when_they_were(store: Path) -> None:
    assert spans(read_gaps(store, venue="w")) == [(12, 30)]
    assert spans(read_gaps(store, symbol="C/D")) == [(12, 15)]
    assert spans(read_gaps(store, start=25 * SECOND)) == [(12, 30), (40, 50)]
    assert spans(read_gaps(store, end=12 * SECOND)) == [(10, 20)]
    assert read_gaps(store, start=31 * SECOND, end=40 * SECOND) == []


def test_a_connection_that_fell_is_a_gap_until_it_stands(tmp_path: Path) -> None:
    write(tmp_path, [disconnected(5), disconnected(6), disconnected(30)])
    write(tmp_path, [connected(1), connected(9), connected(10)])
    found = read_gaps(tmp_path)
    assert spans(found) == [(5, 9), (30, None)]
    assert (found[0].venue, found[0].symbol, found[0].reason) == ("v", "", "disconnected: reset by peer")
    assert found[1].length_ns == 0


def test_a_recorder_that_was_stopped_and_started_again_is_a_gap_of_everything(tmp_path: Path) -> None:
    started = [StartedEvent("recorder", time * SECOND, time * SECOND) for time in (1, 20, 40)]
    stopped = [StoppedEvent("recorder", time * SECOND, time * SECOND) for time in (10, 30, 50)]
    write(tmp_path, started)
    write(tmp_path, stopped)
    found = read_gaps(tmp_path)
    assert spans(found) == [(10, 20), (30, 40)]
    assert (found[0].venue, found[0].symbol, found[0].reason) == ("", "", "recorder was stopped")


def test_what_stopped_everything_is_a_gap_of_every_venue(tmp_path: Path) -> None:
    write(tmp_path, [gap(1, 2, venue="v")])
    write(tmp_path, [gap(5, 6, venue="w")])
    write(tmp_path, [gap(3, 4, venue="", symbol="")])
    assert spans(read_gaps(tmp_path, venue="v", symbol="A/B")) == [(1, 2), (3, 4)]


def test_gaps_that_overlap_are_summed_up_once() -> None:
    gaps = [Gap(start, end, "v", "A/B", 1, "", "") for start, end in ((0, 10), (5, 12), (6, 8), (20, 21))]
    assert summarise_gaps(gaps) == (GapSummary("v", "A/B", 4, 13, 4, 0),)


def test_connections_of_several_venues_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, [disconnected(5, "v"), disconnected(6, "w")])
    write(tmp_path, [connected(7, "w"), connected(8, "v")])
    assert spans(read_gaps(tmp_path)) == [(5, 8), (6, 7)]
    assert spans(read_gaps(tmp_path, venue="w", symbol="A/B")) == [(6, 7)]


def test_the_ledger_is_summed_up_by_instrument(store: Path) -> None:
    write(store, [disconnected(60)])
    assert summarise_gaps(read_gaps(store)) == (
        GapSummary("v", "", 1, 0, 0, 1),
        GapSummary("v", "A/B", 2, 20 * SECOND, 5, 0),
        GapSummary("v", "C/D", 1, 3 * SECOND, 1, 0),
        GapSummary("w", "A/B", 1, 18 * SECOND, 0, 0),
    )


def test_a_store_without_gaps_has_none(tmp_path: Path) -> None:
    write(tmp_path, trades([1]))
    assert read_gaps(tmp_path) == []


def test_no_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        read_gaps(tmp_path / "nothing")
