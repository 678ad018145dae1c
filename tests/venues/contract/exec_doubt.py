"""Execution cards: answers that do not come, limits, clocks. An unanswered command is never told as refused."""

from __future__ import annotations

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, Side
from quantai.core.errors import OrderError
from quantai.core.numbers import ZERO
from quantai.exchanges.errors import DuplicateOrderId
from quantai.exchanges.execution import ExecType, SubmitOrder
from quantai.loopback.server.faults import FaultKind
from tests.venues.contract.cards import AMEND, BATCH, LIMITS_ORDERS, TRADES, card
from tests.venues.contract.stage import MINUTE_NS, Stage
from tests.venues.contract.trading import SMALL, Trading, is_open, trading

_REFUSED = (ExecType.REJECTED, ExecType.CANCEL_REJECTED, ExecType.REPLACE_REJECTED)


async def _in_doubt(there: Trading, order: SubmitOrder, *kinds: ExecType) -> None:
    """It is told as unknown, or as what it is, but not as refused."""
    await there.stage.until(lambda: there.reports_of(order, ExecType.UNKNOWN, *kinds), f"nothing of {order}")
    await there.stage.pass_time(0.5, 0.02)
    assert not there.reports_of(order, *_REFUSED)


async def _lost_order(stage: Stage, kind: FaultKind, *, is_there: bool, **more: int) -> None:
    async with trading(stage) as there:
        stage.break_(kind, stage.venue.requests["submit"], **more)
        order = there.send(there.resting())
        await _in_doubt(there, order, ExecType.NEW)
        assert is_open(there.at_venue(order)) is is_there
        assert len(there.at_venue(order)) == is_there  # it was not sent twice
        status = await there.find(order)
        assert (status is not None) is is_there
        if status is not None:
            assert (status.state, status.quantity, status.price) == (OrderState.NEW, SMALL, order.price)
            there.cancel(order)
            await there.told(order, ExecType.CANCELED)


@card("E80", "An order whose answer is lost before it was done: unknown, and then found not to be there", TRADES)
async def lost_before(stage: Stage) -> None:
    await _lost_order(stage, FaultKind.HANG_UP_BEFORE, is_there=False)


@card("E81", "An order whose answer is lost after it was done: found to be there, once", TRADES)
async def lost_after(stage: Stage) -> None:
    await _lost_order(stage, FaultKind.HANG_UP_AFTER, is_there=True)


@card("E82", "A server error proves nothing: the order is not there", TRADES)
async def error_before(stage: Stage) -> None:
    await _lost_order(stage, FaultKind.ERROR_BEFORE, is_there=False, status=503)


@card("E83", "A server error proves nothing: the order is there", TRADES)
async def error_after(stage: Stage) -> None:
    await _lost_order(stage, FaultKind.ERROR_AFTER, is_there=True, status=504)


@card("E84", "An answer that cannot be read proves nothing", TRADES)
async def unreadable_answer(stage: Stage) -> None:
    await _lost_order(stage, FaultKind.GARBAGE, is_there=True)


