"""All cards, in order."""

from __future__ import annotations

import importlib

from tests.venues.contract.cards import CARDS

for _module in (
    "data_streams", "data_faults", "data_history", "exec_orders", "exec_stops", "exec_commands", "exec_doubt",
    "exec_account", "exec_end",
):  # fmt: skip
    importlib.import_module(f"tests.venues.contract.{_module}")

__all__ = ["CARDS"]
