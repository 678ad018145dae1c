"""The event reference is what the classes say, and the classes say everything."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from quantai.events import Event, MarketEvent, OrderEvent, PortfolioEvent, PositionEvent, SystemEvent
from quantai.events.persistence.schema import EVENT_TYPES
from quantai.events.reference import family_tree, field_docs, reference

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
FAMILIES = (MarketEvent, OrderEvent, PositionEvent, PortfolioEvent, SystemEvent)
CLASSES = [cls for family in FAMILIES for cls in family_tree(family)]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_every_event_is_in_it_with_its_folder() -> None:
    page = reference()
    for name, cls in EVENT_TYPES.items():
        section = page.partition(f"\n### {cls.__name__}\n")[2].partition("\n### ")[0]
        assert f"Topic `{cls.topic_prefix}" in section
        assert f"folder `type={name}`" in section


def test_ranges_choices_and_defaults_are_in_it() -> None:
    page = reference()
    assert "| `bid_size` | number ≥ 0 | required | In base currency or contracts. |" in page
    assert "| `interval_ns` | whole number > 0 | required | A length of time in nanoseconds. |" in page
    assert "| `side` | `buy`, `sell`, `unknown` | required | Which way the taker went. |" in page
    assert (
        "| `price` | exact number or null | `null` | The limit, in quote currency; None for a market order. |" in page
    )
    assert "| `sequence` | whole number ≥ 0 | `0` | The venue's last update id; 0 where it has none. |" in page


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_event_and_its_fields_say_what_they_are(cls: type[Event]) -> None:
    assert cls.__doc__
    assert inspect.getmodule(cls).__doc__
    for name, text in field_docs(cls).items():
        assert text.endswith("."), f"{name} says nothing of itself"
        assert not text.startswith("Exact;"), f"{name} has no unit"
