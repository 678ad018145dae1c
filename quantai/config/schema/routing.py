"""Where orders go: `routing`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from quantai.config.schema.component import ComponentSection
from quantai.config.schema.markets import UnifiedSymbol
from quantai.core.params import Name, NonNegative, Section
from quantai.oms.routing.rules import Route

DEFAULT_ROUTER = "simple"


class RoutingRule(Section):
    """Orders that match go to `venue`; what is not given matches everything. Limits are inclusive."""

    strategy: Name | None = None
    symbol: UnifiedSymbol | None = None
    min_quantity: NonNegative | None = None
    """Orders for at least so much, in base currency or contracts."""
    max_quantity: NonNegative | None = None
    """Orders for at most so much."""
    min_notional: NonNegative | None = None
    """Orders worth at least so much, in the settlement currency of the instrument at `venue`."""
    max_notional: NonNegative | None = None
    """Orders worth at most so much."""
    venue: Name
    """One of `exchanges`."""

    @model_validator(mode="after")
    def _check_limits(self) -> RoutingRule:
        for what in ("quantity", "notional"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if least is not None and most is not None and least > most:
                raise ValueError(f"min_{what} {least} is above max_{what} {most}: no order matches")
        return self


class RoutingSection(ComponentSection):
    """Where an order that names no venue goes: `type` is the router (`simple` where none is named). Whatever it is, the
    first rule that matches decides.
    """

    rules: list[RoutingRule] = []
    max_reroutes: Annotated[int, Field(ge=0, le=100)] = 3
    """How many parts of an order may come back from venues and go to others, where the router divides orders."""

    @property
    def router(self) -> str | None:
        """The registry name of the router; None where `_target_` names its class."""
        return self.type if self.type or self.target else DEFAULT_ROUTER

    def routes(self) -> list[Route]:
        """The rules, as routers take them."""
        return [Route(**rule.model_dump()) for rule in self.rules]
