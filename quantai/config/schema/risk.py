"""What every order must pass: `risk`."""

from __future__ import annotations

from quantai.config.schema.component import ComponentSection
from quantai.core.params import Name, Section


class RiskCheckSection(ComponentSection):
    """A pre-trade check by its name, with the limits it holds."""

    enabled: bool = True
    """A disabled check is not asked."""


class RiskSection(Section):
    """What every order must pass before it may leave, in the order of `checks`."""

    checks: dict[Name, RiskCheckSection] = {}
    """Checks by name; the six standard ones are there by default."""
