"""Whatever becomes of a venue's messages: after quiescence and a comparison the books are what the venue says."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.events import FillEvent
from quantai.oms.models import Order
from quantai.oms.state_machine import AMENDABLE
from tests.oms.reconciliation.model import Core, ModelVenue, Resting
from tests.oms.world import PERP, SPOT, D

ACTIONS = (
    "submit", "submit", "submit", "trade", "trade", "trade", "cancel", "amend", "end", "stranger", "lose commands",
    "deliver", "shuffle", "drop", "wait", "wait", "reconnect", "down", "up", "reconcile",
)  # fmt: skip


class Chaos:
    """A core and two venues, and a source of trouble between them."""

    def __init__(self, core: Core, seed: int) -> None:
        self.core = core
        self.random = random.Random(seed)
        self.ours: list[Order] = []

    async def act(self, action: str) -> None:
        """Do one thing."""
        core, chance = self.core, self.random
        venue = chance.choice([core.binance, core.okx])
        there = [order for order in venue.orders if order.state.is_open]
        here = [order for order in self.ours if order.venue == venue.name and order.is_open]
        match action:
            case "submit":
                side, instrument = chance.choice([Side.BUY, Side.SELL]), SPOT if venue is core.binance else PERP
                self.ours.append(core.submit(side, str(chance.randint(1, 9)), "100", instrument=instrument))
            case "trade" if there:
                self._trade(venue, chance.choice(there))
            case "cancel" if here:
                core.orders.cancel(chance.choice(here))
            case "amend" if here:
                order = chance.choice(here)
                if order.state in AMENDABLE:
                    core.orders.amend(order, order.filled_quantity + chance.randint(1, 9), D(chance.randint(99, 101)))
            case "end" if there:
                venue.cancel_by_itself(chance.choice(there))
            case "stranger":
                symbol = SPOT.symbol if venue is core.binance else PERP.symbol
                venue.place("", symbol, chance.choice([Side.BUY, Side.SELL]), D(chance.randint(1, 9)), D(100))
            case "lose commands":
                venue.loses_commands = not venue.loses_commands
            case "deliver":
                venue.deliver()
            case "shuffle":
                chance.shuffle(venue.outbox)
                venue.outbox += chance.sample(venue.outbox, len(venue.outbox) // 2)
                venue.deliver()
            case "drop":
                venue.outbox = [report for report in venue.outbox if chance.random() < 0.5]
            case "wait":
                await core.wait(chance.choice([0.1, 1, 3, 7]))
            case "reconnect":
                venue.connection(False)
                venue.connection(True)
            case "down" | "up":
                venue.model.is_down = action == "down"
            case "reconcile":
                core.reconciler.request()

    def _trade(self, venue: ModelVenue, order: Resting) -> None:
        left = int(order.quantity - order.filled)
        if left > 0:
            venue.trade(order, str(self.random.randint(1, left)), "100", fee="0.25")

    async def settle(self) -> None:
        """Everything works again, and what is on its way arrives; then the books are compared."""
        for venue in (self.core.binance, self.core.okx):
            venue.loses_commands = venue.model.is_down = False
        for _ in range(3):
            await self.core.wait(60)
            self.core.binance.deliver()
            self.core.okx.deliver()
        await self.core.reconcile("binance")
        await self.core.reconcile("okx")


def check(core: Core, ours: list[Order]) -> None:
    """What must be true once nothing moves any more."""
    fills = [event for event in core.events if isinstance(event, FillEvent)]
    booked = Counter((fill.venue, fill.trade_id) for fill in fills)
    real = Counter((venue.name, fill.trade_id) for venue in (core.binance, core.okx) for fill in venue.fills)
    assert booked == real
    for venue, instrument in ((core.binance, SPOT), (core.okx, PERP)):
        own = [fill for fill in venue.fills if fill.symbol == instrument.symbol]
        net = sum((fill.quantity * fill.side.sign for fill in own), Decimal(0))
        assert core.portfolio.position(venue.name, instrument.symbol) == net
        for currency in ("USDT", "BTC"):
            assert core.portfolio.balance(venue.name, currency) == venue.balances.get(currency, Decimal(0))
        there = {order.venue_order_id: order for order in venue.orders}
        for order in core.orders.open_orders():
            if order.venue == venue.name:
                assert there[order.venue_order_id].state is order.state
                assert there[order.venue_order_id].filled == order.filled_quantity
                assert there[order.venue_order_id].quantity == order.quantity
        known = {order.venue_order_id for order in core.cache.open_orders() if order.venue == venue.name}
        assert {order.venue_order_id for order in venue.orders if order.state.is_open} == known
    sent = Counter(order.client_order_id for venue in (core.binance, core.okx) for order in venue.orders)
    assert not [name for name, times in sent.items() if name and times > 1]
    assert not {"balance", "position", "inferred_fill", "excess_fill"} & set(core.mismatches)
    assert all(order.client_order_id in sent or not order.is_open for order in ours)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(ACTIONS), max_size=40), st.integers(0, 2**32))
def test_after_quiescence_the_books_are_the_venues(actions: list[str], seed: int) -> None:
    async def run() -> None:
        core = Core()
        await core.start()
        chaos = Chaos(core, seed)
        for action in actions:
            await chaos.act(action)
        await chaos.settle()
        check(core, chaos.ours)
        before = len(core.events)
        await core.reconcile("binance")
        await core.reconcile("okx")
        assert len(core.events) == before
        await core.reconciler.stop()

    asyncio.run(run())
