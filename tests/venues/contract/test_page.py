"""The page of cards is what the cards are, and everything that a connector declares has a card."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.venues.contract.all_cards import CARDS
from tests.venues.contract.binance import VENUES
from tests.venues.contract.page import venue_contract
from tests.venues.contract.venue import VenueUnderTest

_WHATS = {need.what for card in CARDS.values() for need in card.needs}


def test_the_page_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs/venue_contract.md"
    assert page.read_text(encoding="utf-8") == venue_contract()


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.name)
def test_everything_that_is_declared_has_a_card(venue: VenueUnderTest) -> None:
    can = venue.capabilities
    assert {f"channel `{name}`" for name in can.channels} <= _WHATS
    assert {f"history of `{name}`" for name in can.history} <= _WHATS
    assert {f"order type `{kind}`" for kind in can.order_types} <= _WHATS
    # Good till cancelled is what every order of the suite is that says nothing else.
    assert {f"time in force `{kind}`" for kind in can.time_in_force if kind != "GTC"} <= _WHATS


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.name)
def test_every_option_that_is_declared_is_tried_or_named_as_beyond_the_suite(venue: VenueUnderTest) -> None:
    tried = {word for word in venue.options if f"option for {word}" in _WHATS}
    assert tried == set(venue.options)
    # A connector may take what orders here are not offered, such as what risk could not weigh.
    assert venue.option_names(sorted(tried)) | set(venue.beyond) >= venue.capabilities.order_options
    assert not venue.option_names(sorted(tried)) & set(venue.beyond)


def test_cards_are_told_apart_by_their_ids() -> None:
    assert all(card.id[0] in "DE" and card.id[1:].isdigit() for card in CARDS.values())
    assert len({card.title for card in CARDS.values()}) == len(CARDS)
