from __future__ import annotations

import pytest

from quantai.events import Event, MarketEvent
from quantai.events.bus.redis.streams import EVENTS, MARKET, stream_of, streams_of, takes_all
from quantai.events.topics import compile_pattern


@pytest.mark.parametrize(
    ("patterns", "streams"),
    [
        (["*"], [MARKET, EVENTS]),
        (["market.*"], [MARKET]),
        (["market.trade.okx.A/B"], [MARKET]),
        (["m*"], [MARKET, EVENTS]),
        (["market*"], [MARKET, EVENTS]),
        (["market"], [EVENTS]),
        (["*.A/B"], [MARKET, EVENTS]),
        (["order.*", "position.*"], [EVENTS]),
        (["order.*", "market.tick.*"], [MARKET, EVENTS]),
        (["portfolio.value"], [EVENTS]),
        ([], []),
    ],
)
def test_the_streams_that_patterns_need(patterns: list[str], streams: list[str]) -> None:
    assert streams_of(patterns) == streams


def test_every_event_goes_to_a_stream_that_its_pattern_needs() -> None:
    for cls in Event.concrete():
        assert stream_of(cls) == (MARKET if issubclass(cls, MarketEvent) else EVENTS)
        for pattern in ("*", f"{cls.topic_prefix}*", f"{cls.topic_prefix[:3]}*", f"*{cls.topic_prefix[3:]}*"):
            assert compile_pattern(pattern)(cls.topic_prefix)
            assert stream_of(cls) in streams_of([pattern])


def test_patterns_that_take_a_whole_stream() -> None:
    assert takes_all(["x", "*"], EVENTS)
    assert takes_all(["market.*"], MARKET)
    assert not takes_all(["market.*"], EVENTS)
    assert not takes_all(["market.trade.*", "order.*"], MARKET)
