"""What each venue that ships can do, as a page: `make docs` writes it, so it is what connectors declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from quantai.exchanges.base import Capabilities
from quantai.exchanges.registry import EXCHANGES

_HEAD = """# Venues

What the connectors that ship with QuantAI declare; a configuration that asks for more is refused when it is composed.
`make docs` writes this page from the code.

"""

_ROWS: tuple[tuple[str, Callable[[Capabilities], str]], ...] = (
    ("market data", lambda can: _listed(can.channels)),
    ("bars", lambda can: _listed(can.bar_intervals, key=_length)),
    ("history to download", lambda can: _listed(can.history)),
    ("lists its instruments", lambda can: _yes(can.lists_instruments)),
    ("order types", lambda can: _listed(can.order_types)),
    ("time in force", lambda can: _listed(can.time_in_force)),
    ("options of its own", lambda can: _listed(can.order_options)),
    ("amend", lambda can: _yes(can.can_amend)),
    ("reduce only", lambda can: _yes(can.can_reduce_only)),
    ("orders in one message", lambda can: str(can.batch_size) if can.order_types else "-"),
    ("dead-man switch", lambda can: _yes(can.has_dead_man_switch)),
    ("environments", lambda can: _listed(can.environments)),
)

_UNITS = "smhdwM"


def _listed(values: Iterable[str], key: Callable[[str], tuple[int, int]] | None = None) -> str:
    return ", ".join(f"`{value}`" for value in sorted((str(value) for value in values), key=key)) or "-"


def _length(interval: str) -> tuple[int, int]:
    return _UNITS.index(interval[-1]), int(interval[:-1])


def _yes(can: bool) -> str:
    return "yes" if can else "-"


def capability_table(capabilities: dict[str, Capabilities]) -> str:
    """A Markdown table with a column for each venue and a row for each capability."""
    lines = [["", *(f"`{venue}`" for venue in capabilities)]]
    lines += [[name, *(show(can) for can in capabilities.values())] for name, show in _ROWS]
    rows = [f"| {' | '.join(cells)} |" for cells in lines]
    rows.insert(1, "|---" * (len(capabilities) + 1) + "|")
    return "\n".join(rows) + "\n"


def venues() -> str:
    """The whole page: of the connectors that ship, not of those of packages that happen to be installed."""
    return _HEAD + capability_table({name: EXCHANGES.find(name).capabilities for name in EXCHANGES.builtin})
