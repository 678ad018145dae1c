"""At full load against a venue that enforces the published limits: not one request is one too many."""

from __future__ import annotations

import asyncio

import pytest

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.errors import VenueError
from quantai.exchanges.execution import ExecType
from quantai.exchanges.websocket.waiting import pause
from tests.venues.contract.binance import SPOT, USDM
from tests.venues.contract.stage import Stage, stage
from tests.venues.contract.trading import Trading, trading
from tests.venues.contract.venue import VenueUnderTest

ASKING = 8
OTHERS = 0.6
"""The part of the first windows that another program used."""
SHARE = 0.7


@pytest.mark.parametrize(("venue", "traders"), [(SPOT, 8), (USDM, 12)], ids=["spot", "usdm"])
async def test_full_load_is_never_too_much(venue: VenueUnderTest, traders: int) -> None:
    async with stage(venue) as there, trading(there) as desk:
        usage, (weight, orders) = there.loopback.usage, venue.budgets
        for name, client in zip(venue.budgets, venue.budget_clients, strict=True):
            usage.add(name, client, int(min(rule.limit for rule, _ in usage.used(name, client)) * OTHERS))
        await there.run(desk.account.balances())  # it learns of that
        work = [asyncio.ensure_future(_ask(desk)) for _ in range(ASKING)]
        work += [asyncio.ensure_future(_trade(desk, number)) for number in range(traders)]
        most = dict.fromkeys(venue.budgets, 0.0)
        for seconds, step_s in ((8, 0.025), (50, 0.5), (4, 0.025)):  # over the end of the minute
            for _ in range(seconds):
                await there.pass_time(1, step_s)
                _look(there, most)
        for task in work:
            task.cancel()
        await asyncio.wait(work)
        assert not there.loopback.counts["status_429"] + there.loopback.counts["status_418"]
        assert most[weight] > SHARE
        assert most[orders] > SHARE


def _look(there: Stage, most: dict[str, float]) -> None:
    for name, client in zip(there.venue.budgets, there.venue.budget_clients, strict=True):
        shares = [used / rule.limit for rule, used in there.loopback.usage.used(name, client)]
        most[name] = max(most[name], *shares)


async def _ask(desk: Trading) -> None:
    while True:
        try:
            await desk.account.balances()
        except VenueError:
            await pause(desk.stage.clock, NS_PER_SECOND)


async def _trade(desk: Trading, number: int) -> None:
    while True:
        order = desk.send(desk.resting(ticks=1_000 + number))
        while not desk.reports_of(order, ExecType.NEW, ExecType.REJECTED):
            await pause(desk.stage.clock, 10 * NS_PER_MS)
        if desk.reports_of(order, ExecType.NEW):
            desk.cancel(order)
            while not desk.reports_of(order, ExecType.CANCELED):
                await pause(desk.stage.clock, 10 * NS_PER_MS)
