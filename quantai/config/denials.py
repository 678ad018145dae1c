"""The table of denials, made from the code: every code that can stand in an `order.denied` event."""

from __future__ import annotations

import inspect

from quantai.oms.gate import JOURNAL_DOWN
from quantai.oms.parents import NO_ROUTE
from quantai.oms.risk import RISK_CHECKS
from quantai.oms.risk.base import HALTED, NOT_ASSESSED, NOT_REDUCING, REDUCING

_HEAD = """# Denials

Made from the code by `make docs`; do not edit. An order that is denied was never sent. Its `order.denied` event has one
of these codes, which do not change, and the reason with the numbers; `quantai explain ORDER_ID` shows what every check
compared. What the checks are for, and what passes them always: [the risk guide](guides/risk.md).
"""

_ALWAYS = {
    NOT_ASSESSED: "The order could not be looked at, because a number of it is none.",
    NOT_REDUCING: "The order is flagged reduce-only, and would not only make the strategy's position smaller.",
    HALTED: "Trading is halted, of the strategy or of all, and the order does not only reduce.",
    REDUCING: "Trading is restricted to reducing, of the strategy or of all, and the order does more.",
}

_ELSEWHERE = {
    JOURNAL_DOWN: "The order journal cannot be written now. Cancels still go out.",
    "NOT_JOURNALLED": "The journal did not take the order, so it was not sent.",
    NO_ROUTE: "No venue could take the order, or a part of it.",
    "STOPPING": "The daemon that executes orders is being stopped.",
    "SUPERSEDED": "A newer session of the strategy has taken over.",
    "NOT_SENT": "The bus did not take the request to the daemon that executes.",
    "STALE_COMMAND": "The request, or the event behind it, is too old, or came before and is not known here.",
    "INVALID_REQUEST": "What another daemon asks for is no order here: an unknown strategy or instrument, say.",
}


def denials() -> str:
    """The whole page, in Markdown."""
    checks = {RISK_CHECKS.find(name).code: _check(name) for name in RISK_CHECKS.names()}
    tables = [("Always asked first", _ALWAYS), ("Risk checks", checks), ("Before and after risk", _ELSEWHERE)]
    return _HEAD + "".join(f"\n## {title}\n\n{_table(rows)}" for title, rows in tables)


def _check(name: str) -> str:
    words = (inspect.getdoc(RISK_CHECKS.find(name)) or "").split("\n\n")[0].split()
    return f"`type: {name}`. {' '.join(words)}"


def _table(rows: dict[str, str]) -> str:
    lines = [f"| `{code}` | {meaning} |" for code, meaning in rows.items()]
    return "\n".join(["| code | meaning |", "|---|---|", *lines, ""])
