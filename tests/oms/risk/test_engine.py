"""The engine: one no is enough, and what fails says no."""

from __future__ import annotations

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.oms.models import Order
from quantai.oms.risk import RISK_CHECKS, Approved, Denied, RiskCheck, RiskView
from tests.oms.world import SPOT, START_NS, D, World


def order() -> Order:
    return Order("o", "alpha", SPOT, Side.BUY, OrderType.LIMIT, D(1), D(100), TimeInForce.GTC, "", START_NS)


class Yes(RiskCheck):
    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return None


class No(RiskCheck):
    code = "NO"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return "the limit is 1"


class EmptyNo(RiskCheck):
    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return ""


class Broken(RiskCheck):
    def evaluate(self, order: Order, view: RiskView) -> str | None:
        raise ZeroDivisionError("boom")


class Undefined(RiskCheck):
    pass


def test_an_order_passes_when_every_check_lets_it() -> None:
    asked = order()
    assert World([Yes(), Yes()]).risk.check(asked) == Approved(asked)


def test_the_first_no_is_the_verdict() -> None:
    asked = order()
    assert World([Yes(), No(), Broken()]).risk.check(asked) == Denied(asked, "NO", "the limit is 1")


def test_a_check_that_fails_denies_and_says_so() -> None:
    verdict = World([Broken(), Yes()]).risk.check(order())
    assert isinstance(verdict, Denied)
    assert (verdict.code, verdict.reason) == ("Broken", "the check failed: ZeroDivisionError: boom")


def test_a_no_without_a_reason_is_a_no() -> None:
    assert isinstance(World([EmptyNo()]).risk.check(order()), Denied)


def test_a_check_that_defines_nothing_denies() -> None:
    assert isinstance(World([Undefined()]).risk.check(order()), Denied)


def test_the_six_standard_checks_are_registered_and_have_codes_of_their_own() -> None:
    codes = {RISK_CHECKS.find(name).code for name in RISK_CHECKS.names()}
    assert len(codes) == 6
    assert "" not in codes


def test_every_order_is_judged_on_the_account_as_it_is_then() -> None:
    """What one order made the engine compute must not be remembered for the next."""
    world = World([RISK_CHECKS.find("exposure_limit")(max_gross="100")])
    first = world.submit(quantity="1", price="100")
    assert first.state == "PENDING_NEW"
    second = world.submit(quantity="1", price="100")
    assert second.state == "DENIED"
    assert "200" in second.reason