@card("E85", "An order that traded before its answer was lost has its fill", TRADES)
async def lost_after_a_fill(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.break_(FaultKind.HANG_UP_AFTER, stage.venue.requests["submit"])
        order = there.submit(Side.BUY, SMALL, stage.best(Side.SELL))
        await there.filled(order)
        await stage.pass_time(0.5, 0.02)
        assert not there.reports_of(order, *_REFUSED)
        assert len(stage.account.fills) == 1


@card("E86", "A cancel whose answer is lost: the order ended, or is open still, and is told so", TRADES)
async def lost_cancels(stage: Stage) -> None:
    async with trading(stage) as there:
        first, second = await there.rest(), await there.rest(ticks=1_010)
        stage.break_(FaultKind.HANG_UP_AFTER, stage.venue.requests["cancel"])
        there.cancel(first)
        await _in_doubt(there, first, ExecType.CANCELED)
        await there.told(first, ExecType.CANCELED)
        stage.break_(FaultKind.HANG_UP_BEFORE, stage.venue.requests["cancel"])
        there.cancel(second)
        await _in_doubt(there, second)
        assert is_open(there.at_venue(second))
        there.cancel(second)
        await there.told(second, ExecType.CANCELED)


@card("E87", "An amendment whose answer is lost: done, or not, and never told as refused", AMEND)
async def lost_amendments(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest(Side.BUY, SMALL * 4)
        stage.break_(FaultKind.HANG_UP_AFTER, stage.venue.requests["amend"])
        there.amend(order, SMALL * 3)
        await _in_doubt(there, order, ExecType.REPLACED)
        stage.break_(FaultKind.HANG_UP_BEFORE, stage.venue.requests["amend"])
        there.amend(order, SMALL * 2)
        await there.told(order, ExecType.UNKNOWN)
        await _in_doubt(there, order)
        status = await there.find(order)
        assert status is not None
        assert status.quantity == there.at_venue(order)[0].quantity == SMALL * 3


@card("E88", "Several orders whose one answer is lost are each in doubt, and each is found", BATCH)
async def lost_batches(stage: Stage) -> None:
    async with trading(stage) as there:
        for kind, is_there in ((FaultKind.HANG_UP_AFTER, True), (FaultKind.HANG_UP_BEFORE, False)):
            orders = [there.resting(ticks=1_000 + number) for number in range(3)]
            stage.break_(kind, stage.venue.requests["batch"])
            there.connector.submit_batch(orders)
            for order in orders:
                await _in_doubt(there, order, ExecType.NEW)
                assert (await there.find(order) is not None) is is_there is is_open(there.at_venue(order))


@card("E89", "An order id is used once: a second order under it never arises", TRADES)
async def duplicate_ids(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest()
        with pytest.raises((OrderError, DuplicateOrderId)):
            there.send(order)
        assert len(there.at_venue(order)) == 1
        async with trading(stage) as restarted:  # it knows nothing of the first
            restarted.send(order)
            await restarted.told(order, ExecType.UNKNOWN)
            assert not restarted.reports_of(order, ExecType.REJECTED)
            status = await restarted.find(order)
            assert status is not None
            assert status.state is OrderState.NEW
        assert len(there.at_venue(order)) == 1


@card("E90", "What the venue could not read is refused before it is sent", TRADES)
async def illegal_orders(stage: Stage) -> None:
    async with trading(stage) as there:
        for order in (
            there.resting(client_order_id="a b"),
            there.resting(client_order_id="x" * 65),
            there.order(Side.BUY, SMALL, stage.best(Side.BUY), symbol="NO/SUCH"),
            there.resting(options=(("noSuchOption", "1"),)),
            there.order(Side.BUY, ZERO, stage.best(Side.BUY)),
        ):
            with pytest.raises(OrderError):
                there.send(order)
        await stage.pass_time(0.3)
        assert not stage.account.orders
        assert not stage.loopback.counts[stage.venue.requests["submit"]]


@card("E91", "«Too many requests» is obeyed: the order was not done, and nothing follows before its time", TRADES)
async def too_many_requests(stage: Stage) -> None:
    async with trading(stage) as there:
        submit = stage.venue.requests["submit"]
        stage.break_(FaultKind.RATE_LIMIT, submit, seconds=20.0)
        first = there.send(there.resting())
        await there.told(first, ExecType.REJECTED)
        asked = stage.loopback.counts[submit]
        second = there.send(there.resting())
        await there.told(second, ExecType.REJECTED)  # not sent
        assert stage.loopback.counts[submit] == asked
        await stage.pass_time(21, 0.2)
        await there.rest()


@card("E92", "A ban is obeyed: not even cancels are sent before it is over", TRADES)
async def bans(stage: Stage) -> None:
    async with trading(stage) as there:
        resting = await there.rest()
        stage.break_(FaultKind.BAN, stage.venue.requests["submit"], seconds=60.0)
        order = there.send(there.resting())
        await there.told(order, ExecType.REJECTED)
        there.cancel(resting)
        await there.told(resting, ExecType.CANCEL_REJECTED)
        assert not stage.loopback.counts[stage.venue.requests["cancel"]]
        await stage.pass_time(61, 0.5)
        there.cancel(resting)
        await there.told(resting, ExecType.CANCELED)


@card(
    "E93", "The venue's limit of orders is never exceeded, and what it leaves no room for is told as not sent", TRADES,
    LIMITS_ORDERS,
)  # fmt: skip
async def order_limits(stage: Stage) -> None:
    async with trading(stage) as there:
        await there.rest()
        name, client = stage.venue.budgets[1], stage.venue.budget_clients[1]
        rule, used = min(stage.loopback.usage.used(name, client), key=lambda row: row[0].limit)
        stage.loopback.usage.add(name, client, rule.limit - used - 9)  # placed by another program
        await there.rest(ticks=1_010)
        orders = [there.send(there.resting(ticks=1_100 + number)) for number in range(20)]
        await stage.until(lambda: all(there.reports_of(order, ExecType.NEW, ExecType.REJECTED) for order in orders))
        assert any(there.reports_of(order, ExecType.REJECTED) for order in orders)
        assert not stage.loopback.counts["status_429"] + stage.loopback.counts["status_418"]
        for order in orders:
            assert is_open(there.at_venue(order)) is bool(there.reports_of(order, ExecType.NEW))


@card("E94", "Cancels go where the budget for everything else is used up", TRADES)
async def cancels_have_a_reserve(stage: Stage) -> None:
    async with trading(stage) as there:
        order = await there.rest()
        weight = stage.venue.budgets[0]
        client = stage.venue.budget_clients[0]
        [(rule, used)] = stage.loopback.usage.used(weight, client)
        stage.loopback.usage.add(weight, client, int(rule.limit * 0.97) - used)
        await there.find(order)  # it learns of that
        there.cancel(order)
        await there.told(order, ExecType.CANCELED)
        assert stage.clock.now_ns() < MINUTE_NS + 60 * NS_PER_SECOND  # the budget is as used up as it was
        await stage.pass_time(60, 0.5)


@card("E95", "A clock that goes wrong is measured anew, and the order goes through", TRADES)
async def clock_skew(stage: Stage) -> None:
    async with trading(stage) as there:
        for seconds in (30.0, -30.0):
            stage.break_(FaultKind.CLOCK_SKEW, seconds=seconds)
            order = await there.rest()
            assert len(there.at_venue(order)) == 1
        stage.break_(FaultKind.CLOCK_SKEW, seconds=0.0)
        await there.rest()


@card("E96", "A venue under maintenance is a refusal or a doubt, and works again afterwards", TRADES)
async def maintenance(stage: Stage) -> None:
    async with trading(stage) as there:
        stage.break_(FaultKind.MAINTENANCE)
        order = there.send(there.resting())
        await stage.until(lambda: there.reports_of(order, ExecType.REJECTED, ExecType.UNKNOWN))
        stage.loopback.clear_faults()
        assert await there.find(order) is None
        await there.rest()
