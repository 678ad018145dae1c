"""Sections that name a class: their own keys are checked here, the class's parameters by the class."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from quantai.core.params import Section


class ComponentSection(Section):
    """What names a class by registry name (`type`) or dotted path (`_target_`); further keys are its parameters."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(min_length=1)] | None = None
    """The registry name of the class."""
    target: Annotated[str | None, Field(alias="_target_", min_length=1)] = None
    """The dotted path of the class, in place of `type`."""

    def params(self) -> dict[str, Any]:
        """The keys that are the class's own parameters."""
        return dict(self.model_extra or {})
