"""Strategies: the base class, and what runs one."""

from quantai.core.component import Registry
from quantai.strategy.base import BaseStrategy
from quantai.strategy.runner import StrategyRunner

STRATEGIES: Registry[BaseStrategy] = Registry("strategy", BaseStrategy, "quantai.strategies", {})

__all__ = ["STRATEGIES", "BaseStrategy", "StrategyRunner"]
