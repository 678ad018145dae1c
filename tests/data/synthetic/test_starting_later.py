"""A synthetic market from some time on is the one from the beginning, without what is before."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic.paths import WINDOW_SECONDS

Make = Any


@pytest.mark.parametrize("seconds", [-1, 0, 1.5, WINDOW_SECONDS, WINDOW_SECONDS + 30, 10_000])
def test_it_is_the_end_of_the_whole(make: Make, seconds: float) -> None:
    market = make.market(
        make.instrument(), make.instrument("okx:ETH/USDT:USDT", 2_500.0), seconds=2 * WINDOW_SECONDS + 10
    )
    start_ns = make.start_ns + int(seconds * NS_PER_SECOND)
    events = [event for batch in market.batches_from(start_ns, lambda topic: True) for event in batch]
    assert events == [event for event in make.events(market) if event.ts_init >= start_ns]


def test_what_is_wanted_is_asked_at_once(make: Make) -> None:
    asked: set[str] = set()

    def is_wanted(topic: str) -> bool:
        asked.add(topic)
        return False

    make.market().batches_from(0, is_wanted)
    assert asked
