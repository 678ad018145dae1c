"""How an order is divided among venues."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.oms.routing.ladder import Rung
from quantai.oms.routing.split import Offer, allocate
from tests.oms.routing.scene import D, listed


def offer(
    *rungs: tuple[float, float], lot: str = "0.1", room: str | None = None, price: str = "100", **more: Any
) -> Offer:
    """A venue with `rungs` of cost and size; the last holds anything."""
    *first, (cost, _) = rungs
    ladder = [*(Rung(0, each, size, each) for each, size in first), Rung(0, cost, math.inf, cost)]
    return Offer(listed("x", lot=lot, **more), ladder, D(price), {}, None if room is None else D(room))


def test_the_cheapest_next_unit_comes_first() -> None:
    offers = [offer((100, 1), (102, 1), (110, 0)), offer((101, 2), (103, 0))]
    assert allocate(offers, D("1"), 2) == {0: D("1.0")}
    assert allocate(offers, D("2"), 2) == {0: D("1.0"), 1: D("1.0")}
    assert allocate(offers, D("4"), 2) == {0: D("2.0"), 1: D("2.0")}
    assert allocate(offers, D("5"), 2) == {0: D("2.0"), 1: D("3.0")}


def test_a_later_stage_waits_for_all_of_the_one_before() -> None:
    resting, taking = Rung(1, 90, math.inf, 90), Rung(0, 100, 1, 100)
    offers = [Offer(listed("x"), [taking, resting], D(100), {}), Offer(listed("y"), [Rung(0, 99, 1, 99)], D(100), {})]
    assert allocate(offers, D("1.5"), 2) == {0: D("0.500"), 1: D("1.000")}


def test_legs_lie_on_their_own_grids_and_a_rest_goes_where_it_fits() -> None:
    offers = [offer((100, 0.75), (105, 0), lot="0.1"), offer((101, 0), lot="0.01")]
    assert allocate(offers, D("1.5"), 2) == {0: D("0.7"), 1: D("0.80")}


def test_a_rest_goes_to_the_venue_served_last() -> None:
    offers = [offer((100, 0.75), (105, 0)), offer((101, 0.75), (106, 0))]
    assert allocate(offers, D("1.5"), 2) == {0: D("0.7"), 1: D("0.8")}


def test_floats_below_a_lot_lose_nothing() -> None:
    offers = [offer((100, 0.1 + 0.2), (105, 0)), offer((101, 0))]
    assert allocate(offers, D("0.6"), 2) == {0: D("0.3"), 1: D("0.3")}


def test_room_is_not_exceeded() -> None:
    offers = [offer((100, 0), room="0.55"), offer((101, 0), room="9")]
    assert allocate(offers, D("1"), 2) == {0: D("0.5"), 1: D("0.5")}
    assert allocate(offers[:1], D("1"), 2) == {0: D("0.5")}
    assert allocate([offer((100, 0), room="0.05")], D("1"), 2) == {}
    assert allocate([offer((100, 0), max_quantity=D("0.4"))], D("1"), 2) == {0: D("0.4")}


def test_no_leg_is_below_a_minimum() -> None:
    offers = [offer((100, 0.9), (105, 0)), offer((101, 0), min_quantity=D("0.2"))]
    assert allocate(offers, D("1"), 2) == {0: D("1.0")}
    assert allocate(offers, D("1.1"), 2) == {0: D("0.9"), 1: D("0.2")}
    offers[1] = offer((101, 0), min_notional=D(20))
    assert allocate(offers, D("1"), 2) == {0: D("1.0")}
    assert allocate(offers, D("1.1"), 2) == {0: D("0.9"), 1: D("0.2")}


def test_where_every_leg_would_be_too_small_there_is_none() -> None:
    offers = [offer((100, 0.5), (105, 0), min_quantity=D(2)), offer((101, 0), min_quantity=D(2))]
    assert allocate(offers, D("1"), 2) == {}
    assert allocate([], D("1"), 2) == {}


def test_the_smallest_of_too_many_legs_is_given_up() -> None:
    offers = [offer((100, 2), (109, 0)), offer((101, 1), (109, 0)), offer((102, 0))]
    assert allocate(offers, D("6"), 3) == {0: D("2.0"), 1: D("1.0"), 2: D("3.0")}
    assert allocate(offers, D("6"), 2) == {0: D("2.0"), 2: D("4.0")}
    assert allocate(offers, D("6"), 1) == {2: D("6.0")}


def test_why_a_leg_is_too_small() -> None:
    small = offer((100, 0), min_quantity=D("0.5"), min_notional=D(100))
    assert small.complaint(D("0.4")) == "0.4 is below its min_quantity 0.5"
    assert small.complaint(D("0.9")) == "0.9 at 100 is below its min_notional 100"
    assert small.complaint(D(1)) == ""
    assert offer((100, 0)).complaint(D(0)) == "0 is below its min_quantity 0.1"
    assert offer((100, 0)).complaint(D("0.1")) == ""


def test_how_much_a_venue_could_be_given() -> None:
    assert offer((100, 0)).most(D("1.29")) == D("1.2")
    assert offer((100, 0), room="0.77").most(D("1.29")) == D("0.7")
    assert offer((100, 0), room="5", max_quantity=D("0.6")).most(D("1.29")) == D("0.6")


LOTS = st.sampled_from(["0.1", "0.01", "0.25", "1"])
OFFERS = st.builds(
    lambda rungs, lot, room: offer(*sorted(rungs), (1000, 0), lot=lot, room=room),
    st.lists(st.tuples(st.floats(90, 110), st.floats(0.01, 5)), max_size=4),
    LOTS,
    st.none() | st.decimals(0, 10, places=2).map(str),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(OFFERS, min_size=1, max_size=4), st.decimals("0.01", 20, places=2), st.integers(1, 4))
def test_legs_never_exceed_order_room_grid_or_number(offers: list[Offer], quantity: Decimal, max_legs: int) -> None:
    legs = allocate(offers, quantity, max_legs)
    assert len(legs) <= max_legs
    assert sum(legs.values(), D(0)) <= quantity
    for index, size in legs.items():
        assert size > 0
        assert size % offers[index].instrument.lot_size == 0
        room = offers[index].room
        assert room is None or size <= room
    if all(each.room is None for each in offers) and max_legs == 4:
        assert quantity - sum(legs.values(), D(0)) < min(each.instrument.lot_size for each in offers)
