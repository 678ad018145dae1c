"""What every order must pass: `risk`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from quantai.config.schema.component import ComponentSection
from quantai.core.params import Name, Section

_Names = Annotated[list[Name], Field(min_length=1)]


class RiskCheckSection(ComponentSection):
    """A pre-trade check by its name, with the limits it holds."""

    enabled: bool = True
    """A disabled check is not asked."""
    strategies: _Names | None = None
    """Ask only about orders of these strategies; null is all."""
    instruments: _Names | None = None
    """Ask only about orders on these, by the names in `instruments`; null is all."""
    venues: _Names | None = None
    """Ask only about orders at these exchanges; null is all."""


class RiskSection(Section):
    """What every order must pass before it may leave, in the order of `checks`."""

    checks: dict[Name, RiskCheckSection] = {}
    """Checks by name; the six standard ones are there by default. One type may be there several times, under different
    names, for different orders.
    """
