"""What waits to be written: made on the event loop at the price of a snapshot, encoded in the writer's thread."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec

from quantai.core.account import AccountChange
from quantai.events import Event, OrderEvent
from quantai.oms.journal.base import Note, Written

ORDER_FIELDS = (
    "client_order_id",
    "strategy",
    "venue",
    "symbol",
    "side",
    "order_type",
    "quantity",
    "price",
    "time_in_force",
    "cause",
    "ts_submitted",
    "trigger_price",
    "reduce_only",
    "parent_order_id",
    "is_parent",
    "state",
    "venue_order_id",
    "is_sent",
    "is_accepted",
    "filled_quantity",
    "filled_value",
    "ts_last",
    "reason",
    "change",
    "options",
    "at_venue",
)
"""What is kept of an order, in the order of the columns; its trade ids are in its fills."""

snapshot = attrgetter(*ORDER_FIELDS)
"""The fields of an order as they are now."""


class OrderItem(msgspec.Struct, frozen=True, gc=False):
    """An order's event, the order as it was then, and what the event made of the account."""

    order: tuple[Any, ...]
    event: OrderEvent
    account: AccountChange | None


class AccountItem(msgspec.Struct, frozen=True, gc=False):
    """What an event, which is no order's, made of the account."""

    event: Event
    account: AccountChange


class Setting(msgspec.Struct, frozen=True, gc=False):
    """A setting that replaces what was under its key."""

    key: str
    value: str


Item = OrderItem | AccountItem | Setting | Note


class Entry(msgspec.Struct, gc=False, eq=False):
    """Something to write. The writer reads `number` and `item`; `then` and `given_s`, when it was given by the loop's
    clock, are the loop's own.

    Numbers grow by one from entry to entry, across runs too. They are the sequence of what is stored.
    """

    number: int
    item: Item
    then: Written | None
    given_s: float
