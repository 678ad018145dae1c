"""Execution cards: the private stream, the account, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, OrderType, Side
from quantai.core.errors import VenueError
from quantai.core.numbers import ZERO
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.loopback.server.faults import FaultKind
from tests.venues.contract.cards import DERIVATIVES, TRADES, card, fact
from tests.venues.contract.stage import START_NS, Stage
from tests.venues.contract.trading import SMALL, Trading, is_open, trading


async def _falls(there: Trading) -> None:
    there.stage.break_(FaultKind.CUT, "private")
    await there.stage.until(lambda: there.states[-1:] == [False], "it was not told that the private stream fell")


async def _stands(there: Trading, times: int) -> None:
    """It was told so many times that what happened meanwhile is to be asked for."""
    await there.stage.until(lambda: there.states.count(True) >= times, f"the private stream: {there.states}")


@card("E100", "A private stream that is cut is told, and told again when it stands", TRADES)
async def private_cut(stage: Stage) -> None:
    async with trading(stage) as there:
        assert there.states == [True]
        assert there.connector.health().is_connected
        await _falls(there)
        assert not there.connector.health().is_connected
        await _stands(there, 2)
        assert there.states == [True, False, True]
        await there.rest()


@card("E101", "Fills that were missed can be asked for, exactly, under the trade ids of the stream", TRADES)
async def missed_fills(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL * 3, ticks=-10)
        stage.take(Side.SELL, order.price or ZERO, SMALL)
        [seen] = await there.filled(order, SMALL)
        await _falls(there)
        stage.take(Side.SELL, order.price or ZERO, SMALL)
        await _stands(there, 2)
        stage.take(Side.SELL, order.price or ZERO, SMALL)
        await stage.until(lambda: len(there.reports_of(order, ExecType.TRADE)) >= 2)
        fills = await stage.run(there.account.fills(START_NS))
        assert [fill.quantity for fill in fills] == [SMALL] * 3
        streamed = [fill.trade_id for fill in there.reports_of(order, ExecType.TRADE)]
        assert streamed[0] == seen.trade_id
        assert set(streamed) < {fill.trade_id for fill in fills}


@card("E102", "Only fills since a time are told, where only those are asked for", TRADES)
async def fills_since(stage: Stage) -> None:
    async with trading(stage) as there:
        await there.filled(there.submit(Side.BUY, SMALL, stage.best(Side.SELL)))
        await stage.pass_time(10)
        since_ns = stage.clock.now_ns()
        await stage.pass_time(1)
        second = there.submit(Side.BUY, SMALL, stage.best(Side.SELL))
        await there.filled(second)
        [fill] = await stage.run(there.account.fills(since_ns))
        assert fill.venue_order_id == there.venue_id(second)


@card("E103", "Orders that ended during an outage are found as they ended", TRADES)
async def ended_in_an_outage(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest()
        await _falls(there)
        stage.loopback.engine.cancel(there.at_venue(order)[0])
        await _stands(there, 2)
        status = await there.find(order)
        assert status is not None
        assert status.state is OrderState.CANCELED


@card("E104", "The key of a private stream that expires costs nothing that cannot be asked for",
      fact("keys of private streams expire"))  # fmt: skip
async def key_expires(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.break_(FaultKind.EXPIRE_KEYS)
        await stage.until(lambda: False in there.states)
        await _stands(there, 2)
        order = there.submit(Side.BUY, SMALL, stage.best(Side.SELL))
        await there.filled(order)


@card("E105", "The key of a private stream is kept alive", fact("keys of private streams expire"))
async def key_is_renewed(stage: Stage) -> None:
    async with trading(stage) as there:
        await stage.pass_time(1.2 * 3_600, 5)
        assert there.states == [True]
        await there.filled(there.submit(Side.BUY, SMALL, stage.best(Side.SELL)))


@card("E106", "A private frame that cannot be read has the account looked at anew", TRADES)
async def unreadable_private_frame(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL * 2, ticks=-10)
        stage.break_(FaultKind.TRUNCATE, stage.venue.private_fill)
        stage.take(Side.SELL, order.price or ZERO, SMALL)
        await _stands(there, 2)
        stage.take(Side.SELL, order.price or ZERO, SMALL)
        await stage.until(lambda: there.reports_of(order, ExecType.TRADE))
        assert len(await stage.run(there.account.fills(START_NS))) == 2


@card("E107", "A fill whose private frame never came can be asked for", TRADES)
async def dropped_private_frame(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL, ticks=-10)
        stage.break_(FaultKind.DROP, stage.venue.private_fill)
        stage.take(Side.SELL, order.price or ZERO, SMALL)
        await stage.pass_time(0.5)
        status = await there.find(order)
        assert status is not None
        assert (status.state, status.filled_quantity) == (OrderState.FILLED, SMALL)


@card("E108", "The daily disconnect loses no fill", TRADES)
async def private_daily_disconnect(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL * 5, ticks=-10)
        stage.break_(FaultKind.DAILY_DISCONNECT, seconds=2.0)
        for _ in range(5):
            await stage.pass_time(1.5, 0.03)
            stage.take(Side.SELL, order.price or ZERO, SMALL)
        await stage.until(lambda: there.states[-1])
        assert len(await stage.run(there.account.fills(START_NS))) == 5


@card("E109", "Orders go, and are told, while the private stream cannot be had; what it missed is asked for", TRADES)
async def no_private_stream(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.loopback.faults.inject(stage.venue.no_private_stream)
        await _falls(there)
        resting = await there.rest()
        order = there.submit(Side.BUY, SMALL, stage.best(Side.SELL))
        await there.told(order, ExecType.NEW)
        there.cancel(resting)
        await stage.until(lambda: not is_open(there.at_venue(resting)))
        status = await there.find(order)
        assert status is not None
        assert status.state is OrderState.FILLED
        assert len(await stage.run(there.account.fills(START_NS))) == 1
        assert not there.connector.health().is_connected
        stage.loopback.clear_faults()
        await stage.until(lambda: there.states[-1], step_ns=NS_PER_SECOND)
        await there.rest()


@card("E110", "Balances are the venue's, to the last digit, what orders reserve included", TRADES)
async def balances(stage: Stage) -> None:
    async with trading(stage) as there:
        await there.rest(Side.BUY, SMALL * 3)
        for quantity in ("0.013", "0.007", "0.031"):
            await there.filled(there.submit(Side.BUY, Decimal(quantity), stage.best(Side.SELL)))
            await there.agrees()
        stage.loopback.engine.deposit(stage.account, "USDT", Decimal("12.34567891"))
        await there.agrees()


@card("E111", "Money that moved without an order has the account looked at anew", TRADES)
async def deposits(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.loopback.engine.deposit(stage.account, "USDT", Decimal(-500))
        await _stands(there, 2)


@card("E112", "Positions are the venue's: opened, added to, reduced, turned, closed", DERIVATIVES)
async def positions(stage: Stage) -> None:
    async with trading(stage) as there:
        for side, quantity in ((Side.BUY, 2), (Side.BUY, 1), (Side.SELL, 1), (Side.SELL, 5), (Side.BUY, 3)):
            await there.filled(there.submit(side, SMALL * quantity))
            await there.agrees()
        assert not await stage.run(there.account.positions())


@card("E113", "Funding that was paid is in the balance, and has the account looked at anew", DERIVATIVES)
async def funding(stage: Stage) -> None:
    async with trading(stage) as there:
        await there.filled(there.submit(Side.BUY))
        stage.loopback.engine.pay_funding(stage.market)
        await _stands(there, 2)
        await there.agrees()


@card("E114", "Where nothing is held there are no positions, and the answer says so", TRADES)
async def no_positions(stage: Stage) -> None:
    async with trading(stage) as there:
        assert not await stage.run(there.account.positions())


@card("E115", "Orders placed by other means are listed, and their fills and ends are told", TRADES)
async def external_orders(stage: Stage) -> None:
    async with trading(stage) as there:
        resting = there.elsewhere(Side.BUY, SMALL, stage.best(Side.BUY) - 100, "web_rest")
        there.elsewhere(Side.BUY, SMALL, stage.best(Side.SELL), "web_take")
        await stage.until(lambda: [each for each in there.reports if each.exec_type is ExecType.TRADE])
        [listed] = await stage.run(there.account.open_orders())
        assert (listed.client_order_id, listed.venue_order_id) == ("web_rest", str(resting.id))
        [fill] = [each for each in there.reports if each.exec_type is ExecType.TRADE]
        assert (fill.client_order_id, fill.side, fill.symbol) == ("web_take", Side.BUY, stage.symbol)
        stage.loopback.engine.cancel(resting)
        await stage.until(lambda: there.reports[-1].exec_type is ExecType.CANCELED)
        assert there.reports[-1].client_order_id == "web_rest"


@card("E116", "An order placed here and cancelled by other means is told as cancelled", TRADES)
async def cancelled_elsewhere(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest()
        stage.loopback.engine.cancel(there.at_venue(order)[0])
        await there.told(order, ExecType.CANCELED)


@card("E117", "Open orders of every market and kind are listed, with what they are", TRADES)
async def open_orders(stage: Stage) -> None:
    async with trading(stage) as there:
        other = stage.venue.symbols[1]
        await there.rest()
        order = there.submit(Side.SELL, SMALL, stage.best(Side.SELL, other) + 20, symbol=other)
        await there.told(order, ExecType.NEW)
        if OrderType.STOP in stage.venue.capabilities.order_types:
            stop = there.submit(Side.SELL, kind=OrderType.STOP, trigger_price=stage.best(Side.BUY) - 5)
            await there.told(stop, ExecType.NEW)
        listed = await stage.run(there.account.open_orders())
        assert {each.client_order_id for each in listed} == {each.client_order_id for each in there.reports}


@card("E118", "A question that is not answered is an error, not an answer", TRADES)
async def unanswered_questions(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.break_(FaultKind.GARBAGE, "GET /", count=100)
        questions: list[Coroutine[Any, Any, object]] = [
            there.account.balances(), there.account.open_orders(), there.account.fills(START_NS),
            there.account.find_order(stage.symbol, "nobody"),
        ]  # fmt: skip
        if DERIVATIVES.is_met(stage.venue):
            questions.append(there.account.positions())
        answers = await stage.run(asyncio.gather(*questions, return_exceptions=True))
        assert all(isinstance(answer, VenueError) for answer in answers)


@card("E119", "What the venue closes by force is told as fills that no order here has, and the account agrees after it",
      DERIVATIVES)  # fmt: skip
async def liquidations_of_the_account(stage: Stage) -> None:
    async with trading(stage) as there:
        resting = await there.rest()
        order = there.submit(Side.BUY, SMALL * 20)
        await there.filled(order)
        engine, wallet = stage.loopback.engine, stage.venue.balances["USDT"]
        engine.deposit(stage.account, "USDT", 1_000 - wallet)
        await _stands(there, 2)
        stage.take(Side.SELL, stage.best(Side.BUY) - 20, Decimal(20))  # nobody buys any more
        engine.set_mark(stage.market, stage.best(Side.SELL) - 5_500, None)
        await there.told(resting, ExecType.EXPIRED)
        await stage.until(lambda: _forced(there), "no fill of the liquidation was told")
        assert sum(each.quantity for each in _forced(there)) == order.quantity
        assert {(each.symbol, each.side) for each in _forced(there)} == {(stage.symbol, Side.SELL)}
        assert not await stage.run(there.account.positions())
        await _stands(there, 3)  # the fee of the liquidation is no order's
        await there.agrees()


def _forced(there: Trading) -> list[ExecutionReport]:
    return [each for each in there.reports if each.exec_type is ExecType.TRADE and not each.client_order_id]
