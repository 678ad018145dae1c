"""The venue's countdown runs while the daemon does not, and is begun anew while it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.errors import StartupError
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.binance.dead_man import DeadManSwitch
from quantai.exchanges.binance.execution import BinanceExecution
from quantai.exchanges.binance.product import SPOT, USDM
from quantai.exchanges.http_request import HttpRequest
from tests.exchanges.binance.private_world import World, instruments, make_core, world

WHERE = "POST /fapi/v1/countdownCancelAll"
SYMBOLS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]


@asynccontextmanager
async def switched(countdown_s: int = 30) -> AsyncIterator[tuple[World, SimulatedClock, DeadManSwitch]]:
    clock = SimulatedClock(10**18)
    async with world(USDM, clock=clock) as there:
        there.rest.answer(WHERE, {"symbol": "BTCUSDT", "countdownTime": "30000"})
        yield there, clock, DeadManSwitch(there.core, SYMBOLS, countdown_s * NS_PER_SECOND)


def countdowns(there: World) -> list[tuple[str, str]]:
    return sorted((params["symbol"], params["countdownTime"]) for params in there.rest.asked(WHERE))


async def test_it_is_set_refreshed_at_each_third_and_switched_off() -> None:
    async with switched() as (there, clock, switch):
        await switch.start()
        assert countdowns(there) == [("BTCUSDT", "30000"), ("ETHUSDT", "30000")]
        clock.advance_to(10**18 + 9 * NS_PER_SECOND)
        assert len(countdowns(there)) == 2
        clock.advance_to(10**18 + 10 * NS_PER_SECOND)
        await there.until(lambda: switch.counts["refreshed"] == 1)
        assert len(countdowns(there)) == 4
        await switch.stop()
        assert [each for each in countdowns(there) if each[1] == "0"] == [("BTCUSDT", "0"), ("ETHUSDT", "0")]
        clock.advance_to(10**18 + 100 * NS_PER_SECOND)
        assert len(countdowns(there)) == 6


async def test_a_daemon_that_hangs_lets_it_run_out() -> None:
    async with switched() as (there, _, switch):
        await switch.start()
        assert len(countdowns(there)) == 2  # no timer fires while the clock stands
        await switch.stop()


async def test_a_refresh_that_fails_is_told_and_the_next_one_tried() -> None:
    async with switched() as (there, clock, switch):
        await switch.start()
        there.rest.answer(WHERE, (400, {"code": -1121, "msg": "Invalid symbol."}))
        clock.advance_to(10**18 + 10 * NS_PER_SECOND)
        await there.until(lambda: switch.counts["failed"] == 1)
        there.rest.answer(WHERE, {})
        clock.advance_to(10**18 + 20 * NS_PER_SECOND)
        await there.until(lambda: switch.counts["refreshed"] == 1)
        await switch.stop()


async def test_a_refresh_without_an_answer_leaves_time_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with switched(countdown_s=30) as (there, _, switch):
        requests: list[HttpRequest] = []

        async def call(request: HttpRequest, type_: Any) -> None:
            requests.append(request)

        monkeypatch.setattr(there.core.http, "call", call)
        await switch.start()
        assert {each.timeout_ns for each in requests} == {5 * NS_PER_SECOND}
        assert all(each.can_repeat for each in requests)
        await switch.stop()


async def test_without_the_venues_word_nothing_starts() -> None:
    async with switched() as (there, _, switch):
        there.rest.answer(WHERE, (400, {"code": -2015, "msg": "Invalid API-key"}))
        with pytest.raises(StartupError, match="countdown"):
            await switch.start()
        await switch.stop()
        assert sorted(each[1] for each in countdowns(there)) == ["0", "0", "30000", "30000"]  # none is left running


def test_one_that_takes_too_much_of_the_budget_is_refused() -> None:
    with pytest.raises(StartupError, match="request weight"):
        DeadManSwitch(make_core(USDM), [f"S{number}" for number in range(200)], 30 * NS_PER_SECOND)


def test_it_is_off_unless_asked_for_and_spot_has_none() -> None:
    context = ExchangeContext("binance", instruments(USDM))
    assert BinanceExecution(make_core(USDM), context)._switch is None
    assert BinanceExecution(make_core(USDM), context, countdown_ns=30 * NS_PER_SECOND)._switch is not None
    assert BinanceExecution(make_core(SPOT), ExchangeContext("binance"), countdown_ns=NS_PER_SECOND)._switch is None
