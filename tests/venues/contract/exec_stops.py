"""Execution cards: orders that wait for a price."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import OrderState, OrderType, Side
from quantai.core.numbers import ZERO
from quantai.exchanges.execution import ExecType
from quantai.loopback.engine import FuturesAccount, Status
from tests.venues.contract.cards import card, option, order_type
from tests.venues.contract.stage import Stage
from tests.venues.contract.trading import SMALL, is_open, trading

_STOP, _STOP_LIMIT = order_type(OrderType.STOP), order_type(OrderType.STOP_LIMIT)


def _move(stage: Stage, side: Side, levels: int) -> Decimal:
    """Others trade through so many prices; the last one."""
    price = stage.best(side.opposite) + side.sign * (levels - 1)
    stage.take(side, price, Decimal(levels))
    return price


@card("E30", "A stop waits at the venue, is listed, and can be cancelled", _STOP)
async def stops_wait(stage: Stage) -> None:
    async with trading(stage) as there:
        trigger = stage.best(Side.BUY) - 5
        order = there.submit(Side.SELL, kind=OrderType.STOP, trigger_price=trigger)
        await there.told(order, ExecType.NEW)
        [listed] = await stage.run(there.account.open_orders())
        assert (listed.client_order_id, listed.state) == (order.client_order_id, OrderState.NEW)
        assert listed.order_type is OrderType.STOP
        there.cancel(order)
        await there.told(order, ExecType.CANCELED)
        _move(stage, Side.SELL, 8)
        assert not stage.account.fills


@card("E31", "A stop sells when the price falls to it, under its own id", _STOP)
async def stops_sell(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.SELL, kind=OrderType.STOP, trigger_price=stage.best(Side.BUY) - 3)
        await there.told(order, ExecType.NEW)
        _move(stage, Side.SELL, 2)
        await stage.pass_time(0.2)
        assert is_open(there.at_venue(order))
        _move(stage, Side.SELL, 2)
        await there.filled(order)
        status = await there.find(order)
        assert status is not None
        assert (status.state, status.filled_quantity) == (OrderState.FILLED, SMALL)


@card("E32", "A stop buys when the price rises to it", _STOP)
async def stops_buy(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.BUY, kind=OrderType.STOP, trigger_price=stage.best(Side.SELL) + 3)
        await there.told(order, ExecType.NEW)
        _move(stage, Side.BUY, 4)
        await there.filled(order)


@card("E33", "A stop with a limit rests at its limit once it is released, and can be cancelled then", _STOP_LIMIT)
async def stops_with_a_limit(stage: Stage) -> None:
    async with trading(stage) as there:
        trigger = stage.best(Side.SELL) + 2
        limit = trigger - 30
        order = there.submit(Side.BUY, SMALL, limit, OrderType.STOP_LIMIT, trigger_price=trigger)
        await there.told(order, ExecType.NEW)
        _move(stage, Side.BUY, 3)
        await stage.until(lambda: there.at_venue(order)[0].status is Status.NEW)
        await stage.pass_time(0.3, 0.02)
        status = await there.find(order)
        assert status is not None
        assert (status.price, status.state) == (limit, OrderState.NEW)
        there.cancel(order)
        await there.told(order, ExecType.CANCELED)


@card("E34", "A stop that would be released at once is refused", _STOP)
async def stops_behind_the_price(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.SELL, kind=OrderType.STOP, trigger_price=stage.best(Side.SELL) + 20)
        await there.told(order, ExecType.REJECTED)
        assert not there.at_venue(order)


@card("E35", "Take profit sells when the price rises to it", option("take profit"))
async def take_profit(stage: Stage) -> None:
    async with trading(stage) as there:
        options = stage.venue.options["take profit"]("")
        trigger = stage.best(Side.SELL) + 2
        order = there.submit(Side.SELL, kind=OrderType.STOP, trigger_price=trigger, options=options)
        await there.told(order, ExecType.NEW)
        _move(stage, Side.BUY, 3)
        await there.filled(order)


@card("E36", "Take profit with a limit trades at the limit or better", option("take profit with a limit"))
async def take_profit_with_a_limit(stage: Stage) -> None:
    async with trading(stage) as there:
        options = stage.venue.options["take profit with a limit"]("")
        trigger = stage.best(Side.SELL) + 2
        limit = stage.best(Side.BUY) - 1
        order = there.submit(Side.SELL, SMALL, limit, OrderType.STOP_LIMIT, trigger_price=trigger, options=options)
        await there.told(order, ExecType.NEW)
        _move(stage, Side.BUY, 3)
        [fill] = await there.filled(order)
        assert fill.price >= limit


@card("E37", "A trailing stop follows the price and sells when it turns", option("a trailing stop"))
async def trailing_stops(stage: Stage) -> None:
    async with trading(stage) as there:
        options = stage.venue.options["a trailing stop"]("0.1")  # 65 of 65,000
        order = there.submit(Side.SELL, kind=OrderType.STOP, options=options)
        await there.told(order, ExecType.NEW)
        _trade_at(stage, Decimal(65_150))
        _trade_at(stage, Decimal(65_090))
        await stage.pass_time(0.2)
        assert is_open(there.at_venue(order))
        _trade_at(stage, Decimal(65_080))
        await there.filled(order)


@card("E38", "A trailing stop may begin to follow later", option("where a trailing stop begins"))
async def trailing_stops_begin_later(stage: Stage) -> None:
    async with trading(stage) as there:
        options = stage.venue.options["where a trailing stop begins"]("65100")
        order = there.submit(Side.SELL, kind=OrderType.STOP, options=options)
        await there.told(order, ExecType.NEW)
        _trade_at(stage, Decimal(64_900))
        await stage.pass_time(0.2)
        assert is_open(there.at_venue(order))
        _trade_at(stage, Decimal(65_200))
        _trade_at(stage, Decimal(65_100))
        await there.filled(order)


@card("E39", "A stop on the mark price looks at that alone", option("the mark price as trigger"))
async def stops_on_the_mark_price(stage: Stage) -> None:
    async with trading(stage) as there:
        options = stage.venue.options["the mark price as trigger"]("")
        order = there.submit(Side.SELL, kind=OrderType.STOP, trigger_price=Decimal(64_950), options=options)
        await there.told(order, ExecType.NEW)
        _trade_at(stage, Decimal(64_900))
        await stage.pass_time(0.2)
        assert is_open(there.at_venue(order))
        stage.loopback.engine.set_mark(stage.market, Decimal(64_940), None)
        await there.filled(order)


@card("E40", "A stop may close the position, whatever that is by then", option("closing the position"))
async def stops_that_close(stage: Stage) -> None:
    async with trading(stage) as there:
        await there.filled(there.submit(Side.BUY))
        options = stage.venue.options["closing the position"]("")
        trigger = stage.best(Side.BUY) - 3
        order = there.submit(Side.SELL, kind=OrderType.STOP, trigger_price=trigger, options=options)
        await there.told(order, ExecType.NEW)
        await there.filled(there.submit(Side.BUY))
        _move(stage, Side.SELL, 4)
        await there.filled(order, SMALL * 2)
        assert isinstance(stage.account, FuturesAccount)
        assert stage.account.position(stage.symbol).amount == ZERO


def _trade_at(stage: Stage, price: Decimal) -> None:
    """Somebody trades elsewhere at a price: the book stays as it is."""
    stage.take(Side.BUY if price < stage.best(Side.SELL) else Side.SELL, price, SMALL)
