"""Orders trade by price, then by time, and every amount is exact."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.loopback.engine import Change, Reason, Refused, SelfTrade, Status, Tif, Trigger
from tests.loopback.engine.world import BUY, PERP, SELL, SPOT, D, World


def test_the_better_price_then_the_older_order_trades_first() -> None:
    world = World()
    late_best = world.place(world.alice, SELL, "1", "100.01")
    first = world.place(world.alice, SELL, "1", "100.02")
    second = world.place(world.alice, SELL, "1", "100.02")
    world.place(world.bob, BUY, "1.5", "100.05")
    assert [late_best.filled, first.filled, second.filled] == [1, D("0.5"), 0]
    assert [trade.price for trade in world.heard.trades] == [D("100.01"), D("100.02")]
    assert [group.quantity for group in world.heard.aggregates] == [1, D("0.5")]


def test_fills_move_money_to_the_last_digit() -> None:
    world = World()
    sold = world.place(world.alice, SELL, "1", "100.01")
    bought = world.place(world.bob, BUY, "1.5", "100.05")
    alice, bob = world.alice.balances, world.bob.balances
    assert alice["USDT"].total == D(100_000) + D("100.01") - D("0.10001")
    assert (bob["BTC"].free, bob["USDT"].locked) == (D(10) + 1 - D("0.001"), D("0.5") * D("100.05"))
    assert bob["USDT"].total == D(100_000) - D("100.01")
    assert (sold.status, bought.status) == (Status.FILLED, Status.PARTIALLY_FILLED)
    assert [fill.is_maker for fill in sold.fills + bought.fills] == [True, False]
    world.engine.cancel(bought)
    assert bob["USDT"].locked == 0


def test_what_is_not_there_is_not_set_aside() -> None:
    world = World()
    with pytest.raises(Refused) as refused:
        world.place(world.alice, BUY, "1001", "100.00")
    assert refused.value.reason is Reason.INSUFFICIENT
    assert world.alice.balances["USDT"].locked == 0
    assert not world.alice.orders


@pytest.mark.parametrize(
    ("tif", "quantity", "filled", "status"),
    [
        (Tif.IOC, "2", "1", Status.EXPIRED),
        (Tif.FOK, "2", "0", Status.EXPIRED),
        (Tif.FOK, "1", "1", Status.FILLED),
        (Tif.GTC, "2", "1", Status.PARTIALLY_FILLED),
    ],
)
def test_what_time_in_force_leaves(tif: Tif, quantity: str, filled: str, status: Status) -> None:
    world = World()
    world.place(world.alice, SELL, "1", "100")
    order = world.place(world.bob, BUY, quantity, "100", tif=tif)
    assert (order.filled, order.status) == (D(filled), status)


def test_a_good_till_date_order_expires_by_the_clock() -> None:
    world = World()
    until_ns = world.clock.now_ns() + 10**9
    order = world.place(world.alice, BUY, "1", "100", tif=Tif.GTD, good_till_ns=until_ns)
    world.clock.advance_to(until_ns)
    assert order.status is Status.EXPIRED
    assert world.alice.balances["USDT"].locked == 0


def test_a_post_only_order_that_would_take_is_refused() -> None:
    world = World()
    world.place(world.alice, SELL, "1", "100")
    with pytest.raises(Refused) as refused:
        world.place(world.bob, BUY, "1", "100", is_post_only=True)
    assert refused.value.reason is Reason.WOULD_TAKE


def test_a_market_order_by_value_buys_whole_lots() -> None:
    world = World()
    world.place(world.alice, SELL, "0.5", "100")
    world.place(world.alice, SELL, "5", "101")
    order = world.place(world.bob, BUY, "0", quote_quantity=D("100"))
    assert order.filled == D("0.5") + D("0.495")
    assert order.status is Status.FILLED
    assert order.quote_filled <= 100


def test_an_iceberg_shows_a_part_and_queues_again_for_the_next() -> None:
    world = World()
    iceberg = world.place(world.alice, SELL, "1", "100", iceberg=D("0.2"))
    other = world.place(world.alice, SELL, "1", "100")
    book = world.engine.markets[SPOT].book
    assert book.quotes(SELL) == [(D(100), D("1.2"))]
    world.place(world.bob, BUY, "0.7", "100")
    assert (iceberg.filled, other.filled) == (D("0.2"), D("0.5"))
    assert book.quotes(SELL) == [(D(100), D("0.7"))]


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        (SelfTrade.EXPIRE_TAKER, Status.NEW, Status.EXPIRED_IN_MATCH),
        (SelfTrade.EXPIRE_MAKER, Status.EXPIRED_IN_MATCH, Status.NEW),
        (SelfTrade.EXPIRE_BOTH, Status.EXPIRED_IN_MATCH, Status.EXPIRED_IN_MATCH),
        (SelfTrade.ALLOWED, Status.FILLED, Status.FILLED),
    ],
)
def test_an_account_trades_with_itself_only_where_it_may(mode: SelfTrade, maker: Status, taker: Status) -> None:
    world = World()
    resting = world.place(world.alice, SELL, "1", "100")
    coming = world.place(world.alice, BUY, "1", "100", self_trade=mode)
    assert (resting.status, coming.status) == (maker, taker)


def test_an_amended_order_keeps_its_place_only_when_it_shrinks() -> None:
    world = World()
    first = world.place(world.alice, SELL, "1", "100")
    second = world.place(world.alice, SELL, "1", "100")
    world.engine.amend(first, D("0.4"), None, keeps_place=True, client_id="renamed")
    world.place(world.bob, BUY, "0.5", "100")
    assert (first.filled, second.filled) == (D("0.4"), D("0.1"))
    assert (first.status, first.client_id) == (Status.FILLED, "renamed")
    with pytest.raises(Refused) as refused:
        world.engine.amend(second, D(2), None, keeps_place=True)
    assert refused.value.reason is Reason.AMEND_NOT_SMALLER


def test_a_requeued_order_may_trade_and_one_that_is_too_dear_stays_as_it_was() -> None:
    world = World()
    world.place(world.alice, SELL, "1", "101")
    order = world.place(world.bob, BUY, "1", "100")
    with pytest.raises(Refused):
        world.engine.amend(order, D(100_000), D(100), keeps_place=False)
    assert (order.quantity, world.bob.balances["USDT"].locked) == (D(1), D(100))
    world.engine.amend(order, D(1), D(101), keeps_place=False)
    assert order.status is Status.FILLED
    assert world.changes(order) == [Change.NEW, Change.AMENDED, Change.TRADE]


def test_a_client_id_is_free_again_when_its_order_is_closed() -> None:
    world = World()
    order = world.place(world.alice, BUY, "1", "100", client_id="a")
    with pytest.raises(Refused) as refused:
        world.place(world.alice, BUY, "1", "99", client_id="a")
    assert refused.value.reason is Reason.DUPLICATE
    world.engine.cancel(order)
    again = world.place(world.alice, BUY, "1", "99", client_id="a")
    assert world.engine.find(world.alice, SPOT, None, "a") is again


def test_a_stop_wakes_at_its_price_and_a_trailing_one_follows() -> None:
    world = World()
    market = world.engine.markets[SPOT]
    world.place(world.bob, BUY, "5", "95")
    world.engine.take(market, BUY, D(100), D(1))
    stop = world.place(world.alice, SELL, "1", trigger=Trigger(D(98), is_above=False))
    trail = world.place(world.alice, SELL, "1", trigger=Trigger(D(99), is_above=False, trail=D("0.01")))
    with pytest.raises(Refused) as refused:
        world.place(world.alice, SELL, "1", trigger=Trigger(D(101), is_above=False))
    assert refused.value.reason is Reason.WOULD_TRIGGER
    for price in ("110", "108.95"):
        world.engine.take(market, BUY, D(price), D(1))
        world.engine.settle_quote(market)
    assert (stop.status, trail.status) == (Status.WAITING, Status.WAITING)
    world.engine.take(market, BUY, D("108.8"), D(1))
    world.engine.settle_quote(market)
    assert world.changes(trail) == [Change.NEW, Change.TRIGGERED, Change.TRADE]
    assert stop.status is Status.FILLED  # the trade of the other one, at 95, was below its price


def test_a_countdown_cancels_what_works_unless_it_is_told_again() -> None:
    world = World()
    order = world.place(world.alice, BUY, "1", "100")
    world.engine.count_down(world.alice, SPOT, 10**9)
    world.clock.advance_to(world.clock.now_ns() + 9 * 10**8)
    world.engine.count_down(world.alice, SPOT, 10**9)
    world.clock.advance_to(world.clock.now_ns() + 9 * 10**8)
    assert order.is_open
    world.clock.advance_to(world.clock.now_ns() + 2 * 10**8)
    assert order.status is Status.CANCELED


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        ("0.0005", "100", Reason.QUANTITY_LOW),
        ("1.0005", "100", Reason.QUANTITY_STEP),
        ("1", "100.001", Reason.PRICE_STEP),
        ("0.01", "100", Reason.NOTIONAL),
        ("1", "130", Reason.PRICE_BAND_HIGH),
        ("1", "70", Reason.PRICE_BAND_LOW),
    ],
)
def test_filters_refuse(quantity: str, price: str, reason: Reason) -> None:
    world = World()
    world.engine.take(world.engine.markets[SPOT], BUY, D(100), D(1))
    with pytest.raises(Refused) as refused:
        world.place(world.alice, BUY, quantity, price)
    assert refused.value.reason is reason


def test_too_many_orders_and_rejections_on_command() -> None:
    world = World()
    for _ in range(world.engine.markets[SPOT].rules.max_orders):
        world.place(world.alice, BUY, "0.1", "100")
    with pytest.raises(Refused) as refused:
        world.place(world.alice, BUY, "0.1", "100")
    assert refused.value.reason is Reason.TOO_MANY_ORDERS
    world.engine.refuses_next = 1
    with pytest.raises(Refused) as refused:
        world.place(world.bob, BUY, "0.1", "100")
    assert refused.value.reason is Reason.BUSY
    assert world.place(world.bob, BUY, "0.1", "100").is_open


_orders = st.lists(
    st.tuples(
        st.sampled_from(["alice", "bob"]),
        st.sampled_from([BUY, SELL]),
        st.integers(60, 3_000),
        st.integers(9_900, 10_100),
        st.sampled_from(list(Tif)[:3]),
        st.booleans(),
    ),
    max_size=40,
)


@given(_orders)
def test_nothing_is_created_or_lost_and_no_book_is_crossed(
    orders: list[tuple[str, object, int, int, Tif, bool]],
) -> None:
    world = World()
    for name, side, quantity, price, tif, cancels in orders:
        account = getattr(world, name)
        order = world.place(account, side, str(D(quantity) / 1000), str(D(price) / 100), tif=tif)  # type: ignore[arg-type]
        if cancels and order.is_open:
            world.engine.cancel(order)
        bid, ask = world.engine.markets[SPOT].book.top()
        assert not (bid and ask and bid[0] >= ask[0])
    fees: dict[str, Decimal] = {"USDT": D(0), "BTC": D(0)}
    for account in (world.alice, world.bob):
        for _, fill in account.fills:
            fees[fill.fee_asset] += fill.fee
    for asset, total in (("USDT", D(200_000)), ("BTC", D(20))):
        assert sum(account.balances[asset].total for account in (world.alice, world.bob)) + fees[asset] == total
    for account in (world.alice, world.bob):
        held = sum(order.remaining * order.price for order in account.open_orders[SPOT].values() if order.side is BUY)
        assert account.balances["USDT"].locked == held


def test_what_trades_out_there_is_printed_and_fills_who_rests_there() -> None:
    world = World()
    market = world.engine.markets[SPOT]
    mine = world.place(world.alice, SELL, "1", "100")
    world.engine.take(market, BUY, D("100.50"), D(3))
    assert mine.status is Status.FILLED
    assert [(trade.price, trade.quantity) for trade in market.tape.trades] == [(D(100), D(1)), (D("100.50"), D(2))]


def test_funding_is_paid_by_who_is_long() -> None:
    world = World()
    market = world.engine.markets[PERP]
    world.place(world.dave, SELL, "1", "100")
    world.place(world.carol, BUY, "1", "100")
    market.mark, market.funding_rate = D(100), D("0.0001")
    before = world.carol.wallet["USDT"], world.dave.wallet["USDT"]
    world.engine.pay_funding(market)
    assert world.carol.wallet["USDT"] == before[0] - D("0.01")
    assert world.dave.wallet["USDT"] == before[1] + D("0.01")
    assert ("carol", "funding") in world.heard.accounts
