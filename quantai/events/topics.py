"""Topics and the patterns that match them.

A topic is words joined by dots, `market.trade.binance.BTC/USDT`. In a pattern `*` stands for any run of characters,
dots included: `*` is everything, `market.trade.*` all trades, `market.*.binance.*` all of one venue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quantai.core.errors import BusError


def compile_patterns(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A test whether any of `patterns` matches. Raises `BusError` for an empty one, or none at all."""
    tests = [compile_pattern(pattern) for pattern in patterns]
    if not tests:
        raise BusError("a subscription needs at least one topic pattern; '*' matches every topic")
    if len(tests) == 1:
        return tests[0]
    return lambda topic: any(test(topic) for test in tests)


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A test for `pattern`, linear in the topic's length. Raises `BusError` for an empty pattern."""
    if not pattern:
        raise BusError("a topic pattern must not be empty; '*' matches every topic")
    first, *middle = pattern.split("*")
    if not middle:
        return pattern.__eq__
    last = middle.pop()

    def matches(topic: str) -> bool:
        position, end = len(first), len(topic) - len(last)
        if position > end or not topic.startswith(first) or not topic.endswith(last):
            return False
        for part in middle:
            found = topic.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return True

    return matches
