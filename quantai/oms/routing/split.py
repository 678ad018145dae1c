"""Divides an order among venues: the cheapest next unit first, on each venue's grid and within its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.numbers import ZERO, plain, truncate_to_step
from quantai.instruments import Instrument
from quantai.oms.routing.ladder import Rung


@dataclass(frozen=True, slots=True)
class Offer:
    """What an order would meet at a venue: `rungs` from the first, `room` for at most so much (None: any), `price` in
    what a leg there is judged to be worth.
    """

    instrument: Instrument
    rungs: Sequence[Rung]
    price: Decimal
    overheads: dict[str, float]
    room: Decimal | None = None

    def most(self, quantity: Decimal) -> Decimal:
        """How much of `quantity` the venue could be given, on its grid."""
        limits = (quantity, self.room, self.instrument.max_quantity)
        return truncate_to_step(min(limit for limit in limits if limit is not None), self.instrument.lot_size)

    def complaint(self, quantity: Decimal) -> str:
        """Why a leg of `quantity` would be too small; empty where it is not."""
        instrument = self.instrument
        least = max(instrument.min_quantity, instrument.lot_size)
        if quantity < least:
            return f"{plain(quantity)} is below its min_quantity {plain(least)}"
        if instrument.notional(quantity, self.price) < instrument.min_notional:
            least = instrument.min_notional
            return f"{plain(quantity)} at {plain(self.price)} is below its min_notional {plain(least)}"
        return ""


def allocate(offers: Sequence[Offer], quantity: Decimal, max_legs: int) -> dict[int, Decimal]:
    """How much of `quantity` each of `offers` gets, by its index; nothing where it cannot be divided so that no leg is
    too small.

    What is left over is less than what any of them could still be given.
    """
    taking_part = [index for index, offer in enumerate(offers) if offer.most(quantity) > 0]
    while taking_part:
        legs = _legs(offers, taking_part, quantity)
        small = [index for index, size in legs.items() if offers[index].complaint(size)]
        if not small and len(legs) <= max_legs:
            return legs
        taking_part.remove(min(small or legs, key=lambda index: (legs[index], -offers[index].rungs[0].cost)))
    return {}


def _legs(offers: Sequence[Offer], taking_part: Sequence[int], quantity: Decimal) -> dict[int, Decimal]:
    rooms = {index: offers[index].most(quantity) for index in taking_part}
    legs: dict[int, Decimal] = {}
    left = quantity
    for index, size in _cheapest_first(offers, rooms, float(quantity)):
        legs[index] = truncate_to_step(min(Decimal(repr(size)), rooms[index]), offers[index].instrument.lot_size)
        left -= legs[index]
    # Lots leave a rest, which goes to the first that can hold it.
    for index in (*legs, *(index for index in taking_part if index not in legs)):
        held = legs.get(index, ZERO)
        more = truncate_to_step(min(left, rooms[index] - held), offers[index].instrument.lot_size)
        if more > 0:
            legs[index] = held + more
            left -= more
    return {index: size for index, size in legs.items() if size}


def _cheapest_first(offers: Sequence[Offer], rooms: dict[int, Decimal], quantity: float) -> list[tuple[int, float]]:
    """How much each gets where units are bought one by one, each where it costs least; the last served comes first."""
    rungs = sorted((rung.stage, rung.cost, index, rung.size) for index in rooms for rung in offers[index].rungs)
    room = {index: float(limit) for index, limit in rooms.items()}
    taken: dict[int, float] = {}
    for _, _, index, size in rungs:
        size = min(size, room[index], quantity)
        if size > 0:
            taken[index] = taken.pop(index, 0.0) + size  # moved to the end
            room[index] -= size
            quantity -= size
            if quantity <= 0:
                break
    return list(reversed(taken.items()))
