from __future__ import annotations

from quantai.events import GapEvent
from quantai.events.persistence.ledger import Ledger


def gap(ts: int, symbol: str = "A/B", reason: str = "full", lost: int = 1) -> GapEvent:
    return GapEvent("recorder", ts, ts, "v", symbol, ts, ts + 1, lost, reason)


def test_gaps_of_one_instrument_and_reason_are_one_row() -> None:
    ledger = Ledger()
    ledger.add([gap(5), gap(3), gap(9, lost=7), gap(4, "C/D"), gap(4, reason="slow")])
    assert ledger.take() == [
        GapEvent("recorder", 9, 9, "v", "A/B", 3, 10, 9, "full"),
        gap(4, "C/D"),
        gap(4, reason="slow"),
    ]


def test_what_was_taken_can_be_added_again() -> None:
    ledger = Ledger()
    ledger.add([gap(5)])
    rows = ledger.take()
    assert not ledger
    ledger.add([gap(6)])
    ledger.add(rows)
    assert ledger.take() == [GapEvent("recorder", 6, 6, "v", "A/B", 5, 7, 2, "full")]


def test_more_gaps_than_can_be_kept_are_one_row_that_counts_them() -> None:
    ledger = Ledger()
    ledger.add(gap(number, reason=str(number)) for number in range(10_003))
    *_, last = ledger.take()
    assert (last.venue, last.symbol, last.lost, last.start_ns, last.end_ns) == ("", "", 3, 10_000, 10_003)
