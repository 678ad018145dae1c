"""An order manager whose every command and event is looked at, to the letter."""

from __future__ import annotations

from typing import Any

from quantai.core.account import AccountChange
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.events import (
    Event,
    OrderEvent,
)
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import MemoryJournal, Note, Written
from quantai.oms.models import Order, OrderRequest
from tests.oms.world import BTC, SPOT, START_NS, D, World

CAUSE = "market.tick.binance.BTC/USDT@1"
LATER_NS = START_NS + 1_000


class Journal(MemoryJournal):
    """Keeps what is durable for later, as a disk does; can be down or broken."""

    is_durable = True

    def __init__(self) -> None:
        self.kept: list[tuple[str, OrderEvent]] = []
        self.waiting: list[Written] = []
        self.notes: list[Note] = []
        self.is_broken = False

    def append(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        if self.is_broken:
            raise RuntimeError("broken")
        self.kept.append((order.client_order_id, event))
        if then is not None:
            self.waiting.append(then)

    def note(self, note: Note) -> None:
        if self.is_broken:
            raise RuntimeError("broken")
        self.notes.append(note)

    def answer(self, is_durable: bool = True) -> None:
        waiting, self.waiting = self.waiting, []
        for then in waiting:
            then(is_durable)


def ask(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "strategy": "alpha", "instrument": SPOT, "side": Side.SELL, "order_type": OrderType.LIMIT, "quantity": D(2),
        "price": D(101), "time_in_force": TimeInForce.POST_ONLY, "cause": CAUSE, "reduce_only": True,
        "parent_order_id": "p1",
    }  # fmt: skip
    return OrderRequest(**(fields | changes))


STOP = ask(order_type=OrderType.STOP_LIMIT, trigger_price=D(99))


def head(order: Order, ts_event: int = LATER_NS, cause: str = CAUSE) -> tuple[str, str, str, str, int, int, str]:
    return (order.client_order_id, "alpha", "binance", "BTC/USDT", ts_event, LATER_NS, cause)


def holding(journal: Journal | None = None) -> World:
    """A world in which there is enough to sell."""
    world = World(journal=journal)
    for instrument in (SPOT, BTC):
        world.traded(Side.BUY, "50", instrument=instrument)
    for venue in world.venues.values():
        venue.submitted.clear()
    world.events.clear()
    if journal is not None:
        journal.answer()
        journal.notes.clear()
    return world


def later(world: World) -> list[Event]:
    """What happens from now on, a moment later."""
    world.clock.set_time(LATER_NS)
    world.events.clear()
    return world.events


def resting(world: World, **changes: Any) -> Order:
    order = world.orders.submit(ask(**changes))
    world.report(order, ExecType.NEW, venue_order_id="v1")
    return order
