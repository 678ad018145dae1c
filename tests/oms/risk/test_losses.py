"""Limits on losses: found when the portfolio is valued, remembered until the next day or a resume."""

from __future__ import annotations

import logging

import pytest

from quantai.core.enums import TradingState
from quantai.events import PortfolioLimitBreachedEvent, TradingStateEvent
from tests.oms.risk.desk import SELL, Desk, check
from tests.oms.world import SPOT, START_NS, D

HOUR = 3600 * 10**9
DAY = 24 * HOUR


def desk_with(kind: str = "daily_loss", name: str = "", *, equity: str = "1000", **params: object) -> Desk:
    """A desk with one limit, valued once."""
    desk = Desk(check(kind, name, **params))
    desk.value(equity)
    return desk


# Daily loss


def test_a_loss_of_exactly_the_limit_passes_and_more_does_not() -> None:
    desk = desk_with(max_loss=100)
    desk.value("900")
    assert desk.no(desk.order()) == ""
    desk.value("899.99")
    assert desk.no(desk.order()) == "DAILY_LOSS: the account lost 100.01 today, the limit is 100"


def test_a_broken_limit_stays_broken_when_the_loss_is_made_good() -> None:
    desk = desk_with(max_loss=100)
    desk.value("800")
    desk.value("2000")
    assert desk.no(desk.order()) == "DAILY_LOSS: the account lost -1000 today, the limit is 100"


def test_the_next_day_begins_anew() -> None:
    desk = desk_with(max_loss=100)  # START_NS is ten o'clock
    desk.value("800")
    desk.wait(14 * HOUR - 1)
    desk.value("800")
    assert desk.no(desk.order()) != ""
    desk.wait(1)
    desk.value("790")
    assert desk.no(desk.order()) == ""
    desk.value("690")
    assert desk.no(desk.order()) == ""
    desk.value("689")
    assert desk.no(desk.order()) == "DAILY_LOSS: the account lost 101 today, the limit is 100"


def test_a_day_may_begin_at_another_hour() -> None:
    desk = desk_with(max_loss=100, day_starts="11h")
    desk.value("800")
    desk.wait(HOUR - 1)
    desk.value("800")
    assert desk.no(desk.order()) != ""
    desk.wait(1)
    desk.value("800")
    assert desk.no(desk.order()) == ""


def test_a_reducing_order_passes_whatever_was_lost() -> None:
    desk = desk_with(max_loss=100)
    desk.books.hold("alpha", SPOT, "2")
    desk.value("10")
    assert desk.no(desk.order(SELL, "2")) == ""
    assert desk.no(desk.order(SELL, "2.001")) != ""


def test_an_order_looks_at_what_was_found_and_values_nothing() -> None:
    desk = desk_with(max_loss=100)
    asked = desk.books.asked
    desk.books.equity.total = D(1)
    numbers = desk.engine.check(desk.order()).numbers
    assert desk.books.asked == asked
    assert [(each.what, each.value, each.limit) for each in numbers] == [("lost", 0, 100)]


def test_an_order_before_the_first_valuation_makes_one() -> None:
    desk = Desk(check("daily_loss", max_loss=100))
    desk.books.equity.total = D(1000)
    assert desk.no(desk.order()) == ""
    desk.value("899")
    assert desk.no(desk.order()) != ""


def test_what_has_no_price_denies_before_a_whole_valuation_and_changes_nothing_after() -> None:
    desk = Desk(check("daily_loss", max_loss=100))
    desk.books.hold("gamma", SPOT, "1")
    desk.value("1000", unpriced=1)
    assert desk.no(desk.order()) == "DAILY_LOSS: what the account is worth is not known yet"
    assert desk.no(desk.order(SELL, strategy="gamma")) == ""
    desk.value("1000")
    assert desk.no(desk.order()) == ""
    desk.value("10", unpriced=1)
    assert desk.no(desk.order()) == ""


# Per strategy


