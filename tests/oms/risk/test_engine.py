"""The engine: one no is enough, what fails says no, and only it can approve."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState, Side, TradingState
from quantai.core.errors import QuantAIError
from quantai.oms.models import Change, Order
from quantai.oms.risk import RISK_CHECKS, Approved, Denied, RiskCheck, RiskEngine, RiskNumber, RiskView, Scope
from tests.oms.risk.desk import BUY, SELL, Desk, check
from tests.oms.world import PERP, SPOT, D, World

NEW_CODES = {"ORDER_RATE", "DAILY_LOSS", "DRAWDOWN", "DUPLICATE_ORDER", "SELF_TRADE", "STALE_MARKET", "UNKNOWN_ORDER"}


class Yes(RiskCheck):
    def evaluate(self, order: Order, view: RiskView) -> str | None:
        view.measure("one", 1, D(2))
        return None


class No(RiskCheck):
    code = "NO"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        view.measure("two", 2, 1)
        return "the limit is 1"


class EmptyNo(RiskCheck):
    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return ""


class Broken(RiskCheck):
    def evaluate(self, order: Order, view: RiskView) -> str | None:
        raise ZeroDivisionError("boom")


class Undefined(RiskCheck):
    pass


class Counting(Yes):
    code = "COUNTING"
    is_asked_of_reductions = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.approved: list[str] = []

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        self.asked.append(f"{order.quantity} at {order.price}")
        return None

    def on_approved(self, order: Order, view: RiskView) -> None:
        self.approved.append(order.client_order_id)


class Sour(Yes):
    code = "SOUR"

    def on_approved(self, order: Order, view: RiskView) -> None:
        raise ValueError("too late")


def test_an_order_passes_when_every_check_lets_it_and_the_numbers_are_kept() -> None:
    desk, yes = Desk(Yes(), Yes()), RiskNumber("Yes", "Yes", "one", 1, D(2))
    order = desk.order()
    verdict = desk.engine.check(order)
    assert isinstance(verdict, Approved)
    assert verdict.order is order
    assert verdict.numbers == (yes, yes)


def test_numbers_of_one_order_stay_its_own() -> None:
    desk = Desk(Yes())
    first, second = desk.engine.check(desk.order()), desk.engine.check(desk.order())
    assert len(first.numbers) == len(second.numbers) == 1


def test_the_first_no_is_the_verdict_with_the_numbers_so_far() -> None:
    desk = Desk(Yes(), No(), Broken())
    order = desk.order()
    verdict = desk.engine.check(order)
    assert isinstance(verdict, Denied)
    assert (verdict.order, verdict.code, verdict.reason) == (order, "NO", "the limit is 1")
    assert verdict.numbers == (RiskNumber("Yes", "Yes", "one", 1, D(2)), RiskNumber("NO", "NO", "two", 2, 1))


def test_a_check_that_was_given_a_name_says_it() -> None:
    no = No()
    no.bind("my_limit")
    desk = Desk(no)
    verdict = desk.engine.check(desk.order())
    assert isinstance(verdict, Denied)
    assert (verdict.code, verdict.reason) == ("NO", "the limit is 1 (my_limit)")
    assert verdict.numbers == (RiskNumber("NO", "my_limit", "two", 2, 1),)


def test_a_check_that_fails_denies_and_says_so() -> None:
    desk = Desk(Broken(), Yes())
    assert desk.no(desk.order()) == "Broken: the check failed: ZeroDivisionError: boom"


def test_a_check_that_fails_when_all_was_well_denies_too() -> None:
    desk = Desk(Sour())
    assert desk.no(desk.order()) == "SOUR: the check failed: ValueError: too late"


def test_a_no_without_a_reason_is_a_no() -> None:
    desk = Desk(EmptyNo())
    assert desk.no(desk.order()) == "EmptyNo: "


def test_a_check_that_defines_nothing_denies() -> None:
    desk = Desk(Undefined())
    assert desk.no(desk.order()) == "Undefined: Undefined does not define evaluate()"


@pytest.mark.parametrize(("quantity", "price"), [("NaN", "100"), ("sNaN", "100"), ("1", "NaN"), ("1", "sNaN")])
def test_what_is_no_number_is_denied_by_the_engine_itself(quantity: str, price: str) -> None:
    desk = Desk()
    assert desk.no(desk.order(BUY, quantity, price)).startswith("NOT_ASSESSED: the check failed: InvalidOperation")


def test_an_order_after_one_that_could_not_be_assessed_has_its_own_numbers() -> None:
    desk = Desk(Yes())
    desk.engine.check(desk.order())
    verdict = desk.engine.check(desk.order(BUY, "NaN"))
    assert isinstance(verdict, Denied)
    assert verdict.numbers == ()


def test_nobody_else_can_approve() -> None:
    desk = Desk()
    with pytest.raises(QuantAIError, match="order o1 was not checked"):
        Approved(desk.order(), (), object())


def test_every_shipped_check_has_a_code_of_its_own() -> None:
    codes = [RISK_CHECKS.find(name).code for name in RISK_CHECKS.names()]
    assert len(set(codes)) == len(codes) == 13
    assert set(codes) > NEW_CODES


def test_every_order_is_judged_on_the_account_as_it_is_then() -> None:
    """What one order made the engine compute must not be remembered for the next."""
    world = World([RISK_CHECKS.find("exposure_limit")(max_gross="100")])
    first = world.submit(quantity="1", price="100")
    assert first.state == "PENDING_NEW"
    second = world.submit(quantity="1", price="100")
    assert second.state == "DENIED"
    assert "200" in second.reason


# Scopes


@pytest.mark.parametrize(
    ("scope", "is_asked"),
    [
        (None, True),
        (Scope(), True),
        (Scope(strategies=frozenset({"alpha"})), True),
        (Scope(strategies=frozenset({"beta"})), False),
        (Scope(venues=frozenset({"binance"})), True),
        (Scope(venues=frozenset({"okx"})), False),
        (Scope(instruments=frozenset({("binance", "BTC/USDT")})), True),
        (Scope(instruments=frozenset({("okx", "BTC/USDT")})), False),
        (Scope(frozenset({"alpha"}), frozenset({("binance", "BTC/USDT")}), frozenset({"okx"})), False),
    ],
)
def test_a_check_is_asked_about_its_scope_only(scope: Scope | None, is_asked: bool) -> None:
    counting = Counting()
    counting.bind("some", scope)
    desk = Desk(counting)
    assert desk.no(desk.order()) == ""
    assert (counting.asked, counting.approved) == ((["1 at 100"], ["o1"]) if is_asked else ([], []))


def test_one_kind_may_be_there_twice_with_different_limits() -> None:
    big, small = check("position_limit", "all", max_notional=1000), check("position_limit", "beta", max_notional=100)
    small.bind("beta", Scope(strategies=frozenset({"beta"})))
    desk = Desk(big, small)
    assert desk.no(desk.order(BUY, "5")) == ""
    assert desk.no(desk.order(BUY, "5", strategy="beta")).endswith("the limit is 100 (beta)")
    assert desk.no(desk.order(BUY, "11", strategy="beta")).endswith("the limit is 1000 (all)")


# Approval


def test_only_what_every_check_let_pass_is_told_to_those_that_count() -> None:
    counting = Counting()
    desk = Desk(counting, No())
    desk.engine.check(desk.order())
    assert (len(counting.asked), counting.approved) == (1, [])


# Trading states


@pytest.mark.parametrize(
    ("state", "code"), [(TradingState.HALTED, "TRADING_HALTED"), (TradingState.REDUCING, "TRADING_REDUCING")]
)
def test_a_halt_is_asked_first_and_lets_reducing_orders_pass(state: TradingState, code: str) -> None:
    counting = Counting()
    desk = Desk(counting)
    desk.books.hold("alpha", SPOT, "2")
    desk.states.set(state, reason="enough")
    assert desk.no(desk.order(BUY)) == f"{code}: trading is {state}: enough"
    assert desk.no(desk.order(SELL, "3")).startswith(code)
    assert desk.no(desk.order(SELL, "2", strategy="beta")).startswith(code)
    assert counting.asked == []
    assert desk.no(desk.order(SELL, "2")) == ""


def test_a_halt_of_another_strategy_is_none() -> None:
    desk = Desk()
    desk.states.set(TradingState.HALTED, "beta", "enough")
    assert desk.no(desk.order()) == ""
    assert desk.no(desk.order(strategy="beta")) == "TRADING_HALTED: beta is HALTED: enough"


def test_an_engine_without_states_always_trades() -> None:
    desk = Desk()
    engine = RiskEngine([], desk.view)
    assert isinstance(engine.check(desk.order()), Approved)


# Reducing


def test_what_works_already_counts_against_reducing() -> None:
    desk = Desk()
    desk.books.hold("alpha", SPOT, "2")
    desk.states.set(TradingState.REDUCING)
    desk.rest(desk.order(SELL, "1", "105"))
    assert desk.no(desk.order(SELL, "1.001")).startswith("TRADING_REDUCING")
    assert desk.no(desk.order(SELL, "1")) == ""


def test_a_short_position_is_reduced_by_buying() -> None:
    desk = Desk()
    desk.books.hold("alpha", PERP, "-2")
    desk.states.set(TradingState.REDUCING)
    desk.rest(desk.order(BUY, "1", "95", instrument=PERP))
    assert desk.no(desk.order(BUY, "1.01", instrument=PERP)).startswith("TRADING_REDUCING")
    assert desk.no(desk.order(BUY, "1", instrument=PERP)) == ""
    assert desk.no(desk.order(SELL, "1", instrument=PERP)).startswith("TRADING_REDUCING")


@pytest.mark.parametrize(("side", "held"), [(SELL, "2"), (BUY, "-2")])
def test_a_reduce_only_order_must_reduce(side: Side, held: str) -> None:
    desk = Desk()
    desk.books.hold("alpha", PERP, held)
    assert desk.no(desk.order(side, "2", instrument=PERP, reduce_only=True)) == ""
    flat = desk.order(side, "2", reduce_only=True)
    assert desk.no(flat) == "NOT_REDUCING: alpha has no position of BTC/USDT that it would only make smaller"
    assert desk.no(desk.order(side, "2.01", instrument=PERP, reduce_only=True)).startswith("NOT_REDUCING")
    assert desk.no(desk.order(side.opposite, "1", instrument=PERP, reduce_only=True)).startswith("NOT_REDUCING")


@pytest.mark.parametrize(("side", "held"), [(SELL, "2"), (BUY, "-2")])
def test_a_stop_and_a_target_may_both_be_there(side: Side, held: str) -> None:
    """They reduce the same position, whichever trades: the one must not keep the other from being sent."""
    desk = Desk()
    desk.books.hold("alpha", PERP, held)
    desk.rest(desk.order(side, "2", "100", instrument=PERP, reduce_only=True))
    assert desk.no(desk.order(side, "2", instrument=PERP, reduce_only=True)) == ""
    desk.rest(desk.order(side, "1", "100", instrument=PERP))
    assert desk.no(desk.order(side, "2", instrument=PERP, reduce_only=True)).startswith("NOT_REDUCING")
    assert desk.no(desk.order(side, "1", instrument=PERP, reduce_only=True)) == ""


def test_an_order_for_nothing_does_not_reduce() -> None:
    desk = Desk()
    desk.books.hold("alpha", SPOT, "2")
    desk.states.set(TradingState.REDUCING)
    assert desk.no(desk.order(SELL, "0")).startswith("TRADING_REDUCING")


# Changes


def test_a_change_is_judged_as_another_order_in_place_of_this_one() -> None:
    counting = Counting()
    desk = Desk(check("position_limit", max_notional=500), counting)
    order = desk.rest(desk.order(BUY, "3"))
    desk.rest(desk.order(BUY, "1"))
    verdict = desk.engine.check_change(order, Change(D(4), D(100)))
    assert isinstance(verdict, Approved)
    assert verdict.order is order
    assert counting.asked == ["4 at 100"]
    assert counting.approved == [order.client_order_id]
    assert (order.quantity, order.change) == (D(3), None)
    denied = desk.engine.check_change(order, Change(D("4.001"), D(100)))
    assert isinstance(denied, Denied)
    assert denied.order is order
    assert desk.no(desk.order(BUY, "1.001")) != ""  # and the order counts again
    assert desk.no(desk.order(BUY, "1")) == ""


def test_what_traded_already_counts_once_in_a_change() -> None:
    desk = Desk(check("position_limit", max_notional=500))
    order = desk.order(BUY, "3")
    order.filled_quantity = D(2)
    desk.books.hold("alpha", SPOT, "2")
    desk.rest(order)
    assert isinstance(desk.engine.check_change(order, Change(D(5), D(100))), Approved)
    assert isinstance(desk.engine.check_change(order, Change(D("5.001"), D(100))), Denied)


@pytest.mark.parametrize(
    ("change", "is_asked"),
    [
        (Change(D(2), D(100)), False),
        (Change(D(3), D(100)), False),
        (Change(D(2), D(99)), True),
        (Change(D("3.001"), D(100)), True),
    ],
)
def test_a_change_that_only_makes_the_order_smaller_is_only_asked_whether_it_is_valid(
    change: Change, is_asked: bool
) -> None:
    no, counting = No(), Counting()
    desk = Desk(counting, no)
    order = desk.rest(desk.order(BUY, "3"))
    desk.states.set(TradingState.HALTED)
    desk.cancelled.clear()
    verdict = desk.engine.check_change(order, change)
    assert isinstance(verdict, Denied if is_asked else Approved)
    if isinstance(verdict, Denied):
        assert verdict.code == "TRADING_HALTED"
        assert counting.asked == []
    else:
        assert counting.asked == [f"{change.quantity} at 100"]
        assert counting.approved == []


def test_a_smaller_quantity_must_still_be_valid() -> None:
    desk = Desk(check("quantity_validity"))
    order = desk.order(BUY, "3")
    order.filled_quantity = D(1)
    desk.rest(order)
    denied = desk.engine.check_change(order, Change(D(1), D(100)))
    assert isinstance(denied, Denied)
    assert denied.reason == "quantity 1 is not above the 1 that traded already"
    assert isinstance(desk.engine.check_change(order, Change(D("1.001"), D(100))), Approved)


# Released orders


def test_an_order_that_is_kept_already_is_not_counted_twice() -> None:
    """A stop that is released is in the cache, on its way, when it is asked about."""
    desk = Desk(check("position_limit", max_notional=300), check("max_open_orders", per_strategy=1))
    stop = desk.rest(desk.order(BUY, "3"), OrderState.SUSPENDED)
    assert desk.no(desk.order(BUY, "3")) == ""  # what is kept here is no risk yet
    desk.rest(stop, OrderState.PENDING_NEW)
    assert desk.no(stop) == ""
    assert desk.no(desk.order(BUY, "0.001")) != ""  # it counts for others


def test_parents_do_not_count_and_children_do() -> None:
    desk = Desk(check("position_limit", max_notional=300))
    parent = desk.order(BUY, "3")
    parent.is_parent = True
    desk.rest(parent)
    assert desk.no(desk.order(BUY, "3")) == ""
    desk.rest(desk.order(BUY, "2", parent=parent.client_order_id))
    assert desk.no(desk.order(BUY, "1.001")) != ""
    assert desk.no(desk.order(BUY, "1")) == ""


def test_without_a_clock_an_order_is_as_old_as_its_last_event() -> None:
    desk = Desk()
    view = RiskView(desk.books, desk.market, desk.cache)
    order = desk.order()
    view.begin(order)
    assert view.now_ns == order.ts_submitted
    order.ts_last += 5
    view.begin(order)
    assert view.now_ns == order.ts_submitted + 5
