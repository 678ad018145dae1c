"""The order journal: `store`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quantai.core.params import Section


class StoreSection(Section):
    """Where the order journal is kept."""

    type: Literal["memory"]
    """`memory` forgets with the process; enough for simulation and paper, refused where orders are real."""
    max_closed_orders: Annotated[int, Field(ge=1)] = 1_000_000
    """Closed orders kept in memory; the oldest are forgotten first, and counted."""