def test_each_strategy_has_its_own_loss() -> None:
    desk = Desk(check("daily_loss", max_loss=50, per="strategy"))
    desk.value(alpha="10", beta="10")
    assert desk.no(desk.order()) == ""
    assert desk.no(desk.order(strategy="beta")) == ""
    desk.value(alpha="-41", beta="-40")
    assert desk.no(desk.order()) == "DAILY_LOSS: alpha lost 51 today, the limit is 50"
    assert desk.no(desk.order(strategy="beta")) == ""


def test_a_strategy_with_a_position_is_watched_before_its_first_order() -> None:
    desk = Desk(check("daily_loss", max_loss=50, per="strategy"))
    desk.books.hold("alpha", SPOT, "1")
    desk.value(alpha="0")
    desk.value(alpha="-51")
    assert desk.no(desk.order()).startswith("DAILY_LOSS: alpha lost 51")


def test_a_strategy_without_prices_is_denied_until_there_are_some() -> None:
    desk = Desk(check("daily_loss", max_loss=50, per="strategy"))
    desk.books.made["alpha"] = None
    assert desk.no(desk.order()) == "DAILY_LOSS: what alpha is worth is not known yet"
    assert desk.no(desk.order(strategy="beta")) == ""


# Drawdown


def test_drawdown_is_measured_from_the_peak() -> None:
    desk = desk_with("drawdown", max_rate="10%")
    desk.value("2000")
    desk.value("1800")
    assert desk.no(desk.order()) == ""
    desk.value("1799")
    assert desk.no(desk.order()) == "DRAWDOWN: the account lost 201 from the peak, the limit is 200"


def test_a_drawdown_does_not_end_with_the_day() -> None:
    desk = desk_with("drawdown", max_amount=100)
    desk.value("899")
    desk.wait(3 * DAY)
    desk.value("5000")
    assert desk.no(desk.order()) != ""


@pytest.mark.parametrize(("lost", "is_denied"), [("50", False), ("50.01", True)])
def test_of_two_limits_the_smaller_holds(lost: str, is_denied: bool) -> None:
    for rate, amount in (("5%", 70), ("7%", 50)):
        desk = desk_with("drawdown", max_rate=rate, max_amount=amount)
        desk.value(str(1000 - D(lost)))
        assert bool(desk.no(desk.order())) is is_denied


def test_equity_below_nothing_has_no_drawdown_to_spare() -> None:
    desk = desk_with("drawdown", equity="-5", max_rate="10%")
    assert desk.no(desk.order()) == ""
    desk.value("-5.01")
    assert desk.no(desk.order()) == "DRAWDOWN: the account lost 0.01 from the peak, the limit is 0"


def test_a_strategys_drawdown_is_an_amount() -> None:
    desk = Desk(check("drawdown", max_amount=30, per="strategy"))
    desk.value(alpha="0")
    assert desk.no(desk.order()) == ""
    desk.value(alpha="100")
    desk.value(alpha="69")
    assert desk.no(desk.order()) == "DRAWDOWN: alpha lost 31 from the peak, the limit is 30"


