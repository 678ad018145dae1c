"""Topics and the patterns that match them.

A topic is words joined by dots, `market.trade.binance.BTC/USDT`. In a pattern `*` stands for any run of characters, dots
included: `*` is everything, `market.trade.*` all trades, `market.*.binance.*` all of one venue.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from quantai.core.errors import BusError


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A test for `pattern`. Raises `BusError` for an empty one."""
    if not pattern:
        raise BusError("a topic pattern must not be empty; '*' matches every topic")
    if "*" not in pattern:
        return pattern.__eq__
    match = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL).fullmatch
    return lambda topic: match(topic) is not None
