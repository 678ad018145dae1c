"""The orders in memory."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderState
from quantai.oms.cache import OrderCache
from quantai.oms.models import Order
from tests.oms.world import World, request


def order(name: str, *, parent: str = "", venue_id: str = "") -> Order:
    made = World().orders.submit(replace(request(), parent_order_id=parent), name)
    made.venue_order_id = venue_id
    return made


def closed(made: Order) -> Order:
    made.state = OrderState.CANCELED
    return made


def test_orders_are_found_by_every_name_they_had() -> None:
    cache = OrderCache()
    one = order("a", venue_id="v1")
    cache.keep(one)
    one.venue_order_id = "v2"
    cache.keep(one)
    assert cache.get("a") is one
    assert cache.by_venue_id("binance", "v1") is one
    assert cache.by_venue_id("binance", "v2") is one
    assert cache.by_venue_id("okx", "v1") is None
    assert cache.get("b") is None


def test_open_and_closed_orders_come_in_their_order() -> None:
    cache = OrderCache()
    one, two, three = order("a"), order("b"), order("c")
    for each in (one, two, three, closed(two)):
        cache.keep(each)
    assert list(cache.open_orders()) == [one, three]
    assert list(cache.closed_orders()) == [two]
    two.state = OrderState.NEW
    cache.keep(two)
    assert list(cache.open_orders()) == [one, three, two]
    assert list(cache.closed_orders()) == []


def test_the_oldest_closed_orders_are_forgotten_with_all_their_names() -> None:
    forgotten: list[Order] = []
    cache = OrderCache(max_closed=1, on_forget=forgotten.append)
    still_open, one, two = order("o", venue_id="v0"), order("a", venue_id="v1"), order("b", venue_id="v2")
    for each in (still_open, closed(one), closed(two)):
        cache.keep(each)
    assert forgotten == [one]
    assert cache.forgotten == 1
    assert cache.get("a") is None
    assert cache.by_venue_id("binance", "v1") is None
    assert cache.by_venue_id("binance", "v2") is two
    assert cache.get("o") is still_open
    assert ("binance", "v1") not in cache._by_venue_id
    assert "a" not in cache._venue_ids


def test_children_are_kept_by_parent_and_forgotten_together() -> None:
    cache = OrderCache(max_closed=1)
    first, second, other = order("c1", parent="p"), order("c2", parent="p"), order("c3", parent="q")
    for each in (first, first, second, other):
        cache.keep(each)
    assert cache.children("p") == [first, second]
    assert cache.children("q") == [other]
    assert cache.children("") == []
    cache.keep(closed(first))
    cache.keep(closed(first))
    assert cache.children("p") == [first, second]
    cache.keep(closed(second))
    assert cache.children("p") == [first, second]  # of which is spoken just now
    cache.keep(closed(other))
    assert cache.children("p") == []
    assert "p" not in cache._children
    assert cache.forgotten == 2


def test_a_family_is_as_old_as_what_closed_last_of_it_and_forgotten_whole() -> None:
    forgotten: list[Order] = []
    cache = OrderCache(max_closed=3, on_forget=forgotten.append)
    parent, child, single = order("p"), order("c", parent="p"), order("s")
    cache.keep(child)
    for each in (parent, single, child):
        cache.keep(closed(each))
    assert list(cache.closed_orders()) == [single, parent, child]
    cache.keep(closed(order("x")))
    assert forgotten == [single]
    cache.keep(closed(order("y")))
    assert forgotten == [single, parent, child]
    assert (cache.get("p"), cache.get("c"), cache.children("p")) == (None, None, [])


def test_what_is_heard_of_an_old_order_does_not_make_memory_forget_its_family() -> None:
    cache = OrderCache(max_closed=1)
    parent, child = order("p"), order("c", parent="p")
    for each in (parent, child):
        cache.keep(each)
    for each in (parent, child, parent):  # the last is a fill that came late
        cache.keep(closed(each))
    assert cache.children("p") == [child]
    assert (cache.get("p"), cache.forgotten) == (parent, 0)


def test_an_order_that_is_held_is_not_forgotten_nor_is_its_family() -> None:
    cache = OrderCache(max_closed=0)
    parent, child = closed(order("p")), closed(order("c", parent="p"))
    assert cache.hold(child) is child
    assert cache.hold(child) is child
    for each in (parent, closed(order("x")), closed(order("y"))):
        cache.keep(each)
    assert (cache.get("p"), cache.get("c"), cache.get("x")) == (parent, child, None)
    cache.let_go(child)
    cache.keep(closed(order("z")))
    assert (cache.get("p"), cache.get("c")) == (None, None)


def test_who_holds_an_order_is_given_the_one_that_is_there() -> None:
    cache = OrderCache()
    here, twin = order("a"), order("a")
    cache.keep(here)
    assert cache.hold(twin) is here


def test_a_single_closed_order_keeps_its_place() -> None:
    cache = OrderCache()
    one, two = closed(order("a")), closed(order("b"))
    for each in (one, two, one):
        cache.keep(each)
    assert list(cache.closed_orders()) == [one, two]


@pytest.mark.parametrize(("closing", "open_one"), [("p", "c"), ("c", "p"), ("c", "d")])
def test_the_family_of_an_open_order_is_not_forgotten(closing: str, open_one: str) -> None:
    cache = OrderCache(max_closed=1)
    family = {"p": order("p"), "c": order("c", parent="p"), "d": order("d", parent="p")}
    relatives = [family[closing], family[open_one]]
    for each in (*relatives, closed(family[closing]), closed(order("x")), closed(order("y"))):
        cache.keep(each)
    assert cache.get(closing) is family[closing]
    assert cache.get("x") is None
    cache.keep(closed(family[open_one]))
    cache.keep(closed(order("z")))
    assert (cache.get(closing), cache.get("y")) == (None, None)
    assert len(list(cache.closed_orders())) == 1


def test_a_forgotten_parent_takes_the_list_of_its_children_along() -> None:
    cache = OrderCache(max_closed=1)
    child, parent = closed(order("c", parent="p")), closed(order("p"))
    for each in (child, parent, child, closed(order("o"))):
        cache.keep(each)
    assert cache.get("p") is None
    assert cache.children("p") == []
    cache.keep(closed(order("z")))
    assert cache._children == {}


def test_listeners_hear_of_every_change() -> None:
    cache = OrderCache()
    seen: list[tuple[str, str]] = []
    cache.on_change(lambda order: seen.append((order.client_order_id, order.state.value)))
    one = order("a")
    cache.keep(one)
    cache.keep(closed(one))
    assert seen == [("a", "PENDING_NEW"), ("a", "CANCELED")]


def test_a_name_that_a_venue_gave_again_stays_with_the_newer_order() -> None:
    cache = OrderCache(max_closed=1)
    one, two, three = order("a", venue_id="v1"), order("b", venue_id="v1"), order("c")
    for each in (closed(one), closed(two)):
        cache.keep(each)
    assert cache.get("a") is None
    assert cache.by_venue_id("binance", "v1") is two
    cache.keep(closed(three))
    assert cache.by_venue_id("binance", "v1") is None


def test_what_an_earlier_run_left_is_forgotten_only_when_all_of_it_is_known() -> None:
    forgotten: list[Order] = []
    cache = OrderCache(max_closed=1, on_forget=forgotten.append)
    heard: list[Order] = []
    cache.on_change(heard.append)
    entry, leg = closed(order("a")), order("z", parent="a")
    others = [closed(order(name)) for name in "bcdefgh"]
    cache.restore([entry, *others, leg])
    assert heard == [entry, *others, leg]
    assert cache.get("a") is entry
    assert forgotten == others[:-1]
    assert list(cache.closed_orders()) == [others[-1], entry]


def test_a_child_that_comes_back_alone_is_forgotten_alone() -> None:
    cache = OrderCache(max_closed=1)
    child, parent = closed(order("c", parent="p")), closed(order("p"))
    for each in (child, parent, closed(order("x")), child):
        cache.keep(each)
    assert (cache.get("p"), cache.children("p")) == (None, [child])
    cache.keep(closed(order("y")))
    assert cache.get("c") is None
    assert cache._children == {}
    assert len(list(cache.closed_orders())) == 1


def test_no_more_is_forgotten_than_is_too_much() -> None:
    cache = OrderCache(max_closed=1)
    family = [closed(order("p")), *(closed(order(name, parent="p")) for name in "abc")]
    cache.restore([*family, closed(order("x"))])
    assert [each.client_order_id for each in cache.closed_orders()] == ["x"]
    assert cache.forgotten == 4
