"""What a start finds in a journal."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from quantai.core.errors import StartupError
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import queries
from quantai.oms.journal.base import Recovered
from quantai.oms.journal.stored import StoredOrder

logger = logging.getLogger(__name__)

_NAMED = 5


def recover(connection: Connection, catalogue: InstrumentCatalogue, max_closed: int) -> tuple[Recovered, int]:
    """All open orders with their families, the newest `max_closed` closed ones, the account and the settings; and how
    many closed orders were left out, because nobody configures their instrument.

    Raises `StartupError` where an open order is of such an instrument.
    """
    stored = queries.recent_orders(connection, max_closed)
    unknown = [order for order in stored if (order.venue, order.symbol) not in catalogue]
    _refuse_open([order for order in unknown if order.state.is_open])
    if unknown:
        logger.warning("%d closed orders are of instruments that nobody configures: they are left out", len(unknown))
    known = [order for order in stored if (order.venue, order.symbol) in catalogue]
    trade_ids = queries.recent_trade_ids(connection, max_closed)
    orders = [
        order.to_order(catalogue.get(order.venue, order.symbol), trade_ids.get(order.client_order_id, ()))
        for order in known
    ]
    return Recovered(orders, queries.account(connection), queries.settings(connection)), len(unknown)


def _refuse_open(orders: list[StoredOrder]) -> None:
    if not orders:
        return
    instruments = sorted({f"{order.venue}:{order.symbol}" for order in orders})
    ids = ", ".join(order.client_order_id for order in orders[:_NAMED])
    raise StartupError(
        f"{len(orders)} open orders ({ids}{', ...' if len(orders) > _NAMED else ''}) are of instruments that are not "
        f"configured: {', '.join(instruments)}. Add them to instruments until these orders are closed"
    )
