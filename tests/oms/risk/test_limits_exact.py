"""Both sides of each boundary, and the numbers that go with each verdict."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import OrderState, TradingState
from quantai.instruments import Instrument
from quantai.oms.models import Change, Order
from quantai.oms.risk import Approved, RiskEngine
from quantai.oms.risk.halting import INTERVAL_NS, HaltKeeper
from quantai.oms.risk.states import SETTING, SetState
from tests.oms.risk.desk import BUY, SELL, Desk, check
from tests.oms.world import PERP, SPOT, START_NS, D

SECOND = 1_000_000_000
ETH = Instrument(venue="binance", symbol="ETH/USDT", tick_size=D("0.01"), lot_size=D("0.001"))


def numbers(desk: Desk, order: Order) -> list[tuple[str, Decimal | int, Decimal | int]]:
    """What the checks compared."""
    return [(each.what, each.value, each.limit) for each in desk.engine.check(order).numbers]


# Exposure


def test_the_exposure_of_a_strategy_is_its_own_though_the_account_gets_smaller() -> None:
    desk = Desk(check("exposure_limit", max_gross=250, per="strategy"))
    desk.books.hold("beta", SPOT, "5")
    assert desk.no(desk.order(SELL, "2.5")) == ""
    assert desk.no(desk.order(SELL, "2.6")) == "EXPOSURE_LIMIT: gross exposure would be 260, the limit is 250"


def test_the_exposure_of_the_account_may_get_smaller_though_a_strategys_grows() -> None:
    desk = Desk(check("exposure_limit", max_gross=250))
    desk.books.hold("beta", SPOT, "5")
    assert desk.no(desk.order(SELL, "5")) == ""
    assert desk.no(desk.order(SELL, "5.001")) != ""
    assert desk.no(desk.order(BUY, "1")) == "EXPOSURE_LIMIT: gross exposure would be 600, the limit is 250"


@pytest.mark.parametrize(("per", "gross"), [("instrument", "100"), ("venue", "600"), ("account", "900")])
def test_what_is_summed(per: str, gross: str) -> None:
    desk = Desk(check("exposure_limit", max_gross=10_000, per=per))
    desk.quote(ETH, 100, 100)
    desk.books.hold("beta", ETH, "5")
    desk.books.hold("beta", PERP, "300", "300")
    assert numbers(desk, desk.order()) == [("gross exposure", D(gross), D(10_000))]


def test_an_instrument_without_a_price_is_only_missed_where_it_is_summed() -> None:
    for per, why in (("venue", "EXPOSURE_LIMIT: binance:ETH/USDT has no price"), ("instrument", "")):
        desk = Desk(check("exposure_limit", max_gross=1_000, per=per))
        desk.books.hold("beta", ETH, "5")
        assert desk.no(desk.order()) == why


def test_money_is_changed_at_its_own_venue() -> None:
    desk = Desk(check("exposure_limit", max_gross=10_000))
    asked: list[tuple[str, str]] = []
    to_base = desk.books.to_base

    def listen(amount: Decimal, currency: str, venue: str) -> Decimal | None:
        asked.append((currency, venue))
        return to_base(amount, currency, venue)

    desk.books.to_base = listen  # type: ignore[method-assign]
    desk.books.hold("beta", PERP, "5", "5")
    assert desk.no(desk.order()) == ""
    assert sorted(asked) == [("USDT", "binance"), ("USDT", "okx")]


def test_strategies_that_are_long_and_short_of_the_same_have_made_what_they_paid_less() -> None:
    desk = Desk()
    desk.books.hold("alpha", PERP, "1", "0.9")
    desk.books.hold("beta", PERP, "-1", "-1.1")
    desk.engine.check(desk.order())
    account = desk.view.exposures()
    assert account.of(PERP).profit == D("0.2")
    assert account.total("okx", "USDT", is_margined=True).profit == D("0.2")


def test_a_position_limit_is_of_the_strategy_or_of_the_account() -> None:
    for per, why in (("strategy", ""), ("account", "POSITION_LIMIT: position would be 2 (200 USDT), the limit is 150")):
        desk = Desk(check("position_limit", max_notional=150, per=per))
        desk.books.hold("beta", SPOT, "1")
        assert desk.no(desk.order(BUY)) == why


# Prices


@pytest.mark.parametrize(
    ("price", "why"),
    [
        ("0", "INVALID_PRICE: price 0 is not positive"),
        ("-1", "INVALID_PRICE: price -1 is not positive"),
        ("0.01", "INVALID_PRICE: price 0.01 is more than 10 % from the market at 100"),
        ("90.005", "INVALID_PRICE: price 90.005 is not a multiple of the tick 0.01"),
        ("89.99", "INVALID_PRICE: price 89.99 is more than 10 % from the market at 100"),
        ("90", ""),
        ("110", ""),
        ("110.01", "INVALID_PRICE: price 110.01 is more than 10 % from the market at 100"),
    ],
)
def test_a_price_is_positive_on_the_grid_and_near_the_market(price: str, why: str) -> None:
    assert Desk(check("price_validity", band="0.1")).no(Desk().order(BUY, "1", price)) == why


def test_a_price_is_compared_with_the_numbers_told() -> None:
    desk = Desk(check("price_validity", band="0.1", max_age="2s"))
    desk.wait(SECOND)
    assert numbers(desk, desk.order(BUY, "1", "95")) == [
        ("distance from the market", D(5), D(10)),
        ("age of the market in ns", SECOND, 2 * SECOND),
    ]


# Flow


def test_an_order_that_is_a_window_old_does_not_count_in_all() -> None:
    desk = Desk(check("order_rate", per_strategy=9, total=2, window="1s"))
    desk.send(desk.order())
    desk.send(desk.order(strategy="beta"))
    desk.wait(SECOND - 1)
    assert desk.no(desk.order(strategy="gamma")) == "ORDER_RATE: 2 orders went out within 1s, the limit is 2"
    desk.wait(1)
    assert numbers(desk, desk.order(strategy="gamma")) == [
        ("orders of the strategy in the window", 0, 9),
        ("orders in the window", 0, 2),
    ]


def test_the_same_order_again_is_told_by_its_age() -> None:
    desk = Desk(check("duplicate_order", window="2s"))
    first = desk.order()
    desk.send(first)
    desk.wait(SECOND)
    assert numbers(desk, desk.order()) == [("age of the same order in ns", SECOND, 2 * SECOND)]
    assert desk.no(desk.order()) == (
        f"DUPLICATE_ORDER: {first.client_order_id} is the same (buy 1 BTC/USDT at 100), sent 1s ago; the limit is 2s"
    )
    assert desk.no(desk.order(parent="p")) != ""


def test_children_of_one_parent_may_be_alike_and_orders_of_none_may_not() -> None:
    desk = Desk(check("duplicate_order"))
    assert desk.send(desk.order(parent="p")) == ""
    assert desk.send(desk.order(parent="p")) == ""
    assert desk.no(desk.order(parent="q")) != ""


def test_own_orders_and_unknown_ones_are_told() -> None:
    desk = Desk(check("self_trade"), check("unknown_order"))
    desk.rest(desk.order(SELL, price="101"))
    desk.rest(desk.order(SELL, price="102"), OrderState.UNKNOWN)
    assert numbers(desk, desk.order(BUY, price="100")) == [
        ("price, own orders rest at", D(100), D(101)),
        ("unknown orders", 1, 0),
    ]
    assert desk.no(desk.order(BUY, price="101")) == (
        "SELF_TRADE: would trade at 101 with an own order that rests at 101"
    )  # fmt: skip


def test_a_change_that_makes_an_order_smaller_or_equal_is_no_new_order() -> None:
    desk = Desk(check("order_rate", per_strategy=1))
    order = desk.rest(desk.order(BUY, "2"))
    desk.send(desk.order())
    for quantity, price, passes in (("2", "100", True), ("1", "100", True), ("2.1", "100", False), ("2", "99", False)):
        verdict = desk.engine.check_change(order, Change(D(quantity), D(price)))
        assert isinstance(verdict, Approved) is passes


# States


def test_tightening_to_what_is_set_for_all_already_changes_nothing() -> None:
    desk = Desk()
    desk.states.set(TradingState.HALTED, None, "first")
    told = len(desk.said)
    desk.states.tighten(TradingState.HALTED, None, "second")
    desk.states.tighten(TradingState.REDUCING, None, "third")
    assert len(desk.said) == told
    assert desk.states.all()[None].reason == "first"


def test_states_that_cannot_be_read_are_told(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.states.restore({SETTING: "no"})
    said = "the trading states in the journal cannot be read, so trading is halted: Input data was truncated"
    assert caplog.messages[0] == said
    assert desk.states.all() == {None: SetState(TradingState.HALTED, "the kept states could not be read", START_NS)}


def test_every_strategy_that_is_halted_is_kept_so() -> None:
    desk = Desk()
    cancelled: list[str] = []

    class Orders:
        def open_orders(self, strategy: str | None = None) -> list[Order]:
            return [order for order in desk.cache.open_orders() if strategy in (None, order.strategy)]

        def cancel(self, order: Order, cause: str = "") -> None:
            cancelled.append(order.client_order_id)

    keeper = HaltKeeper(desk.states, Orders(), desk.clock)
    keeper.start()
    rests = [desk.rest(desk.order(strategy=name)) for name in ("alpha", "beta", "beta")]
    desk.states.set(TradingState.REDUCING, "alpha", "")
    desk.states.set(TradingState.HALTED, "beta", "")
    desk.clock.advance_to(START_NS + INTERVAL_NS)
    assert cancelled == [order.client_order_id for order in rests[1:]]
    assert keeper.cancelled == 2
    keeper.stop()


def test_an_engine_without_checks_approves() -> None:
    desk = Desk()
    assert isinstance(RiskEngine([], desk.view).check(desk.order()), Approved)


# What a unit is worth at most


@pytest.mark.parametrize(
    ("price", "gross"),
    [("90", "100"), ("100", "100"), ("110", "110")],
)
def test_an_order_is_worth_what_the_market_or_its_limit_says_whichever_is_more(price: str, gross: str) -> None:
    desk = Desk(check("exposure_limit", max_gross=10_000))
    assert numbers(desk, desk.order(BUY, "1", price)) == [("gross exposure", D(gross), D(10_000))]


def test_a_market_without_a_positive_price_is_no_market() -> None:
    desk = Desk(check("price_validity"), price=0)
    desk.quote(SPOT, -1, -1)
    assert desk.no(desk.order()) == "INVALID_PRICE: no market price is known yet"


def test_a_first_order_at_a_venue_is_none_too_many() -> None:
    desk = Desk(check("max_open_orders", per_strategy=9, total=9, per_venue=1))
    assert desk.send(desk.order()) == ""
    assert desk.no(desk.order()) == "MAX_OPEN_ORDERS: 1 orders at binance are open, the limit is 1"
    assert desk.no(desk.order(instrument=PERP)) == ""
