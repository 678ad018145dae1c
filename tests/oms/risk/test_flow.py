"""How many orders, the same again, against each other, and while one is unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantai.core.enums import OrderState, TimeInForce
from quantai.oms.models import Change, Order
from quantai.oms.risk import Approved, flow
from tests.oms.risk.desk import BUY, SELL, Desk, check, whys
from tests.oms.world import BTC, PERP, SPOT, D

SECOND = 1_000_000_000


# Order rate


def test_a_strategy_may_send_so_many_orders_in_the_window_and_no_more() -> None:
    desk = Desk(check("order_rate", per_strategy=2, total=3, window="1s"))
    assert whys(desk, [desk.order(), desk.order()]) == ["", ""]
    assert desk.no(desk.order()) == "ORDER_RATE: 2 orders of alpha went out within 1s, the limit is 2"
    assert desk.send(desk.order(strategy="beta")) == ""
    assert desk.no(desk.order(strategy="beta")) == "ORDER_RATE: 3 orders went out within 1s, the limit is 3"


def test_the_window_slides() -> None:
    desk = Desk(check("order_rate", per_strategy=2, total=9, window="1s"))
    desk.send(desk.order())
    desk.wait(SECOND // 2)
    desk.send(desk.order())
    desk.wait(SECOND // 2 - 1)
    assert desk.no(desk.order()) != ""
    desk.wait(1)  # the first is a window old
    assert desk.send(desk.order()) == ""
    assert desk.no(desk.order()) != ""


def test_what_was_denied_does_not_count() -> None:
    desk = Desk(check("order_rate", per_strategy=1), check("position_limit", max_notional=100))
    assert desk.no(desk.order(BUY, "2")).startswith("POSITION_LIMIT")
    assert desk.send(desk.order(BUY, "1")) == ""


def test_a_change_counts_as_an_order() -> None:
    desk = Desk(check("order_rate", per_strategy=2))
    order = desk.order()
    desk.send(order)
    assert isinstance(desk.engine.check_change(order, Change(D(1), D(99))), Approved)
    assert desk.no(desk.order()) != ""
    assert isinstance(desk.engine.check_change(order, Change(D("0.5"), D(100))), Approved)


def test_a_reducing_order_passes_the_rate_and_counts() -> None:
    desk = Desk(check("order_rate", per_strategy=1))
    desk.books.hold("alpha", SPOT, "5")
    assert whys(desk, [desk.order(SELL), desk.order(SELL)]) == ["", ""]
    assert desk.no(desk.order(BUY)) == "ORDER_RATE: 1 orders of alpha went out within 1s, the limit is 1"


def test_a_clock_that_was_set_back_counts_anew() -> None:
    desk = Desk(check("order_rate", per_strategy=1))
    desk.send(desk.order())
    desk.clock.seek(desk.clock.now_ns() - 3600 * SECOND)
    assert desk.send(desk.order()) == ""
    assert desk.no(desk.order()) != ""


def test_the_rate_tells_its_numbers() -> None:
    desk = Desk(check("order_rate", per_strategy=5, total=7))
    desk.send(desk.order())
    numbers = desk.engine.check(desk.order(strategy="beta")).numbers
    assert [(each.what, each.value, each.limit) for each in numbers] == [
        ("orders of the strategy in the window", 0, 5),
        ("orders in the window", 1, 7),
    ]


# Duplicates


def test_the_same_order_again_is_denied_while_the_first_is_open_and_young() -> None:
    desk = Desk(check("duplicate_order", window="2s"))
    first = desk.order(BUY, "1.5", "99.50")
    desk.send(first)
    desk.wait(2 * SECOND - 1)
    assert desk.no(desk.order(BUY, "1.5", "99.50")) == (
        "DUPLICATE_ORDER: o1 is the same (buy 1.5 BTC/USDT at 99.5), sent 1999999999ns ago; the limit is 2s"
    )
    desk.wait(1)
    assert desk.no(desk.order(BUY, "1.5", "99.50")) == ""


def test_what_differs_is_another_order() -> None:
    desk = Desk(check("duplicate_order"))
    desk.send(desk.order(BUY, "1", "100"))
    others = [
        desk.order(SELL, "1", "100"),
        desk.order(BUY, "2", "100"),
        desk.order(BUY, "1", "99"),
        desk.order(BUY, "1", None),
        desk.order(BUY, "1", "100", strategy="beta"),
        desk.order(BUY, "1", "100", instrument=BTC),
    ]
    assert whys(desk, others) == [""] * 6


def test_the_same_order_may_come_when_the_first_is_closed() -> None:
    desk = Desk(check("duplicate_order"))
    first = desk.order(BUY, "1", None)
    desk.send(first)
    assert desk.no(desk.order(BUY, "1", None)).endswith("at the market), sent 0ns ago; the limit is 1s")
    desk.rest(first, OrderState.FILLED)
    assert desk.no(desk.order(BUY, "1", None)) == ""


def test_an_order_that_was_just_approved_counts_before_anybody_keeps_it() -> None:
    desk = Desk(check("duplicate_order"))
    assert desk.no(desk.order()) == ""
    assert desk.no(desk.order()).startswith("DUPLICATE_ORDER: o1 is the same")


def test_an_order_is_no_duplicate_of_itself() -> None:
    desk = Desk(check("duplicate_order"))
    order = desk.order()
    desk.send(order)
    assert desk.no(order) == ""
    assert isinstance(desk.engine.check_change(order, Change(D(1), D(99))), Approved)
    assert desk.no(desk.order(BUY, "1", "99")).startswith("DUPLICATE_ORDER")


def test_children_of_one_parent_may_be_alike() -> None:
    desk = Desk(check("duplicate_order"))
    desk.send(desk.order(parent="p"))
    assert desk.no(desk.order(parent="p")) == ""
    desk.send(desk.order(parent="p"))
    assert desk.no(desk.order(parent="q")).startswith("DUPLICATE_ORDER")
    assert desk.no(desk.order()).startswith("DUPLICATE_ORDER")


@pytest.mark.parametrize("is_stop", [True, False])
def test_exits_of_two_positions_may_be_alike(is_stop: bool) -> None:
    """Two brackets that are alike are stopped out by the same quote: each by its own stop."""
    desk = Desk(check("duplicate_order"))
    desk.books.hold("alpha", SPOT, "2")

    def exits() -> Order:
        if is_stop:
            return replace(desk.order(SELL, price=None), trigger_price=D(90))
        return desk.order(SELL, parent=f"entry{len(list(desk.cache.open_orders()))}")

    assert [desk.send(exits()) for _ in range(2)] == ["", ""]
    assert desk.send(exits()).startswith("DUPLICATE_ORDER")  # it would turn the position round
    desk.books.hold("beta", SPOT, "5")
    twice = [desk.send(desk.order(SELL, strategy="beta")) for _ in range(2)]
    assert [why[:15] for why in twice] == ["", "DUPLICATE_ORDER"]


def test_a_clock_that_was_set_back_makes_no_duplicates() -> None:
    desk = Desk(check("duplicate_order"))
    desk.send(desk.order())
    desk.clock.seek(desk.clock.now_ns() - 1)
    assert desk.no(desk.order()) == ""


def test_old_orders_are_forgotten_and_what_is_too_much_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_MAX_REMEMBERED", 4)
    duplicates = check("duplicate_order", window="1s")
    assert isinstance(duplicates, flow.DuplicateOrder)
    desk = Desk(duplicates)
    whys(desk, [desk.order(BUY, str(n)) for n in range(1, 5)])
    desk.wait(SECOND)
    desk.send(desk.order(BUY, "5"))  # the fifth makes room: the four are too old to matter
    assert duplicates.forgotten == 0
    whys(desk, [desk.order(BUY, str(n)) for n in range(6, 9)])
    desk.wait(1)
    desk.send(desk.order(BUY, "9"))  # all are young: the older of them go
    assert duplicates.forgotten == 3
    assert [bool(desk.no(desk.order(BUY, str(n)))) for n in (7, 8, 9)] == [False, True, True]


# Self-trade


@pytest.mark.parametrize(
    ("side", "rests", "price", "is_denied"),
    [
        (BUY, "101", "101", True),
        (BUY, "101", "102", True),
        (BUY, "101", "100.99", False),
        (SELL, "99", "99", True),
        (SELL, "99", "98", True),
        (SELL, "99", "99.01", False),
    ],
)
def test_an_order_that_would_meet_an_own_one_is_denied(side: str, rests: str, price: str, is_denied: bool) -> None:
    desk = Desk(check("self_trade"))
    taker = BUY if side == BUY else SELL
    desk.rest(desk.order(taker.opposite, "1", rests, strategy="beta"))
    desk.rest(desk.order(taker, "1", price, strategy="beta"))
    why = desk.no(desk.order(taker, "1", price))
    expected = f"SELF_TRADE: would trade at {price} with an own order that rests at {rests}" if is_denied else ""
    assert why == expected


def test_the_best_own_order_decides() -> None:
    desk = Desk(check("self_trade"))
    for price in ("105", "103", "104"):
        desk.rest(desk.order(SELL, "1", price))
    for price in ("95", "97", "96"):
        desk.rest(desk.order(BUY, "1", price))
    assert "rests at 103" in desk.no(desk.order(BUY, "1", "103"))
    assert desk.no(desk.order(BUY, "1", "102.99")) == ""
    assert "rests at 97" in desk.no(desk.order(SELL, "1", "97"))
    assert desk.no(desk.order(SELL, "1", "97.01")) == ""


def test_another_instrument_or_venue_is_no_self_trade() -> None:
    desk = Desk(check("self_trade"))
    desk.rest(desk.order(SELL, "1", "99"))
    assert desk.no(desk.order(BUY, "1", "100", instrument=BTC)) == ""
    assert desk.no(desk.order(BUY, "1", "100", instrument=PERP)) == ""


def test_an_own_order_counts_until_the_venue_says_that_it_is_gone() -> None:
    desk = Desk(check("self_trade"))
    order = desk.rest(desk.order(SELL, "1", "99"), OrderState.PENDING_CANCEL)
    assert desk.no(desk.order(BUY)) != ""
    desk.rest(order, OrderState.CANCELED)
    assert desk.no(desk.order(BUY)) == ""


def test_a_change_on_its_way_counts_at_both_prices() -> None:
    desk = Desk(check("self_trade"))
    order = desk.order(SELL, "1", "105")
    order.change = Change(D(1), D(101))
    desk.rest(order, OrderState.PENDING_REPLACE)
    assert "rests at 101" in desk.no(desk.order(BUY, "1", "101"))


def test_a_market_order_is_judged_by_the_quote() -> None:
    desk = Desk(check("self_trade"))
    desk.quote(SPOT, 99, 101)
    desk.rest(desk.order(SELL, "1", "102"))
    assert desk.no(desk.order(BUY, "1", None)) == ""
    desk.rest(desk.order(SELL, "1", "101"))
    assert desk.no(desk.order(BUY, "1", None)) != ""
    desk.quote(SPOT, 99, float("nan"))
    assert desk.no(desk.order(BUY, "1", None)) == (
        "SELF_TRADE: own orders rest on the other side, up to 101, and there is no quote"
    )


def test_what_cannot_take_cannot_trade_with_itself() -> None:
    desk = Desk(check("self_trade"))
    desk.rest(desk.order(SELL, "1", "99"))
    assert desk.no(desk.order(BUY, time_in_force=TimeInForce.POST_ONLY)) == ""
    assert desk.no(desk.order(BUY, time_in_force=TimeInForce.IOC)) != ""


def test_getting_out_is_worth_more_than_a_fee() -> None:
    desk = Desk(check("self_trade"))
    desk.books.hold("alpha", PERP, "-5")
    desk.rest(desk.order(SELL, "1", "99", instrument=PERP))
    assert desk.no(desk.order(BUY, instrument=PERP, reduce_only=True)) == ""
    assert desk.no(desk.order(BUY, instrument=PERP)) != ""  # a quote of a market maker, say


def test_a_stop_goes_out_even_where_an_own_order_rests() -> None:
    desk = Desk(check("self_trade"))
    desk.quote(SPOT, 99, 101)
    desk.rest(desk.order(BUY, "1", "99", strategy="maker"))
    desk.books.hold("alpha", SPOT, "1")
    assert desk.no(replace(desk.order(SELL, "1", None), trigger_price=D(99))) == ""
    assert desk.no(replace(desk.order(SELL, "2", None), trigger_price=D(99))).startswith("SELF_TRADE")  # opens one
    assert desk.no(desk.order(SELL, "1", "99", parent="entry")) == ""
    assert desk.no(desk.order(SELL, "1", "99")) != ""


# Unknown orders


def test_nothing_new_goes_out_while_an_order_there_is_unknown() -> None:
    desk = Desk(check("unknown_order"))
    desk.books.hold("gamma", SPOT, "2")
    order = desk.rest(desk.order(BUY, "1", strategy="beta"), OrderState.UNKNOWN)
    assert desk.no(desk.order()) == "UNKNOWN_ORDER: 1 orders on BTC/USDT are unknown; their venue is being asked"
    assert desk.no(desk.order(instrument=BTC)) == ""
    assert desk.no(desk.order(SELL, "2", strategy="gamma")) == ""
    assert desk.no(desk.order(SELL, "2.001", strategy="gamma")) != ""
    desk.rest(order, OrderState.NEW)
    assert desk.no(desk.order()) == ""
