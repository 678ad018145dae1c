"""All cards, in order."""

from __future__ import annotations

import tests.venues.contract.data_faults
import tests.venues.contract.data_history
import tests.venues.contract.data_streams  # noqa: F401
from tests.venues.contract.cards import CARDS

__all__ = ["CARDS"]
