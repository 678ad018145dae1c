"""`docs/venue_contract.md`: which card applies where. `make docs` writes it, the suite makes it true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.venues.contract.all_cards import CARDS
from tests.venues.contract.binance import VENUES
from tests.venues.contract.cards import Card
from tests.venues.contract.venue import VenueUnderTest

_HEAD = """# The venue contract

What a connector must do, as cards. Each is a test that runs against every venue that declares what the card needs, over
real sockets to a loopback venue (`tests/venues/contract`). `pass`: it applies, and the suite fails where it does not
hold. `-`: the connector does not declare the thing that is named, so the card does not apply. Nothing is skipped.
`make docs` writes this page from the cards.

"""
_PARTS = {"D": "Market data", "E": "Execution"}


def venue_contract() -> str:
    """The page."""
    return _HEAD + "\n".join([*_summary(), *_tables(CARDS.values(), VENUES), *_beyond()])


def _summary() -> list[str]:
    rows = ["| venue | cards that apply | of |", "|---|---|---|"]
    for venue in VENUES:
        applying = sum(not card.lacking(venue) for card in CARDS.values())
        rows.append(f"| `{venue.name}` | {applying} | {len(CARDS)} |")
    return [*rows, ""]


def _tables(cards: Iterable[Card], venues: Sequence[VenueUnderTest]) -> list[str]:
    lines = []
    cards = list(cards)
    for prefix, title in _PARTS.items():
        names = " | ".join(f"`{venue.name}`" for venue in venues)
        lines += [f"## {title}", "", f"| card | what it says | {names} |", "|---" * (len(venues) + 2) + "|"]
        for card in sorted((each for each in cards if each.id.startswith(prefix)), key=lambda each: int(each.id[1:])):
            cells = " | ".join(f"- ({card.lacking(venue)})" if card.lacking(venue) else "pass" for venue in venues)
            lines.append(f"| {card.id} | {card.title} | {cells} |")
        lines.append("")
    return lines


def _beyond() -> list[str]:
    lines = ["## Beyond the suite", "", "Options that are declared and that no card can try:", ""]
    for venue in VENUES:
        lines += [f"- `{venue.name}` `{name}`: {why}" for name, why in venue.beyond.items()]
    return [*lines, ""]
