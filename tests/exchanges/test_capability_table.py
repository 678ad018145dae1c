"""The page of venues is what connectors declare."""

from __future__ import annotations

from pathlib import Path

from quantai.core.enums import OrderType
from quantai.exchanges.base import Capabilities
from quantai.exchanges.capability_table import capability_table, venues


def test_each_venue_has_a_column_and_each_capability_a_row() -> None:
    able = Capabilities(
        channels=frozenset({"trade", "book"}),
        bar_intervals=frozenset({"1h", "15m", "1d", "1m"}),
        order_types=frozenset({OrderType.LIMIT}),
        batch_size=5,
        can_amend=True,
    )
    lines = capability_table({"able": able, "unable": Capabilities()}).splitlines()
    assert lines[:2] == ["|  | `able` | `unable` |", "|---|---|---|"]
    assert "| market data | `book`, `trade` | - |" in lines
    assert "| bars | `1m`, `15m`, `1h`, `1d` | - |" in lines
    assert "| orders in one message | 5 | - |" in lines
    assert "| amend | yes | - |" in lines
    assert len({line.count("|") for line in lines}) == 1


def test_the_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs/venues.md"
    assert page.read_text(encoding="utf-8") == venues()
