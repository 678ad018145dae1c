"""What the memory journal keeps, and what it lets go."""

from __future__ import annotations

import pytest

from quantai.core.errors import OrderError
from quantai.events import OrderSubmittedEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import MemoryJournal
from quantai.oms.models import Order
from tests.oms.world import World


def test_open_orders_are_listed_oldest_first_and_closed_ones_as_they_closed() -> None:
    world = World()
    first, second, third = world.submit(), world.submit(), world.submit()
    world.report(third, ExecType.REJECTED)
    world.report(first, ExecType.REJECTED)
    assert list(world.journal.open_orders()) == [second]
    assert list(world.journal.closed_orders()) == [third, first]
    assert world.journal.get(first.client_order_id) is first
    assert world.journal.get("strange") is None


def test_only_so_many_closed_orders_are_kept_and_the_oldest_is_handed_over_first() -> None:
    forgotten: list[Order] = []
    journal = MemoryJournal(max_closed=1, on_forget=forgotten.append)
    world = World(journal=journal)
    orders = [world.submit() for _ in range(3)]
    for order in orders:
        world.report(order, ExecType.REJECTED)
    assert forgotten == orders[:2]
    assert journal.forgotten == 2
    assert list(journal.closed_orders()) == [orders[2]]
    assert journal.get(orders[0].client_order_id) is None


def test_open_orders_are_never_forgotten() -> None:
    world = World(journal=MemoryJournal(max_closed=1))
    orders = [world.submit() for _ in range(5)]
    assert list(world.journal.open_orders()) == orders


def test_a_late_fill_keeps_a_closed_order_in_its_place() -> None:
    world = World()
    first, second = world.submit(), world.submit()
    world.report(first, ExecType.CANCELED)
    world.report(second, ExecType.CANCELED)
    world.fill(first, "1")
    assert list(world.journal.closed_orders()) == [first, second]


def test_an_event_under_the_wrong_order_is_refused() -> None:
    world = World()
    one, other = world.submit(), world.submit()
    event = next(e for e in world.events if isinstance(e, OrderSubmittedEvent))
    assert event.client_order_id == one.client_order_id
    with pytest.raises(OrderError, match="journalled under"):
        world.journal.append(other, event)
