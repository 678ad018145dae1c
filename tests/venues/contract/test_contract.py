"""Every card against every venue that declares what it needs."""

from __future__ import annotations

import pytest

from tests.venues.contract.all_cards import CARDS
from tests.venues.contract.binance import VENUES
from tests.venues.contract.cards import Card
from tests.venues.contract.stage import stage
from tests.venues.contract.venue import VenueUnderTest

_RUNS = [
    pytest.param(venue, card, id=f"{venue.name}-{card.id}-{card.run.__name__}")
    for venue in VENUES
    for card in CARDS.values()
    if not card.lacking(venue)
]


@pytest.mark.parametrize(("venue", "card"), _RUNS)
async def test_contract(venue: VenueUnderTest, card: Card) -> None:
    async with stage(venue) as made:
        await card.run(made)
