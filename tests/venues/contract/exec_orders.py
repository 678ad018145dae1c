"""Execution cards: what each kind of order does, and what its fills are."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import Liquidity, OrderState, OrderType, Side, TimeInForce
from quantai.core.numbers import ZERO
from quantai.exchanges.execution import ExecType
from quantai.loopback.engine import FuturesAccount, Status
from quantai.loopback.server.faults import FaultKind
from tests.venues.contract.cards import REDUCE_ONLY, TRADES, card, option, order_type, time_in_force
from tests.venues.contract.stage import Stage
from tests.venues.contract.trading import SMALL, is_open, trading

_LIMIT = order_type(OrderType.LIMIT)
_MARKET = order_type(OrderType.MARKET)


@card("E01", "A market buy fills whole, at the book's prices, with the venue's fee to the last digit", _MARKET)
async def market_buy(stage: Stage) -> None:
    async with trading(stage) as there:
        best = stage.best(Side.SELL)
        order = there.submit(Side.BUY)
        [fill] = await there.filled(order)
        assert (fill.price, fill.side, fill.liquidity) == (best, Side.BUY, Liquidity.TAKER)
        assert fill.filled_quantity == SMALL
        assert fill.fee == stage.account.fills[-1][1].fee > ZERO
        assert [each.exec_type for each in there.reports_of(order)] == [ExecType.NEW, ExecType.TRADE]


@card("E02", "A market sell likewise", _MARKET)
async def market_sell(stage: Stage) -> None:
    async with trading(stage) as there:
        best = stage.best(Side.BUY)
        [fill] = await there.filled(there.submit(Side.SELL))
        assert (fill.price, fill.side) == (best, Side.SELL)


@card("E03", "A market order of a value in quote currency buys what that pays for",
      option("an amount of quote currency"))  # fmt: skip
async def market_by_value(stage: Stage) -> None:
    async with trading(stage) as there:
        options = stage.venue.options["an amount of quote currency"]("1300")
        order = there.submit(Side.BUY, options=options)
        await stage.until(lambda: there.reports_of(order, ExecType.TRADE))
        [truth] = there.at_venue(order)
        assert truth.status is Status.FILLED
        assert truth.quote_filled <= 1300 < truth.quote_filled + 100
        assert [each.order_quantity for each in there.reports_of(order, ExecType.REPLACED)] == [truth.filled]


@card("E04", "A limit order rests at its price, and is listed", _LIMIT)
async def limit_rests(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest()
        [truth] = there.at_venue(order)
        assert (truth.price, truth.quantity, truth.status) == (order.price, SMALL, Status.NEW)
        [listed] = await stage.run(there.account.open_orders())
        assert (listed.client_order_id, listed.state) == (order.client_order_id, OrderState.NEW)
        assert (listed.order_type, listed.time_in_force) == (OrderType.LIMIT, TimeInForce.GTC)


@card("E05", "A limit order that crosses trades at the better price", _LIMIT)
async def limit_crosses(stage: Stage) -> None:
    async with trading(stage) as there:
        best = stage.best(Side.SELL)
        [fill] = await there.filled(there.submit(Side.BUY, SMALL, best + 10))
        assert fill.price == best


@card("E06", "An order through several prices has a fill for each, and they come to the whole", _LIMIT)
async def several_prices(stage: Stage) -> None:
    async with trading(stage) as there:
        best, quantity = stage.best(Side.SELL), Decimal("1.4")
        fills = await there.filled(there.submit(Side.BUY, quantity, best + 5))
        assert [(fill.price, fill.quantity) for fill in fills] == [(best, Decimal(1)), (best + 1, Decimal("0.4"))]
        assert [fill.filled_quantity for fill in fills] == [Decimal(1), quantity]
        assert len({fill.trade_id for fill in fills}) == 2
        assert [fill.fee for fill in fills] == [fill.fee for _, fill in stage.account.fills]


@card("E07", "A resting order that trades part by part is a maker, and ends with the last part", _LIMIT)
async def partial_fills(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, Decimal("0.03"), ticks=0)
        stage.take(Side.SELL, order.price or ZERO, Decimal(1))  # those who were there before it
        for part in (1, 2, 3):
            stage.take(Side.SELL, order.price or ZERO, SMALL)
            fill = (await there.filled(order, SMALL * part))[-1]
            assert (fill.liquidity, fill.filled_quantity) == (Liquidity.MAKER, SMALL * part)
            status = await there.find(order)
            assert status is not None
            assert status.state is (OrderState.FILLED if part == 3 else OrderState.PARTIALLY_FILLED)
            assert status.filled_quantity == SMALL * part


@card("E08", "A fill is told once, however often the venue tells it", _LIMIT)
async def fills_are_told_once(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.break_(FaultKind.DUPLICATE, stage.venue.private_fill, count=4)
        order = there.submit(Side.BUY, SMALL, stage.best(Side.SELL))
        await there.filled(order)
        await stage.pass_time(1)
        assert [each.exec_type for each in there.reports_of(order)] == [ExecType.NEW, ExecType.TRADE]


@card("E23", "Acceptance and fill are told right where their frames change places", _LIMIT)
async def frames_change_places(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.break_(FaultKind.REORDER, stage.venue.private_order)
        order = there.submit(Side.BUY, SMALL, stage.best(Side.SELL))
        await there.filled(order)
        await stage.pass_time(0.5)
        assert sorted(each.exec_type for each in there.reports_of(order)) == [ExecType.NEW, ExecType.TRADE]


@card("E24", "A market order may say that it is to trade at once", _MARKET, time_in_force(TimeInForce.IOC))
async def market_at_once(stage: Stage) -> None:
    async with trading(stage) as there:
        await there.filled(there.submit(Side.BUY, tif=TimeInForce.IOC))


@card("E09", "Post-only rests", time_in_force(TimeInForce.POST_ONLY))
async def post_only_rests(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(tif=TimeInForce.POST_ONLY)
        assert is_open(there.at_venue(order))
        status = await there.find(order)
        assert status is not None
        assert status.time_in_force is TimeInForce.POST_ONLY


@card("E10", "Post-only that would take is refused, and nothing trades", time_in_force(TimeInForce.POST_ONLY))
async def post_only_never_takes(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.BUY, SMALL, stage.best(Side.SELL), tif=TimeInForce.POST_ONLY)
        await there.told(order, ExecType.REJECTED)
        assert not there.at_venue(order)


@card("E11", "Immediate-or-cancel takes what is there, and the rest expires", time_in_force(TimeInForce.IOC))
async def ioc_takes_a_part(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.BUY, Decimal("1.4"), stage.best(Side.SELL), tif=TimeInForce.IOC)
        await there.told(order, ExecType.EXPIRED)
        assert [fill.quantity for fill in there.reports_of(order, ExecType.TRADE)] == [Decimal(1)]
        assert there.reports_of(order)[-1].exec_type is ExecType.EXPIRED


@card("E12", "Immediate-or-cancel with nothing there expires without a fill", time_in_force(TimeInForce.IOC))
async def ioc_finds_nothing(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.BUY, SMALL, stage.best(Side.SELL) - 1, tif=TimeInForce.IOC)
        await there.told(order, ExecType.EXPIRED)
        assert not there.reports_of(order, ExecType.TRADE)


@card("E13", "Fill-or-kill fills whole", time_in_force(TimeInForce.FOK))
async def fok_fills(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.BUY, Decimal("1.2"), stage.best(Side.SELL) + 1, tif=TimeInForce.FOK)
        assert len(await there.filled(order)) == 2


@card("E14", "Fill-or-kill that cannot be filled trades nothing", time_in_force(TimeInForce.FOK))
async def fok_kills(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.BUY, Decimal("1.2"), stage.best(Side.SELL), tif=TimeInForce.FOK)
        await stage.until(lambda: there.reports_of(order, ExecType.REJECTED, ExecType.EXPIRED))
        assert not there.reports_of(order, ExecType.TRADE)
        assert not is_open(there.at_venue(order))


@card("E15", "An order with an end in time expires then", option("an end in time"))
async def gtd_expires(stage: Stage) -> None:
    async with trading(stage) as there:
        until_ms = stage.clock.now_ns() // 1_000_000 + 900_000
        order = await there.rest(options=stage.venue.options["an end in time"](str(until_ms)))
        await stage.pass_time(890, 2)
        assert is_open(there.at_venue(order))
        await stage.pass_time(20, 1)
        await there.told(order, ExecType.EXPIRED)


@card("E16", "Reduce-only closes a position, and no more than that", REDUCE_ONLY)
async def reduce_only_closes(stage: Stage) -> None:
    async with trading(stage) as there:
        await there.filled(there.submit(Side.BUY))
        order = there.submit(Side.SELL, SMALL * 3, stage.best(Side.BUY), reduce_only=True)
        await there.filled(order, SMALL)
        assert isinstance(stage.account, FuturesAccount)
        assert not stage.account.position(stage.symbol).amount


@card("E17", "Reduce-only without a position is refused", REDUCE_ONLY)
async def reduce_only_opens_nothing(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.SELL, reduce_only=True)
        await there.told(order, ExecType.REJECTED)
        assert not stage.account.fills


@card("E18", "An iceberg shows a part and trades whole", option("an iceberg"))
async def icebergs_hide(stage: Stage) -> None:
    async with trading(stage) as there:
        options = stage.venue.options["an iceberg"]("0.01")
        order = await there.rest(Side.BUY, Decimal("0.03"), ticks=-10, options=options)
        price = order.price or ZERO
        level = stage.market.book.level(Side.BUY, price)
        assert level is not None
        assert level.shown == SMALL
        stage.take(Side.SELL, price, Decimal("0.03"))
        await there.filled(order)


@card("E19", "An account does not trade with itself where it asks for that", option("self-trade prevention"))
async def self_trades_are_prevented(stage: Stage) -> None:
    async with trading(stage) as there:
        maker = await there.rest(Side.BUY, SMALL, ticks=-10)
        options = stage.venue.options["self-trade prevention"]("")
        taker = there.submit(Side.SELL, SMALL, maker.price, options=options)
        await there.told(taker, ExecType.EXPIRED)
        assert is_open(there.at_venue(maker))
        assert not stage.account.fills


@card("E20", "A price that the venue chooses is told", option("a price that the venue chooses"))
async def matched_prices_are_told(stage: Stage) -> None:
    async with trading(stage) as there:
        options = stage.venue.options["a price that the venue chooses"]("")
        order = there.send(there.resting(options=options))
        report = await there.told(order, ExecType.REPLACED)
        [truth] = there.at_venue(order)
        assert report.order_price == truth.price != order.price


@card("E21", "Two positions of one market, long and short, are kept apart", option("two-way positions"))
async def two_way_positions(stage: Stage) -> None:
    assert isinstance(stage.account, FuturesAccount)
    stage.account.is_hedged = True
    async with trading(stage) as there:
        options = stage.venue.options["two-way positions"]
        await there.filled(there.submit(Side.BUY, SMALL * 2, options=options("LONG")))
        await there.filled(there.submit(Side.SELL, SMALL, options=options("SHORT")))
        positions = await stage.run(there.account.positions())
        assert sorted(each.quantity for each in positions or ()) == [-SMALL, SMALL * 2]
        await there.filled(there.submit(Side.SELL, SMALL * 2, options=options("LONG"), reduce_only=True))


@card("E22", "Ids that the daemon makes are legal, and come back as they were", TRADES)
async def own_ids_come_back(stage: Stage) -> None:
    async with trading(stage) as there:
        orders = [await there.rest() for _ in range(3)]
        assert len({order.client_order_id for order in orders}) == 3
        assert [len(there.at_venue(order)) for order in orders] == [1, 1, 1]
