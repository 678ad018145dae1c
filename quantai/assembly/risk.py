"""Builds what every order must pass."""

from __future__ import annotations

from collections.abc import Callable

from quantai.assembly.markets import component
from quantai.config import Config
from quantai.config.schema import RiskCheckSection
from quantai.core.clock import Clock
from quantai.data.market import MarketView
from quantai.events import Event
from quantai.oms.cache import OrderCache
from quantai.oms.risk import RISK_CHECKS, RiskCheck, RiskEngine, RiskView, Scope, TradingStates
from quantai.oms.risk.account import Account
from quantai.oms.risk.desk import RiskDesk
from quantai.oms.risk.states import CancelAll


def build_risk(
    config: Config,
    *,
    account: Account,
    market: MarketView,
    cache: OrderCache,
    clock: Clock,
    post: Callable[[Event], object],
    put: Callable[..., object],
    cancel_all: CancelAll,
) -> RiskDesk:
    """The engine with the configured checks, and the trading states.

    `post` is the bus's, `put` the journal's. `cancel_all(strategy, reason)` cancels what rests of a strategy, or of all
    where that is None; it is not called before the first halt.
    """
    checks = [_check(config, name, section) for name, section in config.risk.checks.items() if section.enabled]
    states = TradingStates(clock, post=post, put=put, cancel_all=cancel_all)
    engine = RiskEngine(checks, RiskView(account, market, cache, clock), states)
    return RiskDesk(engine, states, clock, post=post, put=put)


def _check(config: Config, name: str, section: RiskCheckSection) -> RiskCheck:
    check = component(RISK_CHECKS, section)
    check.bind(name, _scope(config, section))
    return check


def _scope(config: Config, section: RiskCheckSection) -> Scope | None:
    if section.strategies is section.instruments is section.venues is None:
        return None
    named = [config.instruments[name] for name in section.instruments or ()]
    return Scope(
        None if section.strategies is None else frozenset(section.strategies),
        None if section.instruments is None else frozenset((each.venue, each.symbol) for each in named),
        None if section.venues is None else frozenset(section.venues),
    )
