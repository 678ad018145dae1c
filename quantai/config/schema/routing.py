"""Where orders go: `routing`."""

from __future__ import annotations

from quantai.config.schema.markets import UnifiedSymbol
from quantai.core.params import Name, Section


class RoutingRule(Section):
    """Orders that match go to `venue`; what is not given matches everything."""

    strategy: Name | None = None
    symbol: UnifiedSymbol | None = None
    venue: Name
    """One of `exchanges`."""


class RoutingSection(Section):
    """Where an order that names no venue goes: to the first rule that matches, else to the only venue of the symbol."""

    rules: list[RoutingRule] = []