@pytest.mark.parametrize(
    ("params", "words"),
    [({}, "give max_rate, max_amount, or both"), ({"max_rate": "5%", "per": "strategy"}, "give max_amount")],
)
def test_a_drawdown_needs_a_limit_that_makes_sense(params: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check("drawdown", **params).validate_params()


@pytest.mark.parametrize("params", [{"max_rate": "5%"}, {"max_amount": 5}, {"max_amount": 5, "per": "strategy"}])
def test_sensible_drawdowns_are_valid(params: dict[str, object]) -> None:
    check("drawdown", **params).validate_params()


# What a breach does


def test_a_breach_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    desk = desk_with(name="my_day", max_loss=100)
    desk.value("899")
    desk.value("800")
    assert desk.said == [PortfolioLimitBreachedEvent(START_NS, START_NS, "my_day", D(101), D(100))]
    assert caplog.messages == ["DAILY_LOSS (my_day): the account lost 101, the limit is 100"]
    assert desk.states.all() == {}


@pytest.mark.parametrize(
    ("on_breach", "state", "cancels"),
    [("reduce", TradingState.REDUCING, []), ("halt", TradingState.HALTED, [None])],
)
def test_a_breach_may_restrict_trading(on_breach: str, state: TradingState, cancels: list[str | None]) -> None:
    desk = desk_with(max_loss=100, on_breach=on_breach)
    desk.value("899")
    reason = "DAILY_LOSS (DAILY_LOSS): the account lost 101, the limit is 100"
    assert desk.states.of("anybody") == (state, f"trading is {state}: {reason}")
    assert desk.said[-1] == TradingStateEvent("all", START_NS, START_NS, state, reason)
    assert [strategy for strategy, _ in desk.cancelled] == cancels
    assert desk.no(desk.order()).startswith(f"TRADING_{state}")


def test_a_breach_of_a_strategy_restricts_that_strategy() -> None:
    desk = Desk(check("drawdown", max_amount=30, per="strategy", on_breach="halt"))
    desk.no(desk.order())
    desk.value(alpha="-31")
    assert list(desk.states.all()) == ["alpha"]


# Resuming


def test_who_resumes_trading_begins_anew_from_there() -> None:
    desk = desk_with("drawdown", max_amount=100, on_breach="reduce")
    desk.value("800")
    assert desk.no(desk.order()) != ""
    desk.states.set(TradingState.ACTIVE, reason="looked at it")
    desk.value("800")
    assert desk.no(desk.order()) == ""
    desk.value("700")
    assert desk.no(desk.order()) == ""
    desk.value("699")
    assert desk.no(desk.order()) != ""


def test_resuming_one_strategy_forgives_no_other() -> None:
    desk = Desk(check("daily_loss", max_loss=50, per="strategy"))
    for strategy in ("alpha", "beta"):
        desk.no(desk.order(strategy=strategy))
    desk.value(alpha="-51", beta="-51")
    desk.states.set(TradingState.ACTIVE, "alpha")
    desk.states.set(TradingState.ACTIVE, "gamma")
    assert desk.no(desk.order()) == ""
    assert desk.no(desk.order(strategy="beta")) != ""


# Restarts


def test_a_restart_forgives_nothing() -> None:
    desk = desk_with(name="day", max_loss=100)
    desk.value("950")
    after = Desk(check("daily_loss", "day", max_loss=100))
    after.risk.restore(desk.settings)
    after.value("899")
    assert after.no(after.order()) == "DAILY_LOSS: the account lost 101 today, the limit is 100 (day)"
    again = Desk(check("daily_loss", "day", max_loss=100))
    again.risk.restore(after.settings)
    assert again.no(again.order()) == "DAILY_LOSS: the account lost 101 today, the limit is 100 (day)"


def test_a_restart_of_the_next_day_is_a_new_day() -> None:
    desk = desk_with(name="day", max_loss=100)
    desk.value("800")
    after = Desk(check("daily_loss", "day", max_loss=100))
    after.wait(DAY)
    after.risk.restore(desk.settings)
    after.value("800")
    assert after.no(after.order()) == ""


def test_marks_are_kept_when_they_move_and_not_at_each_valuation() -> None:
    desk = desk_with("drawdown", "dd", max_amount=100)
    first = desk.settings.pop("risk.dd")
    desk.value("950")
    assert "risk.dd" not in desk.settings
    desk.value("1001")
    assert desk.settings.pop("risk.dd") != first
    desk.value("900")
    assert "risk.dd" in desk.settings


def test_a_mark_that_cannot_be_read_is_told_and_counts_anew(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(check("daily_loss", "day", max_loss=100))
    desk.risk.restore({"risk.day": "{"})
    assert "risk (day) cannot be read and counts anew" in caplog.text
    desk.value("1000")
    assert desk.no(desk.order()) == ""


def test_other_events_value_nothing() -> None:
    desk = desk_with(max_loss=100)
    asked = desk.books.asked
    desk.engine.checks[0].on_event(TradingStateEvent("all", 1, 1, TradingState.ACTIVE, ""), desk.view)
    assert desk.books.asked == asked
