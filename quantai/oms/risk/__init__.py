"""Pre-trade risk checks."""

from quantai.core.component import Registry
from quantai.oms.risk.base import Approved, Denied, RiskCheck, RiskEngine, RiskView, Verdict

RISK_CHECKS: Registry[RiskCheck] = Registry(
    "risk check",
    RiskCheck,
    "quantai.risk_checks",
    {
        "sufficient_capital": "quantai.oms.risk.standard.SufficientCapital",
        "position_limit": "quantai.oms.risk.standard.PositionLimit",
        "max_open_orders": "quantai.oms.risk.standard.MaxOpenOrders",
        "price_validity": "quantai.oms.risk.standard.PriceValidity",
        "quantity_validity": "quantai.oms.risk.standard.QuantityValidity",
        "exposure_limit": "quantai.oms.risk.standard.ExposureLimit",
    },
)

__all__ = ["RISK_CHECKS", "Approved", "Denied", "RiskCheck", "RiskEngine", "RiskView", "Verdict"]
