"""Builds what keeps emulated stops, brackets and OCO pairs."""

from __future__ import annotations

from quantai.assembly.graph import Markets
from quantai.core.identifiers import ClientOrderIds
from quantai.data.derive import topic_of
from quantai.oms.contingent import ContingentOrders
from quantai.oms.order_manager import OrderManager


def build_contingent(markets: Markets, orders: OrderManager, ids: ClientOrderIds) -> ContingentOrders:
    """`ids` are those of `orders`. Stops watch what fills orders: ticks and trades, or bars where there is nothing
    finer.
    """
    topics = {
        (plan.instrument.venue, plan.instrument.symbol): [topic_of(event, plan.instrument) for event in plan.fills]
        for plan in markets.plans
    }
    return ContingentOrders(orders, bus=markets.bus, clock=markets.clock, market=markets.view, ids=ids, topics=topics)
