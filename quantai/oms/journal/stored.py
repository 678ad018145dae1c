"""Orders as they lie in a journal, and how they become orders again."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Row

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.instruments import Instrument
from quantai.oms.journal.entries import ORDER_FIELDS
from quantai.oms.models import Change, Order
from quantai.oms.options import Options, read_options

_OF_INSTRUMENT = {"venue", "symbol"}


class StoredOrder(msgspec.Struct, frozen=True, gc=False):
    """An order as it was last, with the fields of `Order`; `number` grows from order to order."""

    number: int
    client_order_id: str
    strategy: str
    venue: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    cause: str
    ts_submitted: int
    trigger_price: Decimal | None
    reduce_only: bool
    parent_order_id: str
    is_parent: bool
    state: OrderState
    venue_order_id: str
    is_sent: bool
    is_accepted: bool
    filled_quantity: Decimal
    filled_value: Decimal
    ts_last: int
    reason: str
    change: Change | None
    options: Options = ()
    at_venue: bool = False

    @classmethod
    def of_row(cls, row: Row[Any]) -> StoredOrder:
        """The order in a row of the table of orders."""
        changed = row.change_quantity
        return cls(
            row.number, row.client_order_id, row.strategy, row.venue, row.symbol, Side(row.side),
            OrderType(row.order_type), Decimal(row.quantity), _maybe(row.price), TimeInForce(row.time_in_force),
            row.cause, row.ts_submitted, _maybe(row.trigger_price), row.reduce_only, row.parent_order_id, row.is_parent,
            OrderState(row.state), row.venue_order_id, row.is_sent, row.is_accepted, Decimal(row.filled_quantity),
            Decimal(row.filled_value), row.ts_last, row.reason,
            None if changed is None else Change(Decimal(changed), _maybe(row.change_price)),
            read_options(row.options), row.at_venue,
        )  # fmt: skip

    def to_order(self, instrument: Instrument, trade_ids: Iterable[str]) -> Order:
        """The order itself."""
        fields = {name: getattr(self, name) for name in ORDER_FIELDS if name not in _OF_INSTRUMENT}
        return Order(instrument=instrument, trade_ids=set(trade_ids), **fields)


def _maybe(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
