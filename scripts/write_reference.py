"""Writes the pages that are made from the code: `make docs`. Tests check that they are up to date."""

from __future__ import annotations

from pathlib import Path

from quantai.config.denials import denials
from quantai.config.reference import reference as configuration
from quantai.events.reference import reference as events
from quantai.exchanges.capability_table import venues
from tests.venues.contract.page import venue_contract

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {
    "configuration.md": configuration,
    "denials.md": denials,
    "events.md": events,
    "venue_contract.md": venue_contract,
    "venues.md": venues,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
