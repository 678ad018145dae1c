"""Trading states: the stricter holds, a halt cancels, and a restart changes nothing."""

from __future__ import annotations

import logging

import pytest

from quantai.core.enums import TradingState
from quantai.core.errors import StoreError
from quantai.events import ErrorEvent, TradingStateEvent
from quantai.oms.risk.base import RiskEngine
from quantai.oms.risk.states import COMPONENT, SetState, TradingStates
from tests.oms.risk.desk import SELL, Desk
from tests.oms.world import SPOT, START_NS

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def reborn(desk: Desk) -> Desk:
    """What a restart makes of it."""
    after = Desk()
    after.states.restore(desk.settings)
    return after


def test_trading_goes_on_until_somebody_says_otherwise() -> None:
    states = Desk().states
    assert states.of("alpha") == (ACTIVE, "")
    assert states.all() == {}


@pytest.mark.parametrize(
    ("every", "own", "holds"),
    [
        (ACTIVE, HALTED, "alpha is HALTED: own"),
        (HALTED, ACTIVE, "trading is HALTED: every"),
        (REDUCING, HALTED, "alpha is HALTED: own"),
        (HALTED, REDUCING, "trading is HALTED: every"),
        (REDUCING, ACTIVE, "trading is REDUCING: every"),
        (HALTED, HALTED, "trading is HALTED: every"),
    ],
)
def test_the_stricter_state_holds(every: TradingState, own: TradingState, holds: str) -> None:
    states = Desk().states
    states.set(every, reason="every")
    states.set(own, "alpha", "own")
    state, why = states.of("alpha")
    assert (state in (every, own), why) == (True, holds)
    assert holds.split()[2] == f"{state}:"


def test_a_state_of_one_strategy_is_none_of_another() -> None:
    states = Desk().states
    states.set(HALTED, "alpha")
    assert states.of("alpha") == (HALTED, "alpha is HALTED: nobody said why")
    assert states.of("beta")[0] is ACTIVE
    assert states.all() == {"alpha": SetState(HALTED, "", START_NS)}


def halt_of(whose: str) -> str:
    """How the event of a halt at the start is referred to."""
    return f"system.trading_state.{whose}@{START_NS}"


def test_a_halt_cancels_what_rests_in_it_and_nothing_else_does() -> None:
    desk = Desk()
    desk.states.set(REDUCING, reason="careful")
    desk.states.set(HALTED, "alpha", "enough")
    desk.states.set(HALTED, reason="all of it")
    desk.states.set(ACTIVE)
    assert desk.cancelled == [("alpha", halt_of("alpha")), (None, halt_of("all"))]


def test_each_change_is_told_and_kept() -> None:
    desk = Desk()
    desk.states.set(HALTED, "alpha", "enough")
    desk.states.set(REDUCING, reason="careful")
    assert desk.said == [
        TradingStateEvent("alpha", START_NS, START_NS, HALTED, "enough"),
        TradingStateEvent("all", START_NS, START_NS, REDUCING, "careful"),
    ]
    assert [event.topic for event in desk.said] == ["system.trading_state.alpha", "system.trading_state.all"]


def test_states_survive_a_restart() -> None:
    desk = Desk()
    desk.states.set(HALTED, "alpha", "enough")
    desk.states.set(REDUCING, reason="careful")
    desk.states.set(HALTED, "beta")
    desk.states.set(ACTIVE, "beta")
    after = reborn(desk).states
    assert after.all() == {
        "alpha": SetState(HALTED, "enough", START_NS),
        None: SetState(REDUCING, "careful", START_NS),
    }
    assert after.of("beta") == (REDUCING, "trading is REDUCING: careful")


def test_after_a_restart_a_halt_can_be_enforced_again() -> None:
    desk = Desk()
    desk.states.set(HALTED, "alpha", "enough")
    desk.states.set(REDUCING, reason="careful")
    after = reborn(desk)
    assert after.cancelled == []
    after.states.enforce()
    assert after.cancelled == [("alpha", halt_of("alpha"))]


def test_a_global_halt_is_enforced_for_all() -> None:
    desk = Desk()
    desk.states.set(HALTED, reason="enough")
    after = reborn(desk)
    after.states.enforce()
    assert after.cancelled == [(None, halt_of("all"))]


def test_nothing_kept_is_nothing_set() -> None:
    desk = Desk()
    desk.states.restore({})
    assert desk.states.all() == {}


