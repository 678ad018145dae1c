"""Pre-trade risk checks."""

from quantai.core.component import Registry
from quantai.oms.risk.base import Approved, Denied, Looser, RiskCheck, RiskEngine, Scope, Verdict
from quantai.oms.risk.states import TradingStates
from quantai.oms.risk.view import Breach, RiskNumber, RiskView

RISK_CHECKS: Registry[RiskCheck] = Registry(
    "risk check",
    RiskCheck,
    "quantai.risk_checks",
    {
        "sufficient_capital": "quantai.oms.risk.capital.SufficientCapital",
        "position_limit": "quantai.oms.risk.standard.PositionLimit",
        "max_open_orders": "quantai.oms.risk.standard.MaxOpenOrders",
        "price_validity": "quantai.oms.risk.standard.PriceValidity",
        "quantity_validity": "quantai.oms.risk.standard.QuantityValidity",
        "exposure_limit": "quantai.oms.risk.standard.ExposureLimit",
        "order_rate": "quantai.oms.risk.flow.OrderRate",
        "duplicate_order": "quantai.oms.risk.flow.DuplicateOrder",
        "self_trade": "quantai.oms.risk.flow.SelfTrade",
        "unknown_order": "quantai.oms.risk.flow.UnknownOrder",
        "stale_market": "quantai.oms.risk.freshness.StaleMarket",
        "daily_loss": "quantai.oms.risk.losses.DailyLoss",
        "drawdown": "quantai.oms.risk.losses.Drawdown",
    },
)

__all__ = [
    "RISK_CHECKS",
    "Approved",
    "Breach",
    "Denied",
    "Looser",
    "RiskCheck",
    "RiskEngine",
    "RiskNumber",
    "RiskView",
    "Scope",
    "TradingStates",
    "Verdict",
]
