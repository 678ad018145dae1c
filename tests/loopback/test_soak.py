"""A market, random faults, and a client that must find out what became of its orders: the books stay exact."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import aiohttp

from quantai.core.clock import SimulatedClock
from quantai.loopback.engine import SpotAccount
from quantai.loopback.server.fault_plan import FaultPlan
from quantai.loopback.server.faults import FaultKind
from tests.venues.running import BALANCES, Client, running_venue

_ORDERS = 150
_START_NS = 1_790_000_000 * 10**9
_REQUEST_NS = 100_000_000
"""How much time passes for the venue from request to request: a fault every fifth, however slow the machine is."""
_REPLY_KINDS = (FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER, FaultKind.HANG_UP_BEFORE, FaultKind.HANG_UP_AFTER)


async def test_every_order_is_found_by_its_client_id_or_was_never_taken() -> None:
    clock = SimulatedClock(_START_NS)
    async with running_venue(clock=clock, source_of=None) as venue, Client(venue) as client:
        plan = FaultPlan(venue.faults, clock, seed=5, mean_seconds=0.5, kinds=_REPLY_KINDS)
        plan.start()
        draw = random.Random(1)
        known: set[str] = set()
        for number in range(_ORDERS):
            name = f"order{number}"
            if await _certain(client, clock, name, draw.choice(["BUY", "SELL"])):
                known.add(name)
        plan.stop()
        venue.clear_faults()
        account = venue.engine.accounts["main"]
        assert isinstance(account, SpotAccount)
        assert {order.client_id for order in account.orders.values()} == known
        assert sum(venue.faults.counts.values()) > 30
        assert len(known) > 30
        for asset, start in BALANCES.items():
            assert account.balances[asset].total == start + _moved(account, asset)


async def _certain(client: Client, clock: SimulatedClock, name: str, side: str) -> bool:
    """Place once, then ask until the venue says whether it has the order."""
    order = {"symbol": "BTCUSDT", "side": side, "type": "MARKET", "quantity": "0.001", "newClientOrderId": name}
    await _tried(client, clock, "POST", **order)
    while True:
        answer = await _tried(client, clock, "GET", symbol="BTCUSDT", origClientOrderId=name)
        if answer is not None and answer[0] in (200, 400):
            assert answer[0] == 200 or answer[1]["code"] == -2013
            return bool(answer[0] == 200)


async def _tried(client: Client, clock: SimulatedClock, method: str, **params: Any) -> tuple[int, Any] | None:
    clock.advance_to(clock.now_ns() + _REQUEST_NS)
    try:
        return await client.ask(method, "/api/v3/order", signed=True, **params)
    except aiohttp.ClientError:
        return None


def _moved(account: SpotAccount, asset: str) -> Decimal:
    """What the fills moved of an asset, fees included."""
    total = Decimal(0)
    for order, fill in account.fills:
        base, quote = account.assets_of(order)
        total += order.side.sign * fill.quantity if asset == base else Decimal(0)
        total -= order.side.sign * fill.quote if asset == quote else Decimal(0)
        total -= fill.fee if asset == fill.fee_asset else Decimal(0)
    return total
