"""Cards: what a connector must do, each with what a venue must declare for it to apply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quantai.core.enums import OrderType, TimeInForce
from quantai.exchanges.base import Capabilities
from tests.venues.contract.stage import Stage
from tests.venues.contract.venue import VenueUnderTest

Run = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Need:
    """Something a venue may declare. A card whose needs are all declared runs, always."""

    what: str
    is_met: Callable[[VenueUnderTest], bool]


@dataclass(frozen=True)
class Card:
    """`id` never changes and is never used again; `run` fails where the connector does not do what `title` says."""

    id: str
    title: str
    needs: tuple[Need, ...]
    run: Run

    def lacking(self, venue: VenueUnderTest) -> str:
        """Why the card does not apply to `venue`; empty where it does."""
        return ", ".join(need.what for need in self.needs if not need.is_met(venue))


CARDS: dict[str, Card] = {}
"""All of them, by id, in the order in which they are written."""


def card(id: str, title: str, *needs: Need) -> Callable[[Run], Run]:
    """Make a function a card."""

    def add(run: Run) -> Run:
        assert id not in CARDS, f"card {id} is there already"
        CARDS[id] = Card(id, title, needs, run)
        return run

    return add


def _declared(what: str, is_met: Callable[[Capabilities], bool]) -> Need:
    return Need(what, lambda venue: is_met(venue.capabilities))


def channel(name: str) -> Need:
    """Market events of this kind are streamed."""
    return _declared(f"channel `{name}`", lambda can: name in can.channels)


def history(name: str) -> Need:
    """Market events of this kind can be downloaded."""
    return _declared(f"history of `{name}`", lambda can: name in can.history)


def order_type(kind: OrderType) -> Need:
    """Orders of this type are taken."""
    return _declared(f"order type `{kind}`", lambda can: kind in can.order_types)


def time_in_force(kind: TimeInForce) -> Need:
    """Orders of this lifetime are taken."""
    return _declared(f"time in force `{kind}`", lambda can: kind in can.time_in_force)


def option(word: str) -> Need:
    """The venue's own options have a way to say this, and declare it."""
    return Need(f"option for {word}", lambda venue: word in venue.options)


def setting(word: str) -> Need:
    """The exchange has parameters for this."""
    return Need(f"setting for {word}", lambda venue: word in venue.params)


def fact(word: str) -> Need:
    """The venue is so."""
    return Need(word, lambda venue: word in venue.facts)


LISTS = _declared("list of instruments", lambda can: can.lists_instruments)
AMEND = _declared("amend", lambda can: can.can_amend)
REDUCE_ONLY = _declared("reduce only", lambda can: can.can_reduce_only)
BATCH = _declared("orders in one message", lambda can: can.batch_size > 1)
DEAD_MAN = _declared("dead-man switch", lambda can: can.has_dead_man_switch)
TRADES = _declared("order entry", lambda can: bool(can.order_types))
CANCELS_ALL = Need("cancel of everything at once", lambda venue: venue.cancel_all is not None)
FETCHES_TRADES = Need("missed trades can be asked for", lambda venue: "missed_trades" in venue.requests)
LOSES_TRADES = Need("missed trades are lost", lambda venue: "missed_trades" not in venue.requests)
LIMITS_ORDERS = Need("limit of orders", lambda venue: venue.budgets[0] != venue.budgets[1])
DERIVATIVES = Need("derivatives", lambda venue: ":" in venue.symbols[0])
