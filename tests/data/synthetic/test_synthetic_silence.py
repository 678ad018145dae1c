"""Silences: a feed that says nothing for a while, and begins again with a whole book."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic import MarketModel
from quantai.events import MarketEvent, OrderBookSnapshotEvent, TickEvent

Make = Any
SILENT_NS = 2 * NS_PER_SECOND
NOISY = MarketModel(gaps_per_day=600, gap_seconds=20)
QUIET = MarketModel(gaps_per_day=0)


def silences(events: list[MarketEvent]) -> list[tuple[MarketEvent, MarketEvent]]:
    """Neighbours far apart: the last event before each silence and the first after it."""
    return [(last, first) for last, first in pairwise(events) if first.ts_event - last.ts_event > SILENT_NS]


def test_feeds_fall_silent_as_often_and_as_long_as_asked(make: Make) -> None:
    lengths = [
        (first.ts_event - last.ts_event) / NS_PER_SECOND
        for last, first in silences(make.events(make.market(seconds=7_200, model=NOISY)))
    ]
    assert 25 < len(lengths) < 75
    assert 10 < sum(lengths) / len(lengths) < 30


def test_without_gaps_no_feed_is_silent(make: Make) -> None:
    assert silences(make.events(make.market(seconds=1_800, model=QUIET))) == []


def test_a_silence_ends_with_a_whole_book_and_a_tick(make: Make) -> None:
    events = make.events(make.market(seconds=1_800, model=NOISY))
    ends = [first for _, first in silences(events)]
    assert len(ends) > 3
    for end in ends:
        place = events.index(end)
        assert isinstance(end, OrderBookSnapshotEvent)
        assert isinstance(events[place + 1], TickEvent)
        assert events[place + 1].ts_event == end.ts_event


def test_the_market_goes_on_in_a_silence(make: Make) -> None:
    """What is heard outside of silences is what a feed without any says, to the byte."""
    noisy = make.events(make.market(seconds=1_800, model=NOISY), "tick", "trade")
    quiet = set(make.events(make.market(seconds=1_800, model=QUIET), "tick", "trade"))
    new = [event for event in noisy if event not in quiet]
    assert len(new) <= 2 * len(silences(noisy)) + 2
    assert len(noisy) < 0.98 * len(quiet)


def test_feeds_fall_silent_one_by_one(make: Make) -> None:
    market = make.market(make.instrument(), make.instrument("okx:BTC/USDT"), seconds=1_800, model=NOISY)
    ends = [
        {first.ts_event for _, first in silences(events)} for events in make.by_instrument(make.events(market)).values()
    ]
    assert not ends[0] & ends[1]