def test_states_that_cannot_be_read_halt_trading(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.states.restore({"trading_state": '{"": {"state": "SLEEPING"}}'})
    assert desk.states.of("alpha") == (HALTED, "trading is HALTED: the kept states could not be read")
    assert "so trading is halted" in caplog.text


def test_changes_and_kept_states_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    desk = Desk()
    desk.states.set(REDUCING, reason="careful")
    desk.states.set(HALTED, "alpha")
    assert caplog.messages == [
        "trading of all: ACTIVE -> REDUCING (careful)",
        "trading of alpha: ACTIVE -> HALTED (nobody said why)",
    ]
    caplog.clear()
    reborn(desk)
    assert caplog.messages == [
        "trading of all is REDUCING since an earlier run: careful",
        "trading of alpha is HALTED since an earlier run: ",
    ]


@pytest.mark.parametrize(
    ("before", "asked", "after", "cancels"),
    [
        (ACTIVE, REDUCING, REDUCING, 0),
        (REDUCING, REDUCING, REDUCING, 0),
        (REDUCING, HALTED, HALTED, 1),
        (HALTED, REDUCING, HALTED, 1),
        (HALTED, HALTED, HALTED, 1),
    ],
)
def test_tightening_never_loosens(before: TradingState, asked: TradingState, after: TradingState, cancels: int) -> None:
    desk = Desk()
    desk.states.set(before, "alpha", "first")
    said = len(desk.said)
    desk.states.tighten(asked, "alpha", "second")
    state, why = desk.states.of("alpha")
    assert (state, len(desk.cancelled)) == (after, cancels)
    assert (len(desk.said) > said) is (before is not after)
    assert why.endswith("second" if before is not after else "first")


def test_a_halt_that_is_asked_for_again_cancels_again() -> None:
    desk = Desk()
    desk.states.set(HALTED)
    desk.states.set(HALTED)
    assert len(desk.cancelled) == 2


def test_who_waits_for_a_resume_hears_of_it_also_where_nothing_was_halted() -> None:
    desk, heard = Desk(), list[str | None]()
    desk.states.on_resume(heard.append)
    desk.states.set(HALTED, "alpha")
    desk.states.set(REDUCING)
    assert heard == []
    desk.states.set(ACTIVE, "alpha")
    desk.states.set(ACTIVE)
    desk.states.set(ACTIVE, "beta")
    assert heard == ["alpha", None, "beta"]


def test_the_state_counts_before_orders_are_cancelled() -> None:
    """What reacts to a cancel must find trading halted already."""
    desk, seen = Desk(), list[TradingState]()

    def cancel(strategy: str | None, reason: str) -> None:
        seen.append(states.of("alpha")[0])

    states = TradingStates(desk.clock, post=desk.said.append, put=desk.settings.put, cancel_all=cancel)
    states.set(HALTED)
    assert seen == [HALTED]


def test_who_asks_for_a_state_is_told_whether_it_is_durable() -> None:
    desk, answers = Desk(), list[bool]()
    desk.states.set(HALTED, "alpha", then=answers.append)
    assert (answers, [type(event) for event in desk.said]) == ([True], [TradingStateEvent])


@pytest.mark.parametrize(("state", "strategy", "what"), [(HALTED, None, "all is HALTED"), (ACTIVE, "a", "a is ACTIVE")])
def test_a_state_that_a_restart_may_forget_is_alarmed(
    state: TradingState, strategy: str | None, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk, answers = Desk(), list[bool]()
    desk.settings.is_durable = False
    desk.states.set(state, strategy, then=answers.append)
    desk.states.tighten(REDUCING, "beta")
    errors = [event for event in desk.said if isinstance(event, ErrorEvent)]
    text = f"{what}, but the journal may not have that: a restart would forget it"
    assert (answers, len(errors)) == ([False], 2)
    assert (errors[0].component, errors[0].error, errors[0].message) == (COMPONENT, "TradingStateNotKept", text)
    assert (errors[0].ts_event, errors[0].ts_init) == (desk.clock.now_ns(), desk.clock.now_ns())
    assert text in caplog.text


def test_a_journal_that_fails_keeps_no_halt_from_cancelling(caplog: pytest.LogCaptureFixture) -> None:
    desk, answers = Desk(), list[bool]()

    def fail(key: str, value: str, then: object) -> None:
        raise StoreError("it is not open")

    states = TradingStates(
        desk.clock, post=desk.said.append, put=fail,
        cancel_all=lambda strategy, reason: desk.cancelled.append((strategy, reason)),
    )  # fmt: skip
    states.set(HALTED, then=answers.append)
    assert (answers, len(desk.cancelled), states.of("alpha")[0]) == ([False], 1, HALTED)
    assert "the journal failed on: all is HALTED" in caplog.text


def test_what_would_be_sent_later_is_refused_while_its_strategy_is_halted() -> None:
    desk = Desk()
    assert desk.engine.check_kept(desk.order()) is None
    desk.states.set(HALTED, "beta", "enough")
    assert desk.engine.check_kept(desk.order()) is None
    denied = desk.engine.check_kept(desk.order(strategy="beta"))
    assert denied is not None
    assert denied.code == "TRADING_HALTED"
    assert "enough" in denied.reason
    assert desk.engine.check_kept(desk.order(strategy="beta", reduce_only=True)) is None
    desk.states.set(REDUCING, "beta", "less")
    assert desk.engine.check_kept(desk.order(strategy="beta")) is None


def test_what_would_only_reduce_is_kept_in_a_halt() -> None:
    desk = Desk()
    desk.books.hold("alpha", SPOT, "2")
    desk.states.set(HALTED, None, "enough")
    assert desk.engine.check_kept(desk.order(SELL, "2")) is None
    assert desk.engine.check_kept(desk.order(SELL, "2.001")) is not None
    assert RiskEngine((), desk.view).check_kept(desk.order()) is None
