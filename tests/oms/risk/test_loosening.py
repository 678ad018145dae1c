"""Limits that were loosened since the last run are found, and those that were tightened are not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from quantai.oms.models import Order
from quantai.oms.risk import RISK_CHECKS, Looser, RiskCheck, RiskView, Scope
from quantai.oms.risk.loosening import Loosening, compare_limits, decode, encode, limits_of
from tests.oms.risk.desk import Desk, check


class House(RiskCheck):
    """Nobody says which way its parameter loosens."""

    colour: str = "red"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return None


class Mansion(House):
    pass


def told(before: RiskCheck | None, after: RiskCheck | None) -> list[str]:
    """What is found when one check takes the place of another, after a way through the journal."""
    sides = [decode(encode(limits_of([each] if each else []))) for each in (before, after)]
    return [f"{each}{'' if each.is_certain else '?'}" for each in compare_limits(*sides)]


@pytest.mark.parametrize(
    ("kind", "before", "after", "expected"),
    [
        ("position_limit", {"max_notional": 5}, {"max_notional": "5.0"}, []),
        ("position_limit", {"max_notional": 9}, {"max_notional": 10}, ["max_notional was 9, and is 10 now"]),
        ("position_limit", {"max_notional": 10}, {"max_notional": 9}, []),
        ("price_validity", {"max_age": "5m"}, {"max_age": "0s"}, ["max_age was 300000000000, and is 0 now"]),
        ("price_validity", {"max_age": "0s"}, {"max_age": "5m"}, []),
        ("price_validity", {"max_age": "5m"}, {"max_age": "6m"}, ["max_age was 300000000000, and is 360000000000 now"]),
        ("sufficient_capital", {"fee_buffer": "1%"}, {"fee_buffer": "0.5%"}, ["fee_buffer was 0.01, and is 0.005 now"]),
        ("sufficient_capital", {"fee_buffer": "0.5%"}, {"fee_buffer": "1%"}, []),
        ("max_open_orders", {"per_venue": 5}, {}, ["per_venue was 5, and is none now"]),
        ("max_open_orders", {}, {"per_venue": 5}, []),
        ("drawdown", {"max_rate": "5%"}, {"max_amount": 5}, ["max_rate was 0.05, and is none now"]),
        (
            "exposure_limit", {"max_gross": 5}, {"max_gross": 5, "per": "strategy"},
            ["per was account, and is strategy now?"],
        ),
        ("daily_loss", {"max_loss": 5, "on_breach": "halt"}, {"max_loss": 5}, ["on_breach was halt, and is deny now?"]),
    ],
)  # fmt: skip
def test_parameters_know_which_way_they_loosen(
    kind: str, before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    found = told(check(kind, "mine", **before), check(kind, "mine", **after))
    assert found == [f"risk.checks.mine: {each}" for each in expected]


@pytest.mark.parametrize("name", RISK_CHECKS.names())
def test_every_number_of_a_shipped_check_says_which_way_it_loosens(name: str) -> None:
    cls = RISK_CHECKS.find(name)
    assert set(cls.params_model().model_fields) - set(cls.looser) <= {"per", "on_breach", "day_starts"}
    assert set(cls.looser) <= set(cls.params_model().model_fields)


def test_what_nobody_declared_is_told_as_changed() -> None:
    assert told(House(colour="red"), House(colour="blue")) == ["risk.checks.House: colour was red, and is blue now?"]


def test_a_check_that_is_gone_is_a_loosening_and_a_new_one_is_not() -> None:
    assert told(House(), None) == ["risk.checks.House: the check was House, and is gone now"]
    assert told(None, House()) == []


def test_another_kind_under_the_same_name_is_told_as_changed() -> None:
    before, after = House(), Mansion()
    before.bind("mine")
    after.bind("mine")
    assert told(before, after) == ["risk.checks.mine: the check was House, and is Mansion now?"]


ALPHA, BOTH = frozenset({"alpha"}), frozenset({"alpha", "beta"})
BTC_THERE = frozenset({("okx", "BTC/USDT")})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, Scope(strategies=ALPHA), ["strategies was all, and is alpha now"]),
        (Scope(strategies=BOTH), Scope(strategies=ALPHA), ["strategies was alpha, beta, and is alpha now"]),
        (Scope(strategies=ALPHA), Scope(strategies=BOTH), []),
        (Scope(strategies=ALPHA), None, []),
        (Scope(venues=ALPHA), Scope(venues=frozenset({"beta"})), ["venues was alpha, and is beta now"]),
        (None, Scope(instruments=BTC_THERE), ["instruments was all, and is okx:BTC/USDT now"]),
    ],
)
def test_to_ask_about_fewer_orders_is_looser(before: Scope | None, after: Scope | None, expected: list[str]) -> None:
    checks = []
    for scope in (before, after):
        checks.append(House())
        checks[-1].bind("mine", scope)
    assert told(*checks) == [f"risk.checks.mine: {each}" for each in expected]


def test_a_parameter_that_is_new_since_then_counts_as_no_limit() -> None:
    limits = limits_of([check("order_rate", "rate", total=5)])
    older = decode(encode(limits))
    del older["rate"].params["total"]
    assert compare_limits(older, limits) == []
    assert compare_limits(limits, older) == [Loosening("rate", "total", "5", "none")]


def test_of_what_loosens_downwards_nothing_is_the_loosest() -> None:
    limits = limits_of([check("duplicate_order", "twice", window="1s")])
    older = decode(encode(limits))
    del older["twice"].params["window"]
    assert compare_limits(older, limits) == []
    assert compare_limits(limits, older) == [Loosening("twice", "window", "1000000000", "none")]
    assert limits["twice"].looser == {"window": Looser.LOWER}


# At a start


def test_the_first_run_keeps_its_limits_and_tells_nothing() -> None:
    desk = Desk(check("position_limit", "cap", max_notional=5))
    assert desk.risk.restore({}) == []
    assert decode(desk.settings["risk_limits"]) == limits_of(desk.engine.checks)


def test_the_next_run_warns_of_each_limit_that_is_looser(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    first = Desk(check("position_limit", "cap", max_notional=5), House())
    first.risk.restore({})
    second = Desk(check("position_limit", "cap", max_notional=6), House(colour="blue"))
    found = second.risk.restore(first.settings)
    assert [each.what for each in found] == ["max_notional", "colour"]
    assert caplog.messages == [
        "a limit was loosened: risk.checks.cap: max_notional was 5, and is 6 now",
        "a limit was changed: risk.checks.House: colour was red, and is blue now",
    ]
    caplog.clear()
    third = Desk(check("position_limit", "cap", max_notional=6), House(colour="blue"))
    assert third.risk.restore(second.settings) == []
    assert caplog.messages == []


def test_limits_that_cannot_be_read_are_told_and_replaced(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(House())
    assert desk.risk.restore({"risk_limits": "[]"}) == []
    assert "risk (risk_limits) cannot be read" in caplog.text
    assert decode(desk.settings["risk_limits"]) == limits_of(desk.engine.checks)
