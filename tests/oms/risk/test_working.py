"""Sums that are kept as orders change equal a recount over all orders, whatever happened; and limits hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import OrderState
from quantai.core.numbers import ZERO
from quantai.oms.models import Change, Order
from quantai.oms.risk.exposure import Exposure
from quantai.oms.risk.view import RiskView
from quantai.oms.risk.working import WorkingOrders
from tests.oms.risk.desk import BUY, SELL, Desk, check
from tests.oms.risk.naive import Recount, gross, prices, recount, working, works
from tests.oms.world import BTC, INVERSE, PERP, SPOT, D

EVERY = (SPOT, PERP, INVERSE, BTC)
STRATEGIES = ("alpha", "beta")

Step = Callable[[Desk, list[Order]], None]


def place(desk: Desk, orders: list[Order], where: int, is_buy: bool, quantity: int, price: int, who: int) -> None:
    order = desk.order(
        BUY if is_buy else SELL, str(quantity), str(price) if price else None,
        instrument=EVERY[where], strategy=STRATEGIES[who], reduce_only=price == 99,
    )  # fmt: skip
    order.is_parent = price == 101
    orders.append(order)
    desk.rest(order, OrderState.SUSPENDED if price == 102 else OrderState.PENDING_NEW)


def move(desk: Desk, orders: list[Order], which: int, state: OrderState) -> None:
    if orders:
        desk.rest(orders[which % len(orders)], state)


def fill(desk: Desk, orders: list[Order], which: int, quantity: int) -> None:
    """Book, then keep, as the OMS does; also more than was left, and after the end."""
    if not orders:
        return
    order = orders[which % len(orders)]
    key = (order.strategy, order.venue, order.symbol)
    held = desk.books.held.get(key)
    before, cost = (held.quantity, held.cost) if held else (ZERO, ZERO)
    signed = D(quantity) * order.side.sign
    desk.books.hold(
        order.strategy, order.instrument, str(before + signed), str(cost + order.instrument.value(signed, D(100)))
    )
    order.filled_quantity += quantity
    desk.rest(order, OrderState.FILLED if order.is_complete else order.state)


def amend(desk: Desk, orders: list[Order], which: int, quantity: int, price: int) -> None:
    if orders:
        order = orders[which % len(orders)]
        order.change = None if price % 2 else Change(D(quantity), None if order.price is None else D(price))
        desk.rest(order, OrderState.PENDING_REPLACE)


def quote(desk: Desk, orders: list[Order], where: int, bid: int) -> None:
    desk.quote(EVERY[where], bid / 2, bid / 2 + 1)


def _step(function: Callable[..., None], **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.fixed_dictionaries(values).map(lambda kw: lambda desk, orders: function(desk, orders, **kw))


which = st.integers(0, 30)
quantity = st.integers(1, 9)
steps = st.lists(
    st.one_of(
        _step(
            place, where=st.integers(0, 3), is_buy=st.booleans(), quantity=quantity,
            price=st.integers(95, 105) | st.just(0), who=st.integers(0, 1),
        ),
        _step(move, which=which, state=st.sampled_from(OrderState)),
        _step(fill, which=which, quantity=quantity),
        _step(amend, which=which, quantity=quantity, price=st.integers(95, 105)),
        _step(quote, where=st.integers(0, 3), bid=st.integers(150, 250)),
    ),
    max_size=25,
)  # fmt: skip


def counted(exposure: Exposure) -> Recount:
    assert exposure.notional is not None
    assert exposure.profit is not None
    return Recount(
        exposure.buys, exposure.sells, exposure.bids, exposure.asks, exposure.unknown, exposure.open_orders,
        exposure.position, exposure.notional, exposure.profit,
    )  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(steps)
def test_the_sums_equal_a_recount(happened: list[Step]) -> None:
    desk, orders = Desk(), list[Order]()
    sums = desk.view.working
    desk.view.begin(desk.order())
    for happens in happened:
        happens(desk, orders)
        sums.account.refresh()
    known = working(desk)
    assert sums.total == len(known)
    assert +Counter(sums.by_strategy) == Counter(order.strategy for order in known)
    assert +Counter(sums.by_venue) == Counter(order.venue for order in known)
    for instrument in EVERY:
        for strategy, exposures in ((None, sums.account), *((name, sums.strategy(name)) for name in STRATEGIES)):
            exposure = exposures.of(instrument)
            exposures.refresh()
            assert counted(exposure) == recount(desk, known, instrument, strategy)
    totals = sums.account.totals.items()
    assert all(not total.unpriced and not total.unvalued for _, total in totals)
    for (venue, currency, is_margined), total in totals:
        there = [
            recount(desk, known, each)
            for each in EVERY
            if (each.venue, each.settlement_currency, each.is_margined) == (venue, currency, is_margined)
        ]
        assert total.notional == sum((each.notional for each in there), ZERO)
        assert total.profit == sum((each.profit for each in there), ZERO)


@settings(max_examples=30, deadline=None)
@given(steps)
def test_what_orders_would_pay_equals_a_recount(happened: list[Step]) -> None:
    desk, orders = Desk(), list[Order]()
    for happens in happened:
        happens(desk, orders)
    paid: dict[tuple[str, str], list[Decimal]] = {}
    for order in working(desk):
        if order.price is None:
            continue
        instrument, amount = order.instrument, works(order)
        is_sale = order.side is SELL and instrument is not PERP and instrument is not INVERSE
        currency = "BTC" if is_sale or instrument is INVERSE else "USDT"
        at = min(prices(order, desk)) if instrument.inverse else max(prices(order, desk))
        place = 2 if is_sale else 1 if instrument.is_margined or order.side is SELL else 0
        sums = paid.setdefault((order.venue, currency), [ZERO, ZERO, ZERO])
        sums[place] += amount if is_sale else instrument.notional(amount, at)
    purses = desk.view.working.purses
    assert {key: [p.paid, p.fees_of, p.units] for key, p in purses.items() if p.paid or p.fees_of or p.units} == {
        key: sums for key, sums in paid.items() if any(sums)
    }


@settings(max_examples=50, deadline=None)
@given(steps, st.integers(0, 3), st.booleans(), st.integers(1, 20), st.integers(95, 105) | st.just(0))
def test_no_order_passes_that_breaks_a_limit_counted_naively(
    happened: list[Step], where: int, is_buy: bool, amount: int, price: int
) -> None:
    desk = Desk(check("exposure_limit", max_gross=3000), check("position_limit", max_notional=900, per="account"))
    orders: list[Order] = []
    for happens in happened:
        happens(desk, orders)
    order = desk.order(BUY if is_buy else SELL, str(amount), str(price) if price else None, instrument=EVERY[where])
    if desk.no(order):
        return
    known = [*working(desk), order]
    own = recount(desk, known, order.instrument)
    after = own.position + own.buys if is_buy else own.sells - own.position
    strategys = recount(desk, known, order.instrument, "alpha")
    reduces = (strategys.position + strategys.buys if is_buy else strategys.sells - strategys.position) <= 0
    if after > 0 and not reduces:
        assert gross(desk, known, EVERY) <= 3000
        at = order.price or prices(order, desk)[0]
        assert order.instrument.notional(after, at) <= 900


def test_orders_that_work_when_risk_begins_are_counted() -> None:
    desk = Desk()
    desk.rest(desk.order(BUY, "2"))
    sums = WorkingOrders(desk.books, desk.market, desk.cache.open_orders())
    assert (sums.total, sums.account.of(SPOT).buys) == (1, D(2))
    view = RiskView(desk.books, desk.market, desk.cache, desk.clock)
    assert (view.working.total, view.working.account.of(SPOT).buys) == (1, D(2))


def test_what_is_taken_out_for_a_moment_is_put_back() -> None:
    desk = Desk()
    order = desk.rest(desk.order(SELL, "2", None))
    sums = desk.view.working
    assert sums.take_out("nobody") is None
    taken = sums.take_out(order.client_order_id)
    assert taken is not None
    assert (sums.total, sums.account.of(SPOT).sells, list(sums.at_market)) == (0, ZERO, [])
    sums.put_back(taken)
    assert (sums.total, sums.account.of(SPOT).sells, list(sums.at_market)) == (1, D(2), [sums.account.of(SPOT)])


def test_an_order_whose_numbers_are_none_makes_its_instrument_unknown_until_it_is_gone() -> None:
    """An adopted order can be anything."""
    for price, amount in (("NaN", "1"), ("-5", "1"), ("0", "1"), ("100", "Infinity"), ("100", "NaN"), ("sNaN", "1")):
        desk = Desk(check("exposure_limit", max_gross=10**6))
        order = desk.rest(desk.order(BUY, amount, price, strategy="external"))
        assert desk.no(desk.order()) == "EXPOSURE_LIMIT: binance:BTC/USDT has no price"
        assert desk.no(desk.order(instrument=PERP)) == "EXPOSURE_LIMIT: binance:BTC/USDT has no price"
        desk.rest(order, OrderState.CANCELED)
        assert desk.no(desk.order()) == ""


def test_a_change_to_what_is_no_price_makes_its_instrument_unknown_until_it_is_over() -> None:
    for price in ("-5", "0"):
        desk = Desk(check("exposure_limit", max_gross=10**6))
        order = desk.order(BUY, "1", "100")
        order.change = Change(D(1), D(price))
        desk.rest(order, OrderState.PENDING_REPLACE)
        assert desk.no(desk.order()) == "EXPOSURE_LIMIT: binance:BTC/USDT has no price"
        order.change = None
        desk.rest(order)
        assert desk.no(desk.order()) == ""


def test_sums_stay_exact_over_orders_of_very_different_size() -> None:
    desk = Desk()
    big = desk.rest(desk.order(BUY, "999999999999999", "99999999999"))
    small = desk.rest(desk.order(BUY, "0.000000000001", "0.00000001"))
    desk.rest(big, OrderState.CANCELED)
    purse = desk.view.working.purses["binance", "USDT"]
    assert purse.paid == D("0.000000000001") * D("0.00000001")
    assert desk.view.working.account.of(SPOT).buys == D("0.000000000001")
    desk.rest(small, OrderState.CANCELED)
    assert purse.paid == ZERO


def test_orders_of_an_instrument_whose_filters_changed_are_counted_with_those_from_before() -> None:
    desk = Desk(check("position_limit", max_notional=300), check("quantity_validity"))
    finer = replace(SPOT, lot_size=D("0.0001"))
    before, after = desk.rest(desk.order(BUY, "1")), desk.rest(desk.order(BUY, "1.5", instrument=finer))
    sums = desk.view.working
    assert (sums.total, sums.account.of(finer)) == (2, sums.account.of(SPOT))
    assert (sums.account.of(SPOT).buys, sums.purses["binance", "USDT"].paid) == (D("2.5"), D(250))
    assert desk.no(desk.order(BUY, "0.6")).startswith("POSITION_LIMIT: ")
    assert desk.no(desk.order(BUY, "0.4999", instrument=finer)) == ""
    assert desk.no(desk.order(BUY, "0.4999")).startswith("INVALID_QUANTITY: ")
    for order in (before, after):
        desk.rest(order, OrderState.CANCELED)
    assert (sums.total, sums.account.of(finer).buys, sums.purses["binance", "USDT"].paid) == (0, ZERO, ZERO)
