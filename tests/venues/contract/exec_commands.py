"""Execution cards: amend, cancel, and several at once."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import OrderState, OrderType, Side
from quantai.core.numbers import ZERO
from quantai.exchanges.execution import CancelOrder, ExecType
from quantai.loopback.engine import Status
from tests.venues.contract.cards import AMEND, BATCH, CANCELS_ALL, TRADES, card, fact
from tests.venues.contract.stage import Stage
from tests.venues.contract.trading import SMALL, Trading, is_open, trading

_ANY_AMEND = fact("amend to any price and quantity")


@card("E50", "An order is made smaller, and stays the same order", AMEND)
async def amend_down(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL * 3)
        there.amend(order, SMALL * 2)
        report = await there.told(order, ExecType.REPLACED)
        [truth] = there.at_venue(order)
        assert report.order_quantity == truth.quantity == SMALL * 2
        assert (truth.client_id, truth.price) == (order.client_order_id, order.price)


@card("E51", "The new quantity is the total: what has traded is in it", AMEND)
async def amend_what_has_traded(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL * 4, ticks=-10)
        stage.take(Side.SELL, order.price or ZERO, SMALL)
        await there.filled(order, SMALL)
        there.amend(order, SMALL * 3)
        await there.told(order, ExecType.REPLACED)
        [truth] = there.at_venue(order)
        assert (truth.quantity, truth.filled) == (SMALL * 3, SMALL)
        stage.take(Side.SELL, order.price or ZERO, SMALL * 2)
        await there.filled(order, SMALL * 3)


@card("E52", "An order gets another price", AMEND, _ANY_AMEND)
async def amend_the_price(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest()
        price = (order.price or ZERO) - 20
        there.amend(order, price=price)
        report = await there.told(order, ExecType.REPLACED)
        [truth] = there.at_venue(order)
        assert report.order_price == truth.price == price


@card("E53", "An order is made larger", AMEND, _ANY_AMEND)
async def amend_up(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest()
        there.amend(order, SMALL * 2)
        assert (await there.told(order, ExecType.REPLACED)).order_quantity == SMALL * 2


@card("E54", "An amendment that the venue cannot do is refused, and the order stays as it was", AMEND)
async def amend_what_cannot_be(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL * 2)
        odd = SMALL + stage.instrument.lot_size / 2
        there.amend(order, odd)
        await there.told(order, ExecType.REPLACE_REJECTED)
        if _ANY_AMEND.is_met(stage.venue):
            there.amend(order)
        else:
            there.amend(order, price=(order.price or ZERO) - 1)
        await there.told(order, ExecType.REPLACE_REJECTED, 2)
        [truth] = there.at_venue(order)
        assert (truth.quantity, truth.price, truth.status) == (SMALL * 2, order.price, Status.NEW)


@card("E55", "An amendment of an order that the venue does not know is refused", AMEND)
async def amend_the_unknown(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.resting(Side.BUY, SMALL * 2)
        there.amend(order, SMALL)
        await there.told(order, ExecType.REPLACE_REJECTED)


@card("E60", "A cancelled order is told once, and is gone", TRADES)
async def cancel(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest()
        there.cancel(order)
        await there.told(order, ExecType.CANCELED)
        await stage.pass_time(0.5)
        assert [each.exec_type for each in there.reports_of(order)] == [ExecType.NEW, ExecType.CANCELED]
        status = await there.find(order)
        assert status is not None
        assert status.state is OrderState.CANCELED


@card("E61", "A cancel that follows its order at once finds it", TRADES)
async def cancel_at_once(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.send(there.resting())
        there.cancel(order, "")
        await there.told(order, ExecType.CANCELED)
        assert not is_open(there.at_venue(order))


@card("E62", "A cancel of an order that the venue does not know is refused", TRADES)
async def cancel_the_unknown(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.resting()
        there.cancel(order, "")
        await there.told(order, ExecType.CANCEL_REJECTED)


@card("E63", "A cancel that comes too late is refused, and the fill stands", TRADES)
async def cancel_the_filled(stage: Stage) -> None:
    async with trading(stage) as there:
        order = there.submit(Side.BUY, SMALL, stage.best(Side.SELL))
        await there.filled(order)
        there.cancel(order)
        await there.told(order, ExecType.CANCEL_REJECTED)
        status = await there.find(order)
        assert status is not None
        assert status.state is OrderState.FILLED


@card("E64", "A cancelled order keeps what had traded", TRADES)
async def cancel_the_partly_filled(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL * 3, ticks=-10)
        stage.take(Side.SELL, order.price or ZERO, SMALL)
        await there.filled(order, SMALL)
        there.cancel(order)
        report = await there.told(order, ExecType.CANCELED)
        assert report.filled_quantity in (SMALL, None)
        status = await there.find(order)
        assert status is not None
        assert (status.state, status.filled_quantity) == (OrderState.CANCELED, SMALL)


@card("E65", "Everything open in a market is cancelled at once, other markets are left alone", TRADES, CANCELS_ALL)
async def cancel_all(stage: Stage) -> None:
    assert stage.venue.cancel_all is not None
    async with trading(stage) as there:
        orders = [await there.rest(ticks=1_000 + number) for number in range(3)]
        if OrderType.STOP in stage.venue.capabilities.order_types:
            orders.append(there.submit(Side.SELL, kind=OrderType.STOP, trigger_price=stage.best(Side.BUY) - 5))
            await there.told(orders[-1], ExecType.NEW)
        other = stage.venue.symbols[1]
        elsewhere = there.submit(Side.BUY, SMALL, stage.best(Side.BUY, other) - 50, symbol=other)
        await there.told(elsewhere, ExecType.NEW)
        await stage.run(stage.venue.cancel_all(there.connector, stage.symbol))
        for order in orders:
            await there.told(order, ExecType.CANCELED)
        assert is_open(there.at_venue(elsewhere))


@card("E66", "Several orders are taken together", TRADES)
async def batch(stage: Stage) -> None:
    async with trading(stage) as there:
        orders = [there.resting(ticks=1_000 + number) for number in range(7)]
        there.connector.submit_batch(orders)
        for order in orders:
            await there.told(order, ExecType.NEW)
            assert is_open(there.at_venue(order))


@card("E67", "Of several orders a bad one keeps no other from the venue", TRADES)
async def batch_with_a_bad_one(stage: Stage) -> None:
    async with trading(stage) as there:
        good = [there.resting(ticks=1_000 + number) for number in range(4)]
        bad = there.resting(Side.BUY, SMALL + stage.instrument.lot_size / 2)
        there.connector.submit_batch([*good[:2], bad, *good[2:]])
        for order in good:
            await there.told(order, ExecType.NEW)
        await there.told(bad, ExecType.REJECTED)
        assert not there.at_venue(bad)


@card("E68", "Orders travel in as few messages as the venue allows", BATCH)
async def batch_in_one_message(stage: Stage) -> None:
    async with trading(stage) as there:
        size = stage.venue.capabilities.batch_size
        orders = [there.resting(ticks=1_000 + number) for number in range(2 * size)]
        there.connector.submit_batch(orders)
        for order in orders:
            await there.told(order, ExecType.NEW)
        await stage.pass_time(0.2)  # the stream may have told before the answers came
        assert stage.loopback.counts[stage.venue.requests["batch"]] == 2
        there.connector.cancel_batch([there.cancellation(order) for order in orders])
        for order in orders:
            await there.told(order, ExecType.CANCELED)
        assert stage.loopback.counts[stage.venue.requests["cancel batch"]] == 1
        assert not stage.loopback.counts[stage.venue.requests["cancel"]]


@card("E69", "Several cancels together: one of an order that is not there spoils no other", TRADES)
async def cancel_batch(stage: Stage) -> None:
    async with trading(stage) as there:
        orders = [await there.rest(ticks=1_000 + number) for number in range(3)]
        missing = there.resting()
        commands = [there.cancellation(order) for order in orders]
        commands.insert(1, CancelOrder(missing.client_order_id, missing.symbol, "999999"))
        there.connector.cancel_batch(commands)
        for order in orders:
            await there.told(order, ExecType.CANCELED)
        await there.told(missing, ExecType.CANCEL_REJECTED)


async def _refused(there: Trading, price: Decimal | None, quantity: Decimal, side: Side = Side.BUY) -> None:
    order = there.submit(side, quantity, price)
    report = await there.told(order, ExecType.REJECTED)
    assert report.reason
    assert not there.at_venue(order)
    assert await there.find(order) is None


@card("E70", "An order that the account cannot pay for is refused", TRADES)
async def insufficient_funds(stage: Stage) -> None:
    async with trading(stage) as there:
        balance = stage.venue.balances["USDT"]
        too_much = balance * 21 // stage.best(Side.SELL)  # leverage is twenty
        await _refused(there, stage.best(Side.BUY) - 10, too_much)


@card("E71", "A price off the grid is refused", TRADES)
async def price_off_the_grid(stage: Stage) -> None:
    async with trading(stage) as there:
        await _refused(there, stage.best(Side.BUY) - 10 + stage.instrument.tick_size / 2, SMALL)


@card("E72", "A quantity off the grid is refused", TRADES)
async def quantity_off_the_grid(stage: Stage) -> None:
    async with trading(stage) as there:
        await _refused(there, stage.best(Side.BUY) - 10, SMALL + stage.instrument.lot_size / 2)


@card("E73", "An order worth too little is refused", TRADES, fact("orders have a least value"))
async def notional_too_small(stage: Stage) -> None:
    async with trading(stage) as there:
        instrument = stage.instruments[stage.venue.symbols[1]]
        order = there.submit(Side.BUY, instrument.lot_size, Decimal(3_100), symbol=instrument.symbol)
        await there.told(order, ExecType.REJECTED)
        assert not there.at_venue(order)


@card("E74", "A quantity above the venue's limit is refused", TRADES)
async def quantity_too_large(stage: Stage) -> None:
    async with trading(stage) as there:
        await _refused(there, stage.best(Side.BUY) - 10, stage.instrument.lot_size * 900_000_001)


@card("E75", "A price too far from the market is refused", TRADES)
async def price_too_far(stage: Stage) -> None:
    async with trading(stage) as there:
        await _refused(there, stage.best(Side.BUY) / 2 // 1, SMALL)


@card("E76", "A market that is closed takes no order", TRADES)
async def market_closed(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.market.is_open = False
        await _refused(there, stage.best(Side.BUY) - 10, SMALL)
