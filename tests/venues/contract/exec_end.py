"""Execution cards: the dead-man switch, keys, the end."""

from __future__ import annotations

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import Side
from quantai.core.errors import StartupError
from quantai.exchanges.execution import ExecType
from quantai.loopback.server.faults import FaultKind
from tests.venues.contract.cards import DEAD_MAN, TRADES, card
from tests.venues.contract.stage import WRONG_SECRET, Stage
from tests.venues.contract.trading import SMALL, is_open, trading


@card("E120", "The venue cancels everything by itself where the daemon hangs", DEAD_MAN)
async def dead_man_strikes(stage: Stage) -> None:
    async with trading(stage, **stage.venue.params["dead-man switch"]) as there:
        order = await there.rest()
        stage.break_(FaultKind.HANG_UP_BEFORE, stage.venue.requests["countdown"], count=1_000)
        hung_ns = stage.clock.now_ns()
        await there.told(order, ExecType.CANCELED)
        assert stage.clock.now_ns() - hung_ns <= 10 * NS_PER_SECOND


@card("E121", "The dead-man switch leaves the orders of a daemon that lives alone, and ends with it", DEAD_MAN)
async def dead_man_sleeps(stage: Stage) -> None:
    async with trading(stage, **stage.venue.params["dead-man switch"]) as there:
        order = await there.rest()
        await stage.pass_time(30, 0.1)
        assert is_open(there.at_venue(order))
    await stage.pass_time(30, 0.1)
    assert is_open(there.at_venue(order))


@card(
    "E130",
    "A wrong secret is an error of `start`, and nothing is left running",
    TRADES,
)
async def wrong_secret(stage: Stage) -> None:
    exchange = await stage.exchange(secret=WRONG_SECRET)
    connector = exchange.get_execution_connector()
    connector.on_report(lambda report: None)
    began_ns = stage.clock.now_ns()
    try:
        with pytest.raises(StartupError):
            await stage.run(connector.start())
    finally:
        await stage.run(connector.stop())
    assert stage.clock.now_ns() - began_ns < 5 * NS_PER_SECOND


@card("E131", "`stop` waits for answers that are due, and after it nothing is reported", TRADES)
async def clean_stop(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.send(there.resting())
        await stage.run(there.connector.stop())
        assert there.reports_of(order, ExecType.NEW)
        reported = len(there.reports)
        there.elsewhere(Side.BUY, SMALL, stage.best(Side.SELL))
        await stage.pass_time(1)
        assert len(there.reports) == reported


@card("E132", "How the venue does is known: latency, and what is left of the limits", TRADES)
async def health(stage: Stage) -> None:
    async with trading(stage) as there:
        before = there.connector.health().rate_headroom
        for number in range(5):
            await there.rest(ticks=1_000 + number)
        after = there.connector.health()
        assert 0 < after.rate_headroom < before <= 1
        assert after.latency_ns > 0
