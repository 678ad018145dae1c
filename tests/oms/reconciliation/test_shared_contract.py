"""Several strategies in one contract: a venue averages what they hold together, and that is no difference."""

from __future__ import annotations

from quantai.core.enums import Side
from tests.oms.reconciliation.model import Core
from tests.oms.world import PERP, D


def trade(core: Core, strategy: str, side: Side, price: str, realized: str) -> None:
    """One contract of 0.01 BTC, at market; the venue says what that brought."""
    order = core.submit(side, "1", price, instrument=PERP, strategy=strategy)
    core.okx.trade(core.okx.of(order), "1", price, realized=realized)
    core.okx.deliver()


async def test_profit_that_a_venue_pays_before_a_strategy_made_it_is_not_adjusted_away_and_back(core: Core) -> None:
    trade(core, "alpha", Side.BUY, "100", "0")
    trade(core, "beta", Side.SELL, "110", "0.1")
    assert core.portfolio.position("okx", PERP.symbol) == 0
    await core.reconcile("okx")
    trade(core, "alpha", Side.SELL, "120", "0")
    trade(core, "beta", Side.BUY, "130", "-0.1")
    await core.reconcile("okx")
    assert core.mismatches == []
    assert core.portfolio.balance("okx", "USDT") == core.okx.balances["USDT"] == D("999.6")
