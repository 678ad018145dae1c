"""What the configuration of risk builds."""

from __future__ import annotations

from quantai.assembly.risk import build_risk
from quantai.config import load_config
from quantai.core.enums import TradingState
from quantai.oms.risk import Scope
from quantai.oms.risk.desk import RiskDesk
from tests.oms.risk.desk import Desk


def built(*overrides: str) -> tuple[RiskDesk, Desk]:
    """Risk of the shipped configuration with `overrides`, over books and a market of a test."""
    desk = Desk()
    risk = build_risk(
        load_config(overrides).config,
        account=desk.books,
        market=desk.market,
        cache=desk.cache,
        clock=desk.clock,
        post=desk.said.append,
        put=desk.settings.put,
        cancel_all=lambda strategy, reason: desk.cancelled.append((strategy, reason)),
    )
    return risk, desk


def test_checks_are_asked_in_the_order_of_the_configuration_and_know_their_names() -> None:
    risk, _ = built()
    assert [check.name for check in risk.engine.checks] == [
        "price_validity", "quantity_validity", "max_open_orders", "position_limit", "exposure_limit",
        "sufficient_capital",
    ]  # fmt: skip
    assert {check.scope for check in risk.engine.checks} == {None}


def test_a_disabled_check_is_not_there() -> None:
    risk, _ = built("risk.checks.exposure_limit.enabled=false")
    assert "exposure_limit" not in [check.name for check in risk.engine.checks]


def test_instruments_of_a_scope_are_resolved() -> None:
    risk, _ = built(
        "+risk.checks.small={type: position_limit, max_notional: 5, strategies: [ema_cross], "
        "instruments: [okx_btc_perp], venues: [okx]}",
        "+risk.checks.okx={type: unknown_order, venues: [okx]}",
    )
    small, okx = risk.engine.checks[-2:]
    assert small.scope == Scope(frozenset({"ema_cross"}), frozenset({("okx", "BTC/USDT:USDT")}), frozenset({"okx"}))
    assert okx.scope == Scope(venues=frozenset({"okx"}))


def test_the_parts_are_connected() -> None:
    risk, desk = built("risk=full")
    risk.restore({})
    assert "risk_limits" in desk.settings
    risk.states.set(TradingState.HALTED, "ema_cross", "enough")
    ((strategy, cause),) = desk.cancelled
    assert (strategy, cause.partition("@")[0]) == ("ema_cross", "system.trading_state.ema_cross")
    assert risk.engine.check(desk.order(strategy="ema_cross")).numbers == ()
    assert desk.said != []
